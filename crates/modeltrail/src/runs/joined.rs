//! Parts of one run: a sudden change can move a training so far that its checkpoints before and after
//! lie farther apart than any others. What claims to go on, and does by the weights, is one run.

use super::distinct::Distinct;
use crate::collection::{Group, Unit};
use nalgebra::DMatrixView;
use trajectory::assignment::Clusters;
use trajectory::ordering::{Directed, Direction};
use weightspace::distance::distance;
use weightspace::statistics::median;

/// Fewest checkpoints of a part that another goes on from.
const FEWEST: usize = 4;
/// The last checkpoint of a part is at most so many times farther from the first of the next than the
/// nearest is.
const NEAR: f64 = 1.1;
/// No third part comes within so many times the joint of either of its ends: what lies between several
/// parts alike continues none of them.
const ALONE: f64 = 1.3;
/// A gap between the parts that is longer than so many usual intervals lacks checkpoints.
const LONGEST_GAP: f64 = 1.5;
/// How sure a direction must be for another part to be joined to its end.
const SURE: f64 = 0.9;
/// Fewest steps, and the least rank correlation with their places, that shrink.
const FEWEST_STEPS: usize = 6;
const SHRINKING: f64 = 0.6;

/// An order with the confidence of each pair of neighbours.
pub(super) type Ordered = (Directed, Vec<f64>);

/// A part all of which claims positions of one run that rise along it.
struct Part {
    ordered: Ordered,
    /// As it was found.
    found: Option<Ordered>,
    run: Option<String>,
    unit: Unit,
    positions: Vec<u64>,
}

/// Joins what are parts of one run, and a leaf of each part that was joined to another.
pub(super) fn join(
    points: DMatrixView<'_, f32>,
    ordered: Vec<Ordered>,
    distinct: &Distinct,
    group: &Group,
    gathered: &Clusters,
    families: &Clusters,
) -> (Vec<Ordered>, Vec<u32>) {
    let (ordered, mut fewer) = joined_by_weights(points, ordered, gathered, families);
    let mut whole: Vec<Ordered> = Vec::new();
    let mut parts: Vec<Part> = Vec::new();
    for one in ordered {
        match Part::of(one, distinct, group) {
            Ok(part) => parts.push(part),
            Err(other) => whole.push(other),
        }
    }
    parts.sort_by(|a, b| {
        let key = |part: &Part| (part.run.clone(), part.unit, part.positions.first().copied());
        key(a).cmp(&key(b))
    });
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(before) if before.goes_on_as(&part, points, families) => {
                fewer.extend(part.ordered.0.leaves.first());
                before.append(part);
            }
            _ => joined.push(part),
        }
    }
    // What was joined to nothing stays as it was found.
    let left = joined
        .into_iter()
        .map(|part| part.found.unwrap_or(part.ordered));
    whole.extend(left);
    (whole, fewer)
}

/// Joins parts of which one continues the other, by the weights alone.
///
/// The nearest checkpoints of both must be ends. Two runs that left one start are nearest each other at
/// their starts, too, from where steps grow shorter: they stay apart where directions or steps show that.
fn joined_by_weights(
    points: DMatrixView<'_, f32>,
    mut ordered: Vec<Ordered>,
    gathered: &Clusters,
    families: &Clusters,
) -> (Vec<Ordered>, Vec<u32>) {
    let mut fewer = Vec::new();
    while let Some((first, second, turned)) = next_pair(points, &ordered, gathered, families) {
        let (mut next, next_edges) = ordered.swap_remove(second.max(first));
        let (mut own, own_edges) = ordered.swap_remove(second.min(first));
        let (mut edges, mut after) = (own_edges, next_edges);
        if second < first {
            std::mem::swap(&mut own, &mut next);
            std::mem::swap(&mut edges, &mut after);
        }
        for (order, edges, is_turned) in [
            (&mut own, &mut edges, turned[0]),
            (&mut next, &mut after, turned[1]),
        ] {
            if is_turned {
                order.leaves.reverse();
                edges.reverse();
            }
        }
        fewer.extend(next.leaves.first());
        edges.resize(own.leaves.len().saturating_sub(1), f64::NAN);
        edges.push(f64::NAN);
        edges.extend(after);
        own.leaves.extend(&next.leaves);
        // Which way it went is known if it is of one part.
        let known = [&own, &next].map(|order| (order.direction == Direction::Forward) as u8);
        if known[0] < known[1] || own.confidence < next.confidence && known[0] == known[1] {
            (own.direction, own.confidence) = (next.direction, next.confidence);
        }
        ordered.push((own, edges));
    }
    (ordered, fewer)
}

