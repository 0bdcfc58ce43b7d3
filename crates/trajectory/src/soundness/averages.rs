//! Steps that are made of those around them.

use super::chain::{Chain, known};
use super::{Defect, Found};
use nalgebra::{Matrix3, Vector3};

/// A step lies in the flat of those around it below this.
const OWN: f64 = -0.45;
/// And below it by this ÷ √(number of tensors), since few leave their median to chance.
const OF_FEW: f64 = 0.5;
/// The same where steps of one side alone say what is usual: a rate that falls leaves less and less.
const ONE_SIDED: f64 = -0.8;
/// The same of the first steps, since a training begins straight.
const AT_START: f64 = -2.0;
/// Fewest steps that say what is usual.
const FEWEST: usize = 3;
/// A step so many times as long as others is an event.
const EVENT: f64 = 3.0;
/// Steps on each side that one is held against, but for its neighbours, which it is part of.
const AROUND: usize = 4;
/// The last step turns back by so much, as a cosine, where it is an average of those before.
const BACK: f64 = -0.15;
/// And by so much more than others.
const TURN: f64 = 0.25;

/// Steps with little of their own: what is left of them outside the flat through four around them (two
/// before and two behind, where there are as many), held against what is usual on both sides.
pub(super) fn averages(chain: &Chain<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for stretch in chain.stretches() {
        let mut own: Vec<(usize, f64)> = (1..stretch.len().saturating_sub(1))
            .filter_map(|at| Some((at, margin(chain, &stretch, at)?)))
            .filter(|(_, margin)| *margin > 1.0)
            .collect();
        // What is left of two steps lies in the flat of their mean, too: of neighbours the straightest.
        let turn = |at: usize| cosine(chain, &stretch[at - 1..=at + 1]);
        let all = own.clone();
        own.retain(|&(at, _)| {
            let mut beside = all.iter().filter(|(other, _)| other.abs_diff(at) == 1);
            !beside.any(|&(other, _)| turn(other) > turn(at))
        });
        if let Some(margin) = last(chain, &stretch) {
            own.push((stretch.len() - 1, margin));
        }
        found.extend(own.into_iter().map(|(at, margin)| Found {
            defect: Defect::Average { step: stretch[at] },
            margin: Some(margin),
        }));
    }
    found
}

/// How far below the line what a step has of its own is, above 1; none where nothing can be said.
fn margin(chain: &Chain<'_>, stretch: &[usize], at: usize) -> Option<f64> {
    let own = left_of_all(chain, stretch, at);
    let beside = |range: std::ops::Range<usize>| -> Vec<Vec<f64>> {
        let inner = 1..stretch.len() - 1;
        let range = range.filter(|other| inner.contains(other));
        range
            .map(|other| left_of_all(chain, stretch, other))
            .collect()
    };
    let sides = [
        beside(at.saturating_sub(AROUND + 1)..at.saturating_sub(1)),
        beside(at + 2..at + 2 + AROUND),
    ];
    let usual = |side: &[Vec<f64>], tensor: usize, is_scaled: bool| {
        known(
            side.iter()
                .map(|left| left[2 * tensor + usize::from(is_scaled)]),
        )
    };
    let is_known = |side: &Vec<Vec<f64>>| side.len() >= FEWEST;
    let (line, values): (f64, Vec<f64>) = match &sides {
        [before, behind] if !before.is_empty() && !behind.is_empty() => {
            let values = (0..chain.movers.len()).map(|tensor| {
                let least = usual(before, tensor, false).min(usual(behind, tensor, false));
                own[2 * tensor] - least
            });
            (OWN, values.collect())
        }
        // In parts of the distance of both neighbours, which follows the rate.
        [before, behind] => {
            let (side, line) = match (is_known(before), is_known(behind)) {
                (true, _) => (before, ONE_SIDED),
                (_, true) => (behind, AT_START),
                _ => return None,
            };
            if is_event(chain, stretch, at) {
                return None;
            }
            let values = (0..chain.movers.len())
                .map(|tensor| own[2 * tensor + 1] - usual(side, tensor, true));
            (line, values.collect())
        }
    };
    let values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
    if 2 * values.len() < chain.movers.len() {
        return None;
    }
    let few = OF_FEW / (values.len() as f64).sqrt();
    let value = known(values.into_iter()) + few;
    // Near the start it is one, too, if the path turns there as it does not afterwards.
    if line == AT_START && value > AT_START && turns(chain, stretch, at) {
        return Some(value / ONE_SIDED);
    }
    Some(value / line)
}

