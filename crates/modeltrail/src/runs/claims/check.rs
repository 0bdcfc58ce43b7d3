//! Holds the claims of a run against its order.

use super::{Agreement, Contradiction, MOSTLY, SURE};
use crate::collection::{Claims, PositionClaim, Unit};
use crate::runs::answer::{Place, Run};
use crate::runs::family::Family;
use crate::runs::origins::{Origin, Tie, family_of};
use std::collections::{BTreeMap, BTreeSet};
use trajectory::runs::FEWEST_CHECKPOINTS;

/// Marks what is contradicted, names each run as most of its checkpoints do, and turns its order round
/// if its claims say so.
///
/// A checkpoint is held to be misfiled only if most of another run claim what it claims, and that run is
/// unrelated to its own: nobody knows on which side of a fork a checkpoint beside it belongs.
pub(crate) fn check_all(runs: &mut [Run], families: &[Family], origins: &[Origin]) {
    let claimed: Vec<Option<String>> = runs
        .iter()
        .map(|run| majority_of(&claims_of(run)))
        .collect();
    let family_with = |run: usize| families.iter().find(|family| family.runs.contains(&run));
    for (index, run) in runs.iter_mut().enumerate() {
        let tied = family_of(index, origins, Tie::ForkOrStart);
        let family = family_with(index);
        let is_apart = |other: usize| match family {
            Some(own) if own.runs.contains(&other) => {
                own.count.is_known() && !tied.contains(&other)
            }
            _ => true,
        };
        let others = claimed.iter().enumerate();
        let elsewhere = others.filter(|(other, _)| *other != index && is_apart(*other));
        let elsewhere = elsewhere.filter_map(|(_, claimed)| claimed.as_deref());
        check(run, &elsewhere.collect());
    }
}

/// What each of the checkpoints claims.
fn claims_of(run: &Run) -> Vec<Claims> {
    let claims = |place: &Place| Claims {
        run: place.all_claims().find_map(|claims| claims.run.clone()),
        position: place.all_claims().find_map(|claims| claims.position),
        aside: None,
    };
    run.places.iter().map(claims).collect()
}

/// The run that most claim that claim any.
fn majority_of(claimed: &[Claims]) -> Option<String> {
    let runs = claimed.iter().filter_map(|claims| claims.run.as_ref());
    majority(runs.map(|run| &run.value))
}

/// Checks one run. `elsewhere`: what most checkpoints of unrelated runs claim.
fn check(run: &mut Run, elsewhere: &BTreeSet<&str>) {
    let claimed = claims_of(run);
    run.claimed = majority_of(&claimed);
    for place in &mut run.places {
        let found = same_weights(place);
        place.contradictions.extend(found);
    }
    // A few of another claimed run are misfiled; many are a run that the weights do not separate.
    let counts = counts(&claimed);
    let is_mixed = |own: &str| {
        !elsewhere.contains(own)
            || counts
                .get(own)
                .is_some_and(|&count| count >= FEWEST_CHECKPOINTS)
    };
    let mixed = counts.iter().filter(|&(name, _)| is_mixed(name));
    run.mixed = mixed
        .map(|(&name, &count)| (name.to_owned(), count))
        .collect();
    if run.mixed.len() < 2 {
        run.mixed.clear();
    }
    // Each claimed run is held against the order by itself.
    let mut parts: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (index, (place, claims)) in run.places.iter_mut().zip(&claimed).enumerate() {
        let own = claims.run.as_ref().map(|run| run.value.as_str());
        match (own, run.claimed.as_deref()) {
            (Some(own), Some(others)) if own != others && !is_mixed(own) => {
                place.contradictions.push(Contradiction::Run {
                    claimed: own.to_owned(),
                    others: others.to_owned(),
                });
            }
            _ => parts.entry(own).or_default().push(index),
        }
    }
    let edges: Vec<Option<f64>> = run.places.iter().map(|place| place.next).collect();
    let mut total = Agreement::default();
    let mut opposite = 0;
    for places in parts.values() {
        let (agreement, marks) = check_part(places, &claimed, &edges);
        total.claimed += agreement.claimed;
        total.in_order += agreement.in_order;
        total.contradicted |= agreement.contradicted;
        opposite += if agreement.is_turned {
            agreement.in_order
        } else {
            0
        };
        for (index, mark) in marks {
            let place = run.places.get_mut(index);
            place
                .into_iter()
                .for_each(|place| place.contradictions.push(mark.clone()));
        }
    }
    total.is_turned = 2 * opposite > total.in_order;
    run.agreement = total;
    if total.is_turned {
        reverse(run);
    }
}

/// How many checkpoints claim each run.
fn counts(claimed: &[Claims]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for run in claimed.iter().filter_map(|claims| claims.run.as_ref()) {
        *counts.entry(run.value.as_str()).or_default() += 1;
    }
    counts
}