/// The places of two parts, the first of which ends where the second begins, and which of them have to
/// be turned round for that.
fn next_pair(
    points: DMatrixView<'_, f32>,
    ordered: &[Ordered],
    gathered: &Clusters,
    families: &Clusters,
) -> Option<(usize, usize, [bool; 2])> {
    let column = |leaf: u32| points.column(leaf as usize);
    let apart = |a: u32, b: u32| distance(column(a).as_slice(), column(b).as_slice());
    let places = 0..ordered.len();
    let pairs = places
        .clone()
        .flat_map(|i| places.clone().map(move |j| (i, j)));
    for (i, j) in pairs.filter(|(i, j)| i != j) {
        let (Some((own, _)), Some((next, _))) = (ordered.get(i), ordered.get(j)) else {
            continue;
        };
        let ends = |order: &Directed| Some((*order.leaves.first()?, *order.leaves.last()?));
        let (Some(own_ends), Some(next_ends)) = (ends(own), ends(next)) else {
            continue;
        };
        // What branches off goes on beside the rest, however near their ends may be.
        let label = |leaf: u32| gathered.labels().get(leaf as usize);
        let is_branch = label(own_ends.0) == label(next_ends.0);
        let family = |leaf: u32| families.labels().get(leaf as usize);
        let is_related = family(own_ends.0) == family(next_ends.0);
        let lengths = [own.leaves.len(), next.leaves.len()];
        let is_long = lengths.iter().any(|&length| length >= FEWEST) && !lengths.contains(&1);
        if !is_long || is_branch || !is_related {
            continue;
        }
        // Which way round each has to be for the one to end where the other begins.
        let ways = [false, true].into_iter().flat_map(|turn_own| {
            [false, true].map(|turn_next| {
                let end = if turn_own { own_ends.0 } else { own_ends.1 };
                let start = if turn_next { next_ends.1 } else { next_ends.0 };
                (apart(end, start), end, start, [turn_own, turn_next])
            })
        });
        let Some((joint, end, start, turned)) = ways.min_by(|x, y| x.0.total_cmp(&y.0)) else {
            continue;
        };
        // Of two runs that left one start both are known to begin here, or one is and the other's steps
        // shrink away from here.
        let away = |order: &Directed, is_turned: bool| {
            let mut leaves = order.leaves.clone();
            if is_turned {
                leaves.reverse();
            }
            let steps = leaves.windows(2).map(|pair| apart(pair[0], pair[1]));
            shrink(&steps.collect::<Vec<_>>())
        };
        let is_known =
            |order: &Directed| order.direction == Direction::Forward && order.confidence >= SURE;
        let [own_begins, next_begins] = [is_known(own) && turned[0], is_known(next) && !turned[1]];
        let [own_stops, next_stops] = [is_known(own) && !turned[0], is_known(next) && turned[1]];
        // Both begin here; or the second ends here, and this pair the other way round is the one to join.
        if own_begins || next_stops || next_begins && !own_stops && away(own, !turned[0]) {
            continue;
        }
        let from_own = own.leaves.iter().map(|&leaf| apart(leaf, start));
        let from_next = next.leaves.iter().map(|&leaf| apart(end, leaf));
        let nearest = from_own.chain(from_next).fold(f64::INFINITY, f64::min);
        let others = places.clone().filter(|&k| k != i && k != j);
        let others = others.filter_map(|k| ordered.get(k));
        let others = others.flat_map(|(other, _)| other.leaves.iter());
        let is_alone = others
            .filter(|&&leaf| family(leaf) == family(end))
            .all(|&leaf| apart(end, leaf).min(apart(start, leaf)) > ALONE * joint);
        if joint <= NEAR * nearest && is_alone {
            return Some((i, j, turned));
        }
    }
    None
}

