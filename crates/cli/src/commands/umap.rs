//! `modeltrail umap`: checkpoints in the plane.

use super::points::Points;
use super::{ended, print_json, print_text};
use crate::global::{Global, Outcome};
use crate::progress::Work;
use anyhow::Result;
use clap::Args;
use modeltrail::umap::Umap;
use weightspace::umap::Parameters;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail umap zoos/mlp-small --neighbors 5 --json
  modeltrail umap checkpoints/

`modeltrail report` draws the picture. Exit status: 0 = fine, 1 = something could not be read or is not finite,
2 = an error.")]
pub(crate) struct Command {
    #[command(flatten)]
    points: Points,
    /// Number of nearest neighbours of a checkpoint that the layout keeps near it.
    #[arg(long, default_value_t = 15, value_name = "K")]
    neighbors: usize,
    /// How close points may lie in the plane.
    #[arg(long, default_value_t = 0.1, value_name = "DISTANCE")]
    min_dist: f64,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let trained = command.points.read()?;
    let work = Work::new("laying out", 0);
    let parameters = Parameters {
        neighbors: command.neighbors,
        min_dist: command.min_dist,
        seed: command.points.input.seed,
        ..Parameters::default()
    };
    let umap = Umap::find(trained, &parameters, &work)?;
    drop(work);
    if global.json {
        print_json(&umap)?;
    } else {
        print_text(&umap)?;
    }
    let trained = umap.trained();
    Ok(ended(trained.is_fine(), trained.has_remarks(), global))
}
