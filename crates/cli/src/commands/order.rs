//! `modeltrail order`: in which order checkpoints came, and how sure each step of it is.

mod json;
mod text;

use super::trained::Points;
use super::{print_json, print_text};
use crate::cli::{Global, Outcome};
use crate::collection::Group;
use crate::progress::Work;
use crate::runs::scores::{Scores, score};
use crate::runs::{Answer, STAGES, Wanted, find_watched};
use anyhow::Result;
use clap::Args;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail order checkpoints/
  modeltrail order zoos/mlp-small --space svd-10
  modeltrail order sketches.json --runs 3 --json

One order of everything, unless the weights tell runs apart or --runs does: then one of each. Where
steps or epochs are claimed, the orders are scored against them. Exit status: 0 = fine, 1 = something
could not be read or is not finite, 2 = an error.")]
pub(crate) struct Command {
    #[command(flatten)]
    points: Points,
    /// Number of runs, if you know it; 1 for one order of everything.
    #[arg(long, visible_alias = "clusters", value_name = "N")]
    runs: Option<usize>,
    /// Show every run, and every checkpoint of long runs.
    #[arg(long)]
    all: bool,
}

/// A group, its orders, and how right they are.
struct Ordered<'a> {
    group: &'a Group,
    answer: Answer,
    /// None where nothing is claimed.
    scores: Option<Scores>,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let trained = command.points.read()?;
    let wanted = Wanted {
        runs: command.runs,
        space: command.points.space,
        seed: command.points.input.seed,
    };
    let work = Work::new("ordering", trained.groups.len() as u64 * (STAGES + 1));
    let ordered = trained.groups.iter().map(|group| {
        let answer = find_watched(group, &wanted, &work)?;
        let scores = work.stage("scoring", || score(group, &answer, &wanted))?;
        Ok(Ordered {
            group,
            answer,
            scores,
        })
    });
    let ordered = ordered.collect::<Result<Vec<Ordered<'_>>>>()?;
    drop(work);
    if global.json {
        print_json(&json::document(&ordered, &trained, wanted.space))?;
    } else {
        print_text(&text::page(&ordered, &trained, wanted.space, command.all))?;
    }
    Ok(match trained.is_fine() {
        true => Outcome::Fine,
        false => Outcome::Finding,
    })
}