/// Turns an order round.
fn reverse(run: &mut Run) {
    let mut edges: Vec<Option<f64>> = run.places.iter().map(|place| place.next).collect();
    edges.pop();
    edges.reverse();
    run.places.reverse();
    for (place, edge) in run.places.iter_mut().zip(edges.into_iter().chain([None])) {
        place.next = edge;
    }
}

/// The claimed steps of some places of an order, held against it.
fn check_part(
    places: &[usize],
    claimed: &[Claims],
    edges: &[Option<f64>],
) -> (Agreement, Vec<(usize, Contradiction)>) {
    let position = |&index: &usize| -> Option<(usize, PositionClaim)> {
        Some((index, claimed.get(index)?.position?))
    };
    let claims: Vec<(usize, PositionClaim)> = places.iter().filter_map(position).collect();
    // Steps and epochs do not compare.
    let Some(unit) = majority(claims.iter().map(|(_, claim)| &claim.unit)) else {
        return (Agreement::default(), Vec::new());
    };
    let steps: Vec<(usize, i128)> = claims
        .iter()
        .filter(|(_, claim)| claim.unit == unit)
        .map(|&(index, claim)| (index, i128::from(claim.value)))
        .collect();
    // What all claim alike is no order.
    let distinct: BTreeSet<i128> = steps.iter().map(|&(_, step)| step).collect();
    if distinct.len() < 2 && steps.len() > 1 {
        return (Agreement::default(), Vec::new());
    }
    let rising = longest_rising(&steps.iter().map(|&(_, step)| step).collect::<Vec<_>>());
    let falling = longest_rising(&steps.iter().map(|&(_, step)| -step).collect::<Vec<_>>());
    let backwards = falling.len() > rising.len();
    let kept: BTreeSet<usize> = if backwards { falling } else { rising }
        .into_iter()
        .collect();
    // The ends have one neighbour only.
    let last = edges.len().saturating_sub(1);
    let sure = |index: usize| {
        let edge = |at: usize| edges.get(at).copied().flatten().unwrap_or(0.0) >= SURE;
        (index == 0 || edge(index - 1)) && (index == last || edge(index))
    };
    let mut agreement = Agreement {
        claimed: steps.len(),
        in_order: kept.len(),
        is_turned: backwards,
        contradicted: false,
    };
    let mut marks = Vec::new();
    if (kept.len() as f64) < MOSTLY * steps.len() as f64 {
        let surely = steps.iter().filter(|&&(index, _)| sure(index)).count();
        agreement.contradicted = surely as f64 >= MOSTLY * steps.len() as f64;
        return (agreement, marks);
    }
    for (at, &(index, step)) in steps.iter().enumerate() {
        if kept.contains(&at) || !sure(index) {
            continue;
        }
        let step_of = |at: usize| {
            steps
                .get(at)
                .and_then(|&(_, step)| u64::try_from(step).ok())
        };
        let first = kept.range(..at).next_back().copied().and_then(step_of);
        let second = kept.range(at + 1..).next().copied().and_then(step_of);
        let (after, before) = if backwards {
            (second, first)
        } else {
            (first, second)
        };
        let mark = Contradiction::Position {
            claimed: u64::try_from(step).unwrap_or_default(),
            unit,
            after,
            before,
        };
        marks.push((index, mark));
    }
    (agreement, marks)
}

/// Whether copies of the same weights claim different steps.
fn same_weights(place: &Place) -> Option<Contradiction> {
    let claims = place.all_claims().filter_map(|claims| claims.position);
    let mut steps: BTreeMap<Unit, BTreeSet<u64>> = BTreeMap::new();
    for claim in claims {
        steps.entry(claim.unit).or_default().insert(claim.value);
    }
    let (unit, claimed) = steps.into_iter().find(|(_, steps)| steps.len() > 1)?;
    let claimed = claimed.into_iter().collect();
    Some(Contradiction::Copies { claimed, unit })
}

/// What more than half of all are.
fn majority<'a, T: Ord + Clone + 'a>(all: impl Iterator<Item = &'a T>) -> Option<T> {
    let mut counts: BTreeMap<&T, usize> = BTreeMap::new();
    let mut total = 0;
    for one in all {
        *counts.entry(one).or_default() += 1;
        total += 1;
    }
    let most = counts.into_iter().find(|&(_, count)| 2 * count > total);
    most.map(|(one, _)| one.clone())
}

/// Places of a longest subsequence that never falls. O(n log n).
fn longest_rising(values: &[i128]) -> Vec<usize> {
    // For each length the place where the subsequence ends that ends lowest.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(values.len());
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    for (place, &value) in values.iter().enumerate() {
        let length = ends.partition_point(|&end| at(end) <= value);
        before.push(
            length
                .checked_sub(1)
                .and_then(|shorter| ends.get(shorter).copied()),
        );
        match ends.get_mut(length) {
            Some(end) => *end = place,
            None => ends.push(place),
        }
    }
    let mut path = Vec::with_capacity(ends.len());
    let mut here = ends.last().copied();
    while let Some(place) = here {
        path.push(place);
        here = before.get(place).copied().flatten();
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests;
