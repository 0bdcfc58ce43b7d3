//! `modeltrail linkage`: which checkpoints belong to one run.

use super::{estimate, print_json, print_text, read_and_analyse, table};
use crate::cli::{Global, Outcome, Points};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use trajectory::scoring::Purity;
use trajectory::spanning_tree::SpanningTree;

#[derive(Args)]
pub(crate) struct Command {
    #[command(flatten)]
    points: Points,
    /// Number of clusters to cut the tree into; the number of runs in the store when not given.
    #[arg(long, value_name = "N")]
    clusters: Option<usize>,
    /// Print the minimum spanning tree as Graphviz DOT.
    #[arg(long, conflicts_with = "json")]
    dot: bool,
}

#[derive(Serialize)]
struct Answer {
    space: String,
    checkpoints: usize,
    runs: usize,
    left_out_runs: usize,
    purity: Purity,
    cut_height: Option<f64>,
    clusters: Vec<Vec<Member>>,
}

#[derive(Serialize)]
struct Member {
    run: u64,
    epoch: u32,
    first_merge_height: f64,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let (shuffled, found) = read_and_analyse(&command.points, command.clusters)?;
    let space = command.points.space;
    let checkpoints = shuffled.checkpoints();
    if command.dot {
        let tree = SpanningTree::new(checkpoints.len(), &found.edges)?;
        print_text(&tree.to_dot(|leaf| {
            let checkpoint = &checkpoints[leaf as usize];
            format!("{}/{}", checkpoint.run, checkpoint.epoch)
        }))?;
        return Ok(Outcome::Fine);
    }
    let heights = found.dendrogram.first_merge_heights();
    let first_cut = found.edges.len().checked_sub(found.clusters.len() - 1);
    let answer = Answer {
        space: space.to_string(),
        checkpoints: checkpoints.len(),
        runs: shuffled.runs().len(),
        left_out_runs: shuffled.diverged().len(),
        cut_height: first_cut
            .and_then(|edge| found.edges.get(edge))
            .map(|edge| edge.length),
        clusters: found
            .clusters
            .iter()
            .map(|members| {
                let member = |&leaf: &u32| Member {
                    run: checkpoints[leaf as usize].run,
                    epoch: checkpoints[leaf as usize].epoch,
                    first_merge_height: heights[leaf as usize],
                };
                members.iter().map(member).collect()
            })
            .collect(),
        purity: found.purity,
    };
    if global.json {
        print_json(&answer)?;
    } else {
        print_text(&summary(&answer))?;
    }
    Ok(Outcome::Fine)
}

fn summary(answer: &Answer) -> comfy_table::Table {
    let purity = &answer.purity;
    let rows = [
        ("space", answer.space.clone()),
        ("checkpoints", answer.checkpoints.to_string()),
        ("runs", answer.runs.to_string()),
        (
            "runs left out (not finite)",
            answer.left_out_runs.to_string(),
        ),
        ("clusters", answer.clusters.len().to_string()),
        ("purity, mean over clusters", estimate(&purity.mean, 3)),
        ("purity, weighted by size", estimate(&purity.weighted, 3)),
        ("clusters of one checkpoint", purity.singletons.to_string()),
        ("largest cluster", purity.largest.to_string()),
        (
            "shortest edge cut",
            answer
                .cut_height
                .map_or("–".to_owned(), |h| format!("{h:.4}")),
        ),
    ];
    table(["", ""], rows.map(|(what, value)| [what.to_owned(), value]))
}
