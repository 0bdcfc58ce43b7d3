//! `modeltrail umap`: checkpoints in the plane.

use super::{print_json, print_text, read, table};
use crate::cli::{Global, Outcome, Points};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use weightspace::umap::{Parameters, embed};

#[derive(Args)]
pub(crate) struct Command {
    #[command(flatten)]
    points: Points,
    /// Nearest neighbours that a checkpoint is held to.
    #[arg(long, default_value_t = 15, value_name = "K")]
    neighbors: usize,
    /// How close points may lie in the plane.
    #[arg(long, default_value_t = 0.1, value_name = "DISTANCE")]
    min_dist: f64,
}

#[derive(Serialize)]
struct Answer {
    space: String,
    components: usize,
    points: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    run: u64,
    epoch: u32,
    x: f32,
    y: f32,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let shuffled = read(&command.points)?;
    let space = command.points.space;
    let projected = space.project(shuffled.matrix())?;
    let parameters = Parameters {
        neighbors: command.neighbors,
        min_dist: command.min_dist,
        seed: command.points.seed,
        ..Parameters::default()
    };
    let embedding = embed(projected.matrix(), &parameters)?;
    let mut points: Vec<Point> = shuffled
        .checkpoints()
        .iter()
        .zip(&embedding.positions)
        .map(|(checkpoint, &[x, y])| Point {
            run: checkpoint.run,
            epoch: checkpoint.epoch,
            x,
            y,
        })
        .collect();
    points.sort_by_key(|point| (point.run, point.epoch));
    let answer = Answer {
        space: space.to_string(),
        components: embedding.components,
        points,
    };
    if global.json {
        print_json(&answer)?;
    } else {
        let rows = answer.points.iter().map(|point| {
            [
                point.run.to_string(),
                point.epoch.to_string(),
                format!("{:.3}", point.x),
                format!("{:.3}", point.y),
            ]
        });
        print_text(&table(["run", "epoch", "x", "y"], rows))?;
    }
    Ok(Outcome::Fine)
}
