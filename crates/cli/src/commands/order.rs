//! `modeltrail order`: in which order checkpoints came, and how sure each step of it is.

use super::points::Points;
use super::runs::shown;
use super::{ended, print_json, print_text};
use crate::global::{Global, Outcome};
use crate::progress::Work;
use anyhow::Result;
use clap::Args;
use modeltrail::order::Orders;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail order checkpoints/
  modeltrail order zoos/mlp-small --space svd-10
  modeltrail order sketches.json --runs 3 --json

All checkpoints are put in one order, unless the weights separate runs or --runs is given: then each run
has its own. Where steps or epochs are claimed, the orders are scored against them. Exit status: 0 = fine, 1 = something
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

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let trained = command.points.read()?;
    let work = Work::new("ordering", 0);
    let orders = Orders::find(trained, command.runs, command.points.input.seed, &work)?;
    drop(work);
    if global.json {
        print_json(&orders)?;
    } else {
        print_text(&orders.to_text(shown(command.all)))?;
    }
    let trained = orders.trained();
    Ok(ended(trained.is_fine(), trained.has_remarks(), global))
}
