//! Checkpoints in the plane, by UMAP.

use crate::collection::{Group, PositionClaim};
use crate::coverage::Coverage;
use crate::error::Result;
use crate::points::{Document, Trained};
use crate::progress::{Progress, stage};
use crate::text::table;
use serde::Serialize;
use weightspace::umap::{Embedding, Parameters, embed};

/// Every checkpoint of a collection in the plane.
#[derive(Debug)]
pub struct Umap {
    trained: Trained,
    /// In the order of the groups.
    layouts: Vec<Embedding>,
}

impl Umap {
    /// Lays out every group.
    ///
    /// # Errors
    /// When the parameters do not fit the number of checkpoints.
    pub fn find(
        trained: Trained,
        parameters: &Parameters,
        progress: &dyn Progress,
    ) -> Result<Self> {
        progress.add(trained.groups.len() as u64);
        let layouts = trained.groups.iter().map(|group| {
            stage(progress, "", || {
                let projected = trained.space.project(group.points.as_view())?;
                Ok(embed(projected.matrix(), parameters)?)
            })
        });
        let layouts = layouts.collect::<Result<_>>()?;
        Ok(Self { trained, layouts })
    }

    /// How much of the checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        &self.trained.coverage
    }

    /// What was laid out, and what was skipped.
    pub fn trained(&self) -> &Trained {
        &self.trained
    }

    fn document(&self) -> Document<GroupOut<'_>> {
        let found = self.trained.groups.iter().zip(&self.layouts);
        let groups = found.map(|(group, layout)| out(group, layout)).collect();
        self.trained.document("modeltrail.umap/1", groups)
    }
}

impl Serialize for Umap {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document().serialize(serializer)
    }
}

impl std::fmt::Display for Umap {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let groups = self.document().groups;
        formatter.write_str(&self.trained.text(&groups, positions))
    }
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

fn out<'a>(group: &'a Group, layout: &Embedding) -> GroupOut<'a> {
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
    GroupOut {
        checkpoints: group.members.len(),
        parameters: group.parameters(),
        components: layout.components,
        points,
    }
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