/// Whether steps grow shorter, by the rank correlation of their lengths and their places.
fn shrink(steps: &[f64]) -> bool {
    let count = steps.len();
    let rank = |of: f64| steps.iter().filter(|other| **other < of).count() as f64;
    let middle = 0.5 * (count as f64 - 1.0);
    let (mut both, mut squares) = (0.0, 0.0);
    for (place, &step) in steps.iter().enumerate() {
        let (x, y) = (place as f64 - middle, rank(step) - middle);
        both += x * y;
        squares += x * x;
    }
    count >= FEWEST_STEPS && both <= -SHRINKING * squares
}

impl Part {
    fn of(ordered: Ordered, distinct: &Distinct, group: &Group) -> Result<Self, Ordered> {
        let claims = ordered.0.leaves.iter().map(|&leaf| {
            let member = group.members.get(*distinct.members(leaf).first()?)?;
            let position = member.claims.position?;
            let run = member.claims.run.as_ref().map(|run| run.value.clone());
            Some((run, position.unit, position.value))
        });
        let Some(claims) = claims.collect::<Option<Vec<_>>>() else {
            return Err(ordered);
        };
        let Some((run, unit, _)) = claims.first().cloned() else {
            return Err(ordered);
        };
        let is_one = claims
            .iter()
            .all(|(other, own, _)| *other == run && *own == unit);
        let positions: Vec<u64> = claims.iter().map(|(.., position)| *position).collect();
        let rises = |positions: &[u64]| positions.windows(2).all(|pair| pair[0] < pair[1]);
        let mut part = Self {
            found: Some(ordered.clone()),
            ordered,
            run,
            unit,
            positions,
        };
        if is_one && rises(&part.positions) {
            return Ok(part);
        }
        part.positions.reverse();
        if !is_one || !rises(&part.positions) {
            return Err(part.ordered);
        }
        // What claims read backwards: its steps are in doubt, and so is its direction.
        let (order, edges) = &mut part.ordered;
        order.leaves.reverse();
        (order.direction, order.confidence) = (Direction::Undirected, 0.5);
        edges.reverse();
        Ok(part)
    }

    /// Whether another part goes on where this one ends, by what both claim and by the weights.
    fn goes_on_as(&self, next: &Self, points: DMatrixView<'_, f32>, families: &Clusters) -> bool {
        let own = &self.ordered.0.leaves;
        let (Some(&end), Some(&start)) = (own.last(), next.ordered.0.leaves.first()) else {
            return false;
        };
        let (Some(&last), Some(&first)) = (self.positions.last(), next.positions.first()) else {
            return false;
        };
        if (&self.run, self.unit) != (&next.run, next.unit) || first <= last {
            return false;
        }
        let intervals = |part: &Self| -> Vec<f64> {
            let pairs = part.positions.windows(2);
            pairs.map(|pair| (pair[1] - pair[0]) as f64).collect()
        };
        let usual = median([intervals(self), intervals(next)].concat());
        if own.len() < FEWEST || (first - last) as f64 > LONGEST_GAP * usual {
            return false;
        }
        let column = |leaf: u32| points.column(leaf as usize);
        let to_start = |leaf: u32| distance(column(leaf).as_slice(), column(start).as_slice());
        let nearest = own.iter().map(|&leaf| to_start(leaf)).reduce(f64::min);
        let family = |leaf: u32| families.labels().get(leaf as usize);
        let is_near = nearest.is_some_and(|nearest| to_start(end) <= NEAR * nearest);
        is_near && family(end) == family(start)
    }

    fn append(&mut self, next: Self) {
        self.found = None;
        let (order, edges) = &mut self.ordered;
        let (next_order, next_edges) = next.ordered;
        // The way of both is the same; the longer one shows it better.
        if next_order.leaves.len() > order.leaves.len() {
            (order.direction, order.confidence) = (next_order.direction, next_order.confidence);
        }
        edges.resize(order.leaves.len().saturating_sub(1), f64::NAN);
        edges.push(f64::NAN);
        edges.extend(next_edges);
        order.leaves.extend(next_order.leaves);
        self.positions.extend(next.positions);
    }
}
