//! `modeltrail linkage`: which checkpoints belong to one run, by single linkage.

use super::points::Points;
use super::{ended, print_json, print_raw, print_text};
use crate::global::{Global, Outcome};
use crate::progress::Work;
use anyhow::Result;
use clap::Args;
use modeltrail::linkage::Linkage;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail linkage zoos/mlp-small --space svd-10
  modeltrail linkage checkpoints/ --clusters 2
  modeltrail linkage 'runs/*/epoch-*.pt' --dot

Purity is measured against the runs that names and metadata claim, if there are any. Exit status: 0 = fine, 1 = something could not
be read or is not finite, 2 = an error.")]
pub(crate) struct Command {
    #[command(flatten)]
    points: Points,
    /// Number of clusters to cut the tree into. Otherwise there are as many as runs are claimed, or as
    /// the weights show if none are claimed.
    #[arg(long, visible_alias = "runs", value_name = "N")]
    clusters: Option<usize>,
    /// Print the minimum spanning tree as Graphviz DOT.
    #[arg(long, conflicts_with = "json")]
    dot: bool,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let trained = command.points.read()?;
    let work = Work::new("linking", 0);
    let linkage = Linkage::find(trained, command.clusters, &work)?;
    drop(work);
    if command.dot {
        print_raw(&linkage.to_dot()?)?;
    } else if global.json {
        print_json(&linkage)?;
    } else {
        print_text(&linkage)?;
    }
    let trained = linkage.trained();
    Ok(ended(trained.is_fine(), trained.has_remarks(), global))
}
