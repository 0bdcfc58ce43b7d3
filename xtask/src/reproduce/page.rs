//! The report: one page with tables, figures and an interactive scatter.

use super::tables::{READING, comparison, differences, fit};
use crate::machine::Machine;
use experiments::Figure;
use report::figure::Embedding;
use report::html::{Block, Page, Section};
use zoo::Analysed;

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
                caption: "Every checkpoint of every run, laid out by UMAP.".to_owned(),
            }],
        },
        Section {
            title: "Tables".to_owned(),
            blocks: std::iter::once(Block::Text(READING.to_owned()))
                .chain(zoos.iter().flat_map(|zoo| {
                    let tables = std::iter::once(comparison(zoo)).chain(fit(zoo));
                    tables.map(Block::Table)
                }))
                .chain(std::iter::once(Block::Text(differences(zoos))))
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

const CONTROLS: &str = "cnn-as-printed has the weight decay of the paper's Table 1, 0.1, which drives \
every weight to zero: nothing is left to tell apart. The two others have no weight decay at all.";
