//! The report: one page with tables, figures and an interactive scatter.

use super::figures::Figure;
use super::tables::comparison;
use super::zoo::Analysed;
use crate::machine::Machine;
use report::figure::Embedding;
use report::html::{Block, Page, Section};

pub(super) fn page(
    zoos: &[Analysed],
    controls: &[Analysed],
    figures: Vec<Figure>,
    views: Vec<Embedding>,
    machine: &Machine,
) -> Page {
    let mut sections = vec![
        Section {
            title: "Look around".to_owned(),
            blocks: vec![Block::Scatter {
                views,
                caption:
                    "Every checkpoint of every run, laid out by UMAP. Hover to see seed, epoch \
                          and accuracy; scroll or drag to move; double-click to return."
                        .to_owned(),
            }],
        },
        Section {
            title: "Tables".to_owned(),
            blocks: std::iter::once(Block::Text(READING.to_owned()))
                .chain(zoos.iter().map(|zoo| Block::Table(comparison(zoo))))
                .collect(),
        },
        Section {
            title: "Figures".to_owned(),
            blocks: figures
                .into_iter()
                .map(|figure| Block::Figure {
                    svg: figure.svg,
                    caption: figure.caption,
                })
                .collect(),
        },
    ];
    if !controls.is_empty() {
        sections.push(Section {
            title: "Controls".to_owned(),
            blocks: std::iter::once(Block::Text(CONTROLS.to_owned()))
                .chain(controls.iter().map(|zoo| Block::Table(comparison(zoo))))
                .collect(),
        });
    }
    sections.push(Section {
        title: "Recipes".to_owned(),
        blocks: zoos
            .iter()
            .chain(controls)
            .map(|zoo| {
                Block::Verbatim(format!(
                    "{}store BLAKE3 {}",
                    zoo.zoo.recipe.to_toml(),
                    zoo.blake3
                ))
            })
            .collect(),
    });
    Page {
        title: "Trajectories of neural networks in weight space".to_owned(),
        summary: SUMMARY.to_owned(),
        facts: facts(zoos, machine),
        sections,
    }
}

fn facts(zoos: &[Analysed], machine: &Machine) -> Vec<(String, String)> {
    let mut facts = vec![("Paper".to_owned(), PAPER.to_owned())];
    for zoo in zoos {
        let recipe = &zoo.zoo.recipe;
        let left_out = match zoo.points.diverged().len() {
            0 => String::new(),
            count => format!(", {count} diverged runs left out"),
        };
        facts.push((
            format!("{} zoo", zoo.architecture()),
            format!(
                "{} seeds x {} epochs, {} parameters{left_out}",
                recipe.seeds,
                recipe.epochs,
                zoo.parameters()
            ),
        ));
    }
    facts.push((
        "Data".to_owned(),
        "MNIST at 14x14: 60,000 training, 10,000 test images".to_owned(),
    ));
    facts.push(("Commit".to_owned(), machine.commit.clone()));
    facts.push((
        "Machine".to_owned(),
        format!(
            "{}, {} cores, {}",
            machine.processor, machine.cores, machine.instruction_set
        ),
    ));
    facts
}

const PAPER: &str = "Schürholt & Borth, An Investigation of the Weight Space to Monitor the Training \
                     Progress of Neural Networks";

const SUMMARY: &str = "Checkpoints of many small networks, told apart and put in order from their \
weights alone, as Schürholt and Borth did, with their results beside ours.";

pub(super) const READING: &str =
    "Checkpoints are shuffled before anything is computed. Runs are the clusters \
that remain when the longest edges of the minimum spanning tree are cut. The mean purity counts a \
cluster of one checkpoint as pure, so read it beside the purity weighted by size, the number of \
such clusters and the largest one.

Ordered initial epochs: how many epochs stand in order from the first on. Ordered epochs: share of \
a run's pairs of successive epochs that stand next to each other in order. \"ours\" is the paper's \
order, by decreasing height of first merge with ties broken at random; \"by path\" follows the \
spanning tree. \"ties leaked\" is a control: mutual nearest neighbours tie exactly, and a stable sort \
of checkpoints that come in the order of their epochs puts each such pair right without having found \
out. \"random\" is a random order. ± is one standard error over clusters.

Where ours and the paper's differ: in the CNN's reduced spaces our clusters stay purer than the \
paper's, and our order by merge height falls off faster with the dimension. The order with leaked \
ties falls off as the paper's does; but for the MLP it is the order with random ties that agrees with \
the paper, so leaked ties alone do not explain it. The paper's CNN zoo was not trained as printed: a \
weight decay of 0.1 leaves nothing to tell apart (see the controls), and which value was used is not \
known. Runs that move further, compared with the distance between them, would merge as the paper's \
do.";

const CONTROLS: &str = "cnn-as-printed has the weight decay of the paper's Table 1, 0.1, which drives \
every weight to zero: nothing is left to tell apart. The two others have no weight decay at all.";
