//! Where along a run the suspect left it, and how far it has come since.

use super::near::Near;
use super::suspect::Suspect;
use crate::collection::{Group, Space};
use crate::error::Result;
use crate::runs::Runs;
use nalgebra::DMatrix;
use trajectory::forks::{Origin, Parameters, family};
use trajectory::ordering::Direction;
use trajectory::progress::{Progress, Units};

/// Fewest checkpoints of a run along which a place is looked for.
const FEWEST: usize = 3;

/// Where along the nearest run.
#[derive(Debug)]
pub(crate) struct Place {
    /// Median length of up to 10 steps of the run, up to the nearest checkpoint or, where it is the
    /// first, from there.
    pub(crate) recent_step: Option<f64>,
    /// After which checkpoint the suspect left the run: members of the group.
    pub(crate) fork: Option<Fork>,
    /// Whether the nearest is the run's first checkpoint: it may have been left before.
    pub(crate) is_first: bool,
    /// Whether the weights say which end of the run is the first.
    pub(crate) is_directed: bool,
}

/// The last checkpoint before the suspect left, and the first and last that it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fork {
    pub(crate) after: usize,
    pub(crate) between: (usize, usize),
    pub(crate) is_certain: bool,
}

/// Where along the run of its nearest checkpoint the suspect is; none if that is in no run.
///
/// # Errors
/// When steps or forks cannot be computed.
pub(crate) fn find(
    group: &Group,
    answer: &Runs,
    suspect: &Suspect,
    near: &Near,
) -> Result<Option<Place>> {
    let Some(run) = answer.runs.get(near.run) else {
        return Ok(None);
    };
    let members: Vec<usize> = run.places.iter().map(|place| place.member).collect();
    let is_directed = run.direction == Direction::Forward;
    Ok(Some(Place {
        recent_step: recent_step(group, &members, near.place)?,
        fork: if members.len() < FEWEST || group.space == Space::Sketches || near.distance == 0.0 {
            None
        } else {
            fork(group, &members, suspect, is_directed)?
        },
        is_first: near.place == 0 && members.len() > 1,
        is_directed,
    }))
}

/// The run's steps around a place; none for a run of one checkpoint.
fn recent_step(group: &Group, members: &[usize], place: usize) -> Result<Option<f64>> {
    let order: Vec<u32> = members.iter().map(|&member| member as u32).collect();
    let units = Units::default();
    let around = match place {
        0 => order.get(..order.len().min(units.recent + 1)),
        _ => order.get(..=place),
    };
    let Some(around) = around.filter(|order| order.len() > 1) else {
        return Ok(None);
    };
    let step = Progress::since(group.points.as_view(), around, 0, &units)?.recent_step;
    Ok((step > 0.0).then_some(step))
}

/// The suspect as a branch of one checkpoint.
fn fork(
    group: &Group,
    members: &[usize],
    suspect: &Suspect,
    is_directed: bool,
) -> Result<Option<Fork>> {
    let rows = group.points.nrows();
    let mut points = DMatrix::zeros(rows, members.len() + 1);
    for (column, &member) in members.iter().enumerate() {
        points.set_column(column, &group.points.column(member));
    }
    points
        .column_mut(members.len())
        .copy_from_slice(&suspect.point);
    let last = members.len() as u32;
    let runs: [Vec<u32>; 2] = [(0..last).collect(), vec![last]];
    let family = family(points.as_view(), &runs, &Parameters::default())?;
    let Some(Origin::Fork(fork)) = family.origins().get(1) else {
        return Ok(None);
    };
    let member = |place: usize| members.get(place).copied();
    let found = member(fork.after).zip(member(fork.interval.0).zip(member(fork.interval.1)));
    Ok(found.map(|(after, between)| Fork {
        after,
        between,
        is_certain: is_directed && fork.is_certain(),
    }))
}
