//! How long the recent steps of the accredited checkpoint's run are.

use crate::checkpoint::Checkpoint;
use crate::collection::shared::{Reference, collect_shared};
use crate::collection::{Collection, Group, Options, Space, Unit, parameters};
use crate::detector::ranges;
use crate::error::{Error, Result};
use crate::evidence;
use crate::printable::printable;
use crate::runs::RunOptions;
use checkpoint_store::TensorShape;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use trajectory::progress::{Progress, Units};
use trajectory::shift::{Detector, Threshold, Verdict};
use weightspace::compare::Pair;
use weightspace::compare::lines::most_moved;
use weightspace::distance::distance;
use weightspace::sketch::{Parameters, relative_error};

/// Steps of the run up to the accredited checkpoint.
#[derive(Debug, Clone)]
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
    /// Checkpoints of another architecture, skipped.
    pub others: usize,
    /// The most that a row or column of any matrix moved in these steps, as
    /// [`most_moved`] counts; none of sketches.
    pub most_moved_line: Option<f64>,
    /// What followed the run up to the accredited checkpoint; none of sketches.
    pub(crate) follower: Option<Box<Follower>>,
}

/// A run that was followed up to its accredited checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Follower {
    detector: Detector,
    layout: Vec<TensorShape>,
    /// The interval of the last step, in the unit of the claims; 1 where nothing is claimed.
    interval: f64,
}

impl Follower {
    /// What the detector says of a candidate as the next checkpoint, and its threshold; none before it has
    /// seen enough steps, and where the candidate has other tensors.
    pub(crate) fn judge(&self, candidate: &Checkpoint) -> Result<Option<(Verdict, String, f64)>> {
        let Some(point) = candidate.point(&self.layout)? else {
            return Ok(None);
        };
        let length: u64 = parameters(&self.layout);
        if point.len() as u64 != length {
            return Ok(None);
        }
        let mut detector = self.detector.clone();
        let reading = detector.push_after(self.interval, &point)?;
        let threshold = Threshold::built_in();
        Ok(reading.verdict.map(|verdict| {
            let evidence = evidence::of(&verdict, &self.layout).join("; ");
            (verdict, evidence, threshold.score())
        }))
    }
}

/// Follows a run along its order.
fn follow(group: &Group, order: &[u32]) -> Result<Option<Box<Follower>>> {
    if group.space == Space::Sketches {
        return Ok(None);
    }
    let mut detector = Detector::new(Threshold::built_in(), &ranges(&group.layout))?;
    let position = |column: u32| {
        let member = group.members.get(column as usize)?;
        member.claims.position.map(|claim| claim.value)
    };
    let (mut interval, mut before) = (1.0, None);
    for &column in order {
        let now = position(column);
        if let (Some(before), Some(now)) = (before, now) {
            interval = u64::saturating_sub(now, before).max(1) as f64;
        }
        before = now;
        let point = group.points.column(column as usize);
        detector.push_after(interval, point.data.into_slice())?;
    }
    Ok(Some(Box::new(Follower {
        detector,
        layout: group.layout.clone(),
        interval,
    })))
}

/// The most that a row or column of any matrix moved in the last steps of an order.
fn most_moved_line(group: &Group, order: &[u32], steps: usize) -> Option<f64> {
    if group.space == Space::Sketches {
        return None;
    }
    let recent = order.get(order.len().saturating_sub(steps + 1)..)?;
    let mut most: Option<f64> = None;
    for pair in recent.windows(2) {
        let column = |leaf: u32| group.points.column(leaf as usize).data.into_slice();
        let (a, b): (&[f32], &[f32]) = (column(pair[0]), column(pair[1]));
        for (tensor, range) in group.layout.iter().zip(ranges(&group.layout)) {
            let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
            let (Some(a), Some(b)) = (a.get(range.clone()), b.get(range)) else {
                continue;
            };
            let moved = most_moved(&Pair {
                name: &tensor.name,
                shape: &shape,
                a,
                b,
            });
            most = moved
                .map(|moved| moved.relative.max(most.unwrap_or(0.0)))
                .or(most);
        }
    }
    most
}