/// Whether the steps beside are much longer than others nearby, so that these do not say what is usual.
fn is_event(chain: &Chain<'_>, stretch: &[usize], at: usize) -> bool {
    let edge = |edge: usize| chain.square(stretch[edge], stretch[edge + 1]);
    let around = at.saturating_sub(AROUND + 1)..(at + 1 + AROUND).min(stretch.len() - 1);
    let others = around.filter(|other| other.abs_diff(at) > 1 && other + 1 != at);
    let longest = (at.saturating_sub(2)..(at + 2).min(stretch.len() - 1))
        .map(edge)
        .fold(0.0, f64::max);
    longest > EVENT * EVENT * known(others.map(edge))
}

/// Whether the path turns at a step more than at those behind it.
fn turns(chain: &Chain<'_>, stretch: &[usize], at: usize) -> bool {
    let turn = |at: usize| cosine(chain, &stretch[at - 1..=at + 1]);
    let behind = (at + 2..at + 2 + AROUND).filter(|&other| other + 1 < stretch.len());
    turn(at) < known(behind.map(turn)) - TURN
}

/// Of every tensor what is left, and the same in parts of the distance of both neighbours, as logarithms.
fn left_of_all(chain: &Chain<'_>, stretch: &[usize], at: usize) -> Vec<f64> {
    let count = stretch.len();
    let mut others: Vec<usize> = Vec::new();
    for lag in 2..count {
        let both = [at.checked_sub(lag), Some(at + lag)].into_iter().flatten();
        others.extend(both.filter(|&other| other < count));
        if others.len() >= 2 {
            break;
        }
    }
    let others = [others.first(), others.get(1)].map(|other| other.map(|&at| stretch[at]));
    let (before, step, behind) = (stretch[at - 1], stretch[at], stretch[at + 1]);
    let position = |step: usize| chain.series.positions[step] as f64;
    let (past, future) = (
        (position(step) - position(before)).abs(),
        (position(behind) - position(step)).abs(),
    );
    // A walk is the freer between two points, the more steps lie on both sides.
    let freedom = 0.5 * (past * future / (past + future)).ln();
    let movers = chain.movers.iter();
    let values = movers.flat_map(|&i| match others {
        [Some(a), Some(b)] => {
            let left = residual(chain, i, step, [before, behind, a, b]) - freedom;
            [
                left,
                left + freedom - chain.distance(i, before, behind).ln(),
            ]
        }
        _ => [f64::NAN; 2],
    });
    values.collect()
}

/// ln of the distance of a tensor at a step to the flat through four others.
fn residual(chain: &Chain<'_>, i: usize, step: usize, around: [usize; 4]) -> f64 {
    let [origin, others @ ..] = around;
    let square = |s: usize, t: usize| chain.distance(i, s, t).powi(2);
    let product = |s: usize, t: usize| 0.5 * (square(s, origin) + square(t, origin) - square(s, t));
    let gram = Matrix3::from_fn(|a, b| product(others[a], others[b]));
    let side = Vector3::from_fn(|a, _| product(others[a], step));
    let ridge = 1e-9 * gram.trace() + 1e-30;
    let solved = (gram + Matrix3::from_diagonal_element(ridge))
        .lu()
        .solve(&side);
    let whole = square(step, origin);
    match solved.map(|solved| whole - side.dot(&solved)) {
        Some(left) if whole > 0.0 && left.is_finite() => 0.5 * left.max(1e-8 * whole).ln(),
        _ => f64::NAN,
    }
}

/// The cosine of the way into the second of three steps and the way out of it: the median over tensors.
fn cosine(chain: &Chain<'_>, steps: &[usize]) -> f64 {
    let [p, t, q] = [steps[0], steps[1], steps[2]];
    chain.over_tensors(|i| {
        let (a, b, c) = (
            chain.distance(i, p, t),
            chain.distance(i, t, q),
            chain.distance(i, p, q),
        );
        (c * c - a * a - b * b) / (2.0 * a * b)
    })
}

/// Whether the last step is an average of those before: it turns back as none of them does, and little is
/// left of it outside the flat through these, in parts of the step before.
fn last(chain: &Chain<'_>, stretch: &[usize]) -> Option<f64> {
    let count = stretch.len();
    if count < 5 + FEWEST {
        return None;
    }
    let left = |end: usize, i: usize| {
        let [a, b, c, d, last] = [4, 3, 2, 1, 0].map(|lag| stretch[end - lag]);
        residual(chain, i, last, [d, c, b, a]) - chain.distance(i, c, d).ln()
    };
    let ends = (4..count - 1).rev().take(2 * AROUND);
    let before: Vec<usize> = ends.collect();
    let value =
        chain.over_tensors(|i| left(count - 1, i) - known(before.iter().map(|&end| left(end, i))));
    let turn = |end: usize| cosine(chain, &stretch[end - 2..=end]);
    let usual = known(before.iter().map(|&end| turn(end)));
    let own = turn(count - 1);
    let is_back = own < BACK && own < usual - TURN && !is_event(chain, stretch, count - 2);
    (is_back && value < ONE_SIDED).then_some(value / ONE_SIDED)
}
