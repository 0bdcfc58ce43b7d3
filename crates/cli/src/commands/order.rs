//! `modeltrail order`: in which order the checkpoints of each run came.

use super::{estimate, print_json, print_text, read_and_analyse, table};
use crate::cli::{Global, Outcome, Points};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use trajectory::ordering::Direction;
use trajectory::scoring::OrderScores;

#[derive(Args)]
pub(crate) struct Command {
    #[command(flatten)]
    points: Points,
    /// Number of runs to look for; those in the store when not given.
    #[arg(long, value_name = "N")]
    clusters: Option<usize>,
}

#[derive(Serialize)]
struct Answer {
    space: String,
    checkpoints: usize,
    left_out_runs: usize,
    scores: Scores,
    clusters: Vec<Order>,
}

/// How right the orders are, against the epochs that the store records.
#[derive(Serialize)]
struct Scores {
    by_merge_height: OrderScores,
    along_tree: OrderScores,
    random: OrderScores,
}

#[derive(Serialize)]
struct Order {
    direction: Direction,
    confidence: f64,
    along_tree: Vec<Member>,
    by_merge_height: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    run: u64,
    epoch: u32,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let (shuffled, found) = read_and_analyse(&command.points, command.clusters)?;
    let space = command.points.space;
    let members = |leaves: &[u32]| -> Vec<Member> {
        let checkpoints = leaves
            .iter()
            .map(|&leaf| &shuffled.checkpoints()[leaf as usize]);
        checkpoints
            .map(|checkpoint| Member {
                run: checkpoint.run,
                epoch: checkpoint.epoch,
            })
            .collect()
    };
    let orders = found.along_tree.iter().zip(&found.by_height);
    let answer = Answer {
        space: space.to_string(),
        checkpoints: shuffled.checkpoints().len(),
        left_out_runs: shuffled.diverged().len(),
        clusters: orders
            .map(|(path, heights)| Order {
                direction: path.direction,
                confidence: path.confidence,
                along_tree: members(&path.leaves),
                by_merge_height: members(heights),
            })
            .collect(),
        scores: Scores {
            by_merge_height: found.by_height_scores,
            along_tree: found.along_tree_scores,
            random: found.random_scores,
        },
    };
    if global.json {
        print_json(&answer)?;
    } else {
        print_text(&summary(&answer))?;
    }
    Ok(Outcome::Fine)
}

fn summary(answer: &Answer) -> comfy_table::Table {
    let row = |method: &str, scores: &OrderScores| {
        [
            method.to_owned(),
            estimate(&scores.initial, 2),
            estimate(&scores.fraction_of_run, 3),
            estimate(&scores.kendall_tau, 3),
        ]
    };
    let title = format!(
        "{} checkpoints in {} clusters, space {}",
        answer.checkpoints,
        answer.clusters.len(),
        answer.space
    );
    table(
        [
            title.as_str(),
            "ordered initial epochs",
            "ordered epochs",
            "Kendall τ",
        ],
        [
            row(
                "by merge height (the paper's)",
                &answer.scores.by_merge_height,
            ),
            row("along the spanning tree", &answer.scores.along_tree),
            row("random", &answer.scores.random),
        ],
    )
}