impl History {
    /// Reads the run that the paths stand for: as sketches, if the accredited checkpoint is one.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn read(paths: &[PathBuf], accredited: &Checkpoint, options: &Options) -> Result<Self> {
        let memory = if accredited.is_sketch() {
            0
        } else {
            options.memory
        };
        let options = options.clone().memory(memory);
        let reference = Reference {
            one: accredited,
            least: 1.0,
            map: &options.map,
        };
        let (collection, others) = collect_shared(paths, &options, &reference);
        let others = others.iter().map(|other| other.checkpoints).sum();
        Self::beside(&collection, others, accredited, options.seed)
    }

    /// How long the steps of a run are. Everything must have been read and be finite: a missing
    /// checkpoint makes a step longer, and with it the budget. `seed` is that of the order, where it
    /// has to be inferred from the weights.
    ///
    /// # Errors
    /// When something could not be read or is not finite, several runs are claimed, or fewer than
    /// two different checkpoints have the tensors of the accredited one.
    pub fn of(collection: &Collection, accredited: &Checkpoint, seed: u64) -> Result<Self> {
        Self::beside(collection, 0, accredited, seed)
    }

    /// As [`of`](Self::of), beside so many checkpoints of another architecture that were not read.
    fn beside(
        collection: &Collection,
        not_read: usize,
        accredited: &Checkpoint,
        seed: u64,
    ) -> Result<Self> {
        check_complete(collection)?;
        let shapes = accredited.shapes();
        let (own, others): (Vec<&Group>, Vec<&Group>) = collection
            .groups
            .iter()
            .partition(|group| is_alike(group, &shapes));
        let Some(group) = own.first() else {
            return unusable(
                "none of its checkpoints has the tensors of the accredited one".to_owned(),
            );
        };
        check_one_run(group)?;
        let claimed = claimed_order(group);
        let is_claimed = claimed.is_some();
        let mut order = match claimed {
            Some(order) => order,
            None => inferred_order(group, seed)?,
        };
        let checkpoints = order.len();
        let distances = distances(group, &order, accredited)?;
        let has_accredited = end_at(&mut order, &distances, is_claimed);
        if order.len() < 2 {
            return unusable(format!(
                "it has {} different checkpoint(s) with the tensors of the accredited one, and a \
                 step needs two",
                order.len()
            ));
        }
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
            has_accredited,
            most_moved_line: most_moved_line(group, &order, units.recent),
            follower: follow(group, &order)?.filter(|_| has_accredited),
            others: not_read
                + others
                    .iter()
                    .map(|group| group.members.len())
                    .sum::<usize>(),
        })
    }
}

fn unusable<T>(reason: String) -> Result<T> {
    Err(Error::History { reason })
}

/// # Errors
/// When something was not read, or is not finite.
fn check_complete(collection: &Collection) -> Result<()> {
    if let Some(problem) = collection.problems.first() {
        return unusable(format!("it must be complete: {}", problem.message));
    }
    if let Some(unread) = collection.unread.first() {
        return unusable(format!(
            "it must be complete: tensor {} of {} could not be read ({}, {})",
            printable(&unread.tensor),
            unread.checkpoint,
            unread.dtype,
            unread.reason
        ));
    }
    if let Some(bad) = collection.not_finite.first() {
        return unusable(format!(
            "{} has weights that are NaN or infinite: remove it from the history",
            bad.name
        ));
    }
    Ok(())
}

/// Cuts an order after the accredited checkpoint, by the distances from it, and returns whether it is
/// there. If it is not, the end that is nearer is taken for the newest, unless claims give the order.
fn end_at(order: &mut Vec<u32>, distances: &[f64], is_claimed: bool) -> bool {
    let place = distances.iter().position(|&distance| distance == 0.0);
    match place {
        Some(place) if place > 0 => order.truncate(place + 1),
        Some(_) => {}
        None if !is_claimed && distances.first() < distances.last() => order.reverse(),
        None => {}
    }
    place.is_some()
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
fn check_one_run(group: &Group) -> Result<()> {
    let claims = group.members.iter().filter_map(|m| m.claims.run.as_ref());
    let mut runs: Vec<&str> = claims.map(|claim| claim.value.as_str()).collect();
    runs.sort_unstable();
    runs.dedup();
    if runs.len() > 1 {
        return unusable(format!(
            "it claims to be of several runs ({}): give the run of the accredited checkpoint",
            printable(&runs.join(", "))
        ));
    }
    Ok(())
}

/// Columns in the order of the claimed positions, copies once; none unless every different
/// checkpoint claims another position in the same unit.
fn claimed_order(group: &Group) -> Option<Vec<u32>> {
    let mut known: HashMap<u64, (u32, Option<(Unit, u64)>)> = HashMap::new();
    for (column, member) in (0..).zip(&group.members) {
        // An average is no checkpoint of the run, and a copy is none of its own.
        if member.aside.is_some() {
            continue;
        }
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

/// Columns in the order that is inferred from the weights.
fn inferred_order(group: &Group, seed: u64) -> Result<Vec<u32>> {
    let found = group.runs(&RunOptions {
        runs: Some(1),
        seed,
        ..RunOptions::default()
    })?;
    let places = found.runs.iter().flat_map(|run| &run.places);
    Ok(places.map(|place| place.member as u32).collect())
}

/// The distance of each of these columns from the accredited checkpoint: NaN if that is not finite.
fn distances(group: &Group, order: &[u32], accredited: &Checkpoint) -> Result<Vec<f64>> {
    if !accredited.not_finite()?.is_empty() {
        return Ok(vec![f64::NAN; order.len()]);
    }
    let point = point(accredited, group)?;
    Ok(order
        .iter()
        .map(|&column| to(group, column, &point))
        .collect())
}

/// The accredited checkpoint as a column of the group.
fn point(accredited: &Checkpoint, group: &Group) -> Result<Vec<f32>> {
    let known = match group.space {
        Space::Weights => accredited.point(&group.layout)?,
        Space::Sketches => None,
    };
    match known {
        Some(point) => Ok(point),
        None => Ok(accredited.sketch()?.values.clone()),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
