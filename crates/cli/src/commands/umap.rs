//! `modeltrail umap`: checkpoints in the plane.

use super::trained::{Points, heading};
use super::{print_json, print_text, table};
use crate::cli::{Global, Outcome};
use crate::collection::{Group, PositionClaim};
use crate::progress::Work;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use weightspace::umap::{Parameters, embed};

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail umap zoos/mlp-small --neighbors 5 --json
  modeltrail umap checkpoints/

`modeltrail report` draws it. Exit status: 0 = fine, 1 = something could not be read or is not finite,
2 = an error.")]
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
struct GroupOut<'a> {
    checkpoints: usize,
    parameters: u64,
    /// Parts of the picture that no neighbourhood joins: how they lie to each other says little.
    components: usize,
    points: Vec<Point<'a>>,
}

#[derive(Serialize)]
struct Point<'a> {
    name: &'a str,
    run: Option<&'a str>,
    position: Option<PositionClaim>,
    x: f32,
    y: f32,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let trained = command.points.read()?;
    let work = Work::new("laying out", trained.groups.len() as u64);
    let groups = trained.groups.iter();
    let groups = groups
        .map(|group| work.stage("", || lay_out(group, command)))
        .collect::<Result<_>>()?;
    let answer = trained.answer("modeltrail.umap/1", &command.points, groups);
    drop(work);
    if global.json {
        print_json(&answer)?;
    } else {
        let parts = answer.groups.iter().zip(&trained.groups);
        let parts: Vec<String> = parts
            .map(|(found, group)| {
                let heading = heading(group, command.points.space);
                let note = trained.untrained_note();
                format!("{heading}{note}\n{}", positions(found))
            })
            .collect();
        print_text(&parts.join("\n\n"))?;
    }
    Ok(match trained.is_fine() {
        true => Outcome::Fine,
        false => Outcome::Finding,
    })
}

fn lay_out<'a>(group: &'a Group, command: &Command) -> Result<GroupOut<'a>> {
    let projected = command.points.space.project(group.points.as_view())?;
    let parameters = Parameters {
        neighbors: command.neighbors,
        min_dist: command.min_dist,
        seed: command.points.input.seed,
        ..Parameters::default()
    };
    let layout = embed(projected.matrix(), &parameters)?;
    let mut points: Vec<Point<'a>> = group
        .members
        .iter()
        .zip(&layout.positions)
        .map(|(member, &[x, y])| Point {
            name: &member.name,
            run: member.claims.run.as_ref().map(|run| run.value.as_str()),
            position: member.claims.position,
            x,
            y,
        })
        .collect();
    // As people count: the shuffle is for the algorithm.
    points.sort_by_key(|point| {
        let run = point.run.map(|run| (run.len(), run));
        (
            run,
            point.position.map(|position| position.value),
            point.name,
        )
    });
    Ok(GroupOut {
        checkpoints: group.members.len(),
        parameters: group.parameters(),
        components: layout.components,
        points,
    })
}

fn positions(found: &GroupOut<'_>) -> String {
    let rows = found.points.iter().map(|point| {
        let position = point.position;
        let position = position.map(|claim| format!("{} {}", claim.unit.name(), claim.value));
        [
            point.name.to_owned(),
            position.unwrap_or_else(|| "–".to_owned()),
            format!("{:.3}", point.x),
            format!("{:.3}", point.y),
        ]
    });
    table(["checkpoint", "claims", "x", "y"], rows)
}
