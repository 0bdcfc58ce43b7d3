//! Parts of one run: a sudden change can move a training so far that its checkpoints before and after
//! lie farther apart than any others. What claims to go on, and does by the weights, is one run.

use super::distinct::Distinct;
use crate::collection::{Group, Unit};
use nalgebra::DMatrixView;
use trajectory::ordering::{Directed, Direction};
use weightspace::distance::distance;
use weightspace::statistics::median;

/// Fewest checkpoints of a part that another goes on from.
const FEWEST: usize = 4;
/// The last checkpoint of a part is at most so many times farther from the first of the next than the
/// nearest is.
const NEAR: f64 = 1.1;
/// A gap between the parts that is longer than so many usual intervals lacks checkpoints.
const LONGEST_GAP: f64 = 1.5;
/// Least cosine between the weights on both sides: those of unrelated models are nearly orthogonal.
const RELATED: f64 = 0.5;

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

/// Joins what are parts of one run; how many were joined to others.
pub(super) fn join(
    points: DMatrixView<'_, f32>,
    ordered: Vec<Ordered>,
    distinct: &Distinct,
    group: &Group,
) -> (Vec<Ordered>, usize) {
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
    let count = parts.len();
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(before) if before.goes_on_as(&part, points) => before.append(part),
            _ => joined.push(part),
        }
    }
    let fewer = count - joined.len();
    // What was joined to nothing stays as it was found.
    let left = joined
        .into_iter()
        .map(|part| part.found.unwrap_or(part.ordered));
    whole.extend(left);
    (whole, fewer)
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
    fn goes_on_as(&self, next: &Self, points: DMatrixView<'_, f32>) -> bool {
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
        let is_near = nearest.is_some_and(|nearest| to_start(end) <= NEAR * nearest);
        let (a, b) = (column(end), column(start));
        let cosine = a.dot(&b) / (a.norm() * b.norm());
        is_near && f64::from(cosine) > RELATED
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
