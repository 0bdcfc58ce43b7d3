//! How long the recent steps of the accredited checkpoint's run are.

use super::sides::{Kept, Side};
use crate::collection::{Group, Options, Space, Unit, collect};
use crate::runs::RunOptions;
use anyhow::{Result, bail, ensure};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use trajectory::progress::{Progress, Units};
use weightspace::distance::distance;
use weightspace::sketch::{Parameters, relative_error};

/// Steps of the run up to the accredited checkpoint.
#[derive(Debug)]
pub struct History {
    /// Different checkpoints with the accredited one's tensors.
    pub checkpoints: usize,
    /// Newest steps that the unit is the median of, at most 10.
    pub steps: usize,
    /// Their median length, in the units of the weights.
    pub recent_step: f64,
    /// Relative standard error of the step, at most; 0 if it is exact.
    pub error: f64,
    /// Whether names and metadata give the order, or the weights have to.
    pub is_claimed: bool,
    /// Whether the accredited checkpoint is among them, and so the steps end there.
    pub has_accredited: bool,
    /// Checkpoints of another architecture, left out.
    pub others: usize,
}

impl History {
    /// Reads the run. Everything must be readable and finite: a missing checkpoint makes a step
    /// longer, and with it the budget.
    ///
    /// # Errors
    /// When something cannot be read or is not finite, several runs are claimed, or fewer than two
    /// different checkpoints have the tensors of the accredited one.
    pub fn read(paths: &[PathBuf], accredited: &Side, options: &Options) -> Result<Self> {
        let memory = if accredited.is_sketch() {
            0
        } else {
            options.memory
        };
        let options = Options { memory, ..*options };
        let collection = collect(paths, &options);
        if let Some(problem) = collection.problems.first() {
            bail!("the history must be whole: {}", problem.message);
        }
        if let Some(bad) = collection.not_finite.first() {
            bail!(
                "{} of the history has weights that are NaN or infinite: leave it out",
                bad.name
            );
        }
        let mut others = 0;
        let mut own = None;
        let shapes = accredited.shapes();
        for group in collection.groups {
            if is_alike(&group, &shapes) {
                own = Some(group);
            } else {
                others += group.members.len();
            }
        }
        let Some(group) = own else {
            bail!("no checkpoint of the history has the tensors of the accredited one");
        };
        one_run(&group)?;
        let claimed = claimed_order(&group);
        let is_claimed = claimed.is_some();
        let mut order = match claimed {
            Some(order) => order,
            None => found_order(&group, &options)?,
        };
        let checkpoints = order.len();
        let point = point(accredited, &group)?;
        let apart: Vec<f64> = order
            .iter()
            .map(|&column| to(&group, column, &point))
            .collect();
        let place = apart.iter().position(|&distance| distance == 0.0);
        match place {
            Some(place) if place > 0 => order.truncate(place + 1),
            Some(_) => {}
            // The weights do not say which end is the newest: the one that is nearer.
            None if !is_claimed && apart.first() < apart.last() => order.reverse(),
            None => {}
        }
        ensure!(
            order.len() > 1,
            "the history has {} different checkpoint(s) with the tensors of the accredited one, and a \
             step needs two",
            order.len()
        );
        let units = Units::default();
        let progress = Progress::since(group.points.as_view(), &order, 0, &units)?;
        Ok(Self {
            checkpoints,
            steps: units.recent.min(order.len() - 1),
            recent_step: progress.recent_step,
            error: match group.space {
                Space::Weights => 0.0,
                Space::Sketches => relative_error(Parameters::default().dimensions),
            },
            is_claimed,
            has_accredited: place.is_some(),
            others,
        })
    }
}

fn is_alike(group: &Group, shapes: &BTreeMap<&str, &[usize]>) -> bool {
    group.layout.len() == shapes.len()
        && group.layout.iter().all(|tensor| {
            let sides = tensor.shape.iter().copied();
            let own = shapes.get(tensor.name.as_str());
            own.is_some_and(|shape| sides.eq(shape.iter().map(|&side| side as u64)))
        })
}

/// # Errors
/// When the members claim different runs: a step from one to another is no step.
fn one_run(group: &Group) -> Result<()> {
    let claims = group.members.iter().filter_map(|m| m.claims.run.as_ref());
    let mut runs: Vec<&str> = claims.map(|claim| claim.value.as_str()).collect();
    runs.sort_unstable();
    runs.dedup();
    ensure!(
        runs.len() < 2,
        "the history claims to be of several runs ({}): give the run of the accredited checkpoint",
        crate::collection::printable(&runs.join(", "))
    );
    Ok(())
}

/// Columns in the order of the claimed positions, copies once; none unless every different
/// checkpoint claims another position in the same unit.
fn claimed_order(group: &Group) -> Option<Vec<u32>> {
    let mut known: HashMap<u64, (u32, Option<(Unit, u64)>)> = HashMap::new();
    for (column, member) in (0..).zip(&group.members) {
        let position = member
            .claims
            .position
            .map(|claim| (claim.unit, claim.value));
        let entry = known.entry(member.identity).or_insert((column, position));
        if entry.1.is_none() {
            *entry = (column, position);
        }
    }
    let mut places: Vec<(Unit, u64, u32)> = known
        .into_values()
        .map(|(column, position)| position.map(|(unit, value)| (unit, value, column)))
        .collect::<Option<_>>()?;
    places.sort_unstable();
    let is_sound = places
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.0 == b.0 && a.1 != b.1));
    is_sound.then(|| places.into_iter().map(|(_, _, column)| column).collect())
}

/// Columns in the order that the weights tell.
fn found_order(group: &Group, options: &Options) -> Result<Vec<u32>> {
    let answer = group.runs(&RunOptions {
        runs: Some(1),
        seed: options.seed,
        ..RunOptions::default()
    })?;
    let places = answer.runs.iter().flat_map(|run| &run.places);
    Ok(places
        .map(|place| u32::try_from(place.member))
        .collect::<Result<_, _>>()?)
}

/// The accredited checkpoint as a column of the group.
fn point(accredited: &Side, group: &Group) -> Result<Vec<f32>> {
    match (&accredited.kept, group.space) {
        (Kept::Weights(single), Space::Weights) => {
            let tensors = single.tensors();
            let values: HashMap<&str, &[f32]> =
                tensors.iter().map(|t| (t.name, t.values)).collect();
            let parts = group.layout.iter();
            Ok(parts
                .filter_map(|tensor| values.get(tensor.name.as_str()))
                .flat_map(|values| values.iter().copied())
                .collect())
        }
        _ => Ok(accredited.sketch()?.values.clone()),
    }
}

/// The distance of a column from a point; infinite if there is no such column.
fn to(group: &Group, column: u32, point: &[f32]) -> f64 {
    let column = column as usize;
    if column >= group.points.ncols() || group.points.nrows() != point.len() {
        return f64::INFINITY;
    }
    let view = group.points.column(column);
    distance(view.data.into_slice(), point)
}
