//! Single tensors that are out of place in a step that is not.

use super::chain::{Chain, known, ratio};
use super::{Defect, Fault, Found};
use std::collections::BTreeMap;
use weightspace::statistics::median;

/// A tensor is out of place above this, and more where its distances rest on few numbers.
const OUT: f64 = 0.35;
/// And only beyond so many robust standard deviations of its own history.
const DEVIATIONS: f64 = 6.0;
/// A step of a tensor is a leap where it is so many times longer than those beside, as logarithm, and all
/// others' are not.
const LEAP: f64 = 1.1;
/// And where it leads to values that are unrelated: the share of the distance of unrelated ones.
const UNRELATED: f64 = 0.5;
/// Steps on each side that one is held against.
const AROUND: usize = 3;
/// Steps in a row that are out of place together.
const BLOCK: usize = 3;
/// Steps on each side whose norms and ranges say whose values these are.
const NEAR: usize = 2;

/// How far a tensor must lie from the steps on both sides to be called out of place, in distances of these
/// from each other, where its projection has so many numbers.
pub fn least_visible(numbers: usize) -> f64 {
    line(numbers as f64).exp()
}

/// The line of a tensor whose distances rest on so many numbers.
fn line(freedom: f64) -> f64 {
    OUT + 2.0 / freedom.sqrt()
}

/// Tensors that are out of place, by step and fault.
pub(super) fn strange(chain: &mut Chain<'_>) -> Vec<Found> {
    let mut faults: BTreeMap<(usize, Fault), (Vec<usize>, f64)> = BTreeMap::new();
    let mut note = |tensor: usize, step: usize, fault: Fault, margin: f64| {
        let entry = faults.entry((step, fault)).or_default();
        entry.0.push(tensor);
        entry.1 = entry.1.max(margin);
    };
    for tensor in chain.movers.clone() {
        while let Some((block, margin)) = worst(chain, tensor) {
            for step in block.steps {
                let fault = fault_of(chain, tensor, step, block.before, block.behind);
                note(tensor, step, fault, margin);
                chain.excuse(tensor, step);
            }
        }
    }
    for (tensor, step, fault, margin) in leaps(chain) {
        note(tensor, step, fault, margin);
    }
    settled(chain, faults)
}

/// Findings of one step, one a fault; what few tensors seem to have beside many others at the same step
/// is part of what is wrong with these.
fn settled(chain: &Chain<'_>, faults: BTreeMap<(usize, Fault), (Vec<usize>, f64)>) -> Vec<Found> {
    let mut steps: BTreeMap<usize, Vec<(Fault, Vec<usize>, f64)>> = BTreeMap::new();
    for ((step, fault), (tensors, margin)) in faults {
        steps
            .entry(step)
            .or_default()
            .push((fault, tensors, margin));
    }
    let weights = |tensors: &[usize]| -> u64 {
        let tensors = tensors.iter();
        tensors.map(|&i| chain.series.tracks[i].elements).sum()
    };
    let mut found = Vec::new();
    for (step, mut kinds) in steps {
        kinds.sort_by_key(|(_, tensors, _)| std::cmp::Reverse(weights(tensors)));
        let mut kinds = kinds.into_iter();
        let Some((fault, mut tensors, mut margin)) = kinds.next() else {
            continue;
        };
        for (_, more, other) in kinds {
            tensors.extend(more);
            margin = margin.max(other);
        }
        tensors.sort_unstable();
        tensors.dedup();
        found.push(Found {
            defect: Defect::Tensors {
                step,
                tensors,
                fault,
            },
            margin: Some(margin),
        });
    }
    found
}

/// Some steps in a row, and those on both sides.
struct Block {
    before: usize,
    behind: usize,
    steps: Vec<usize>,
}

/// Where a tensor is farthest out of place, and how far beyond its line.
fn worst(chain: &Chain<'_>, tensor: usize) -> Option<(Block, f64)> {
    let track = &chain.series.tracks[tensor];
    let noise = line(track.freedom());
    let mut best: Option<(Block, f64)> = None;
    for stretch in chain.stretches() {
        let sound: Vec<usize> = stretch
            .into_iter()
            .filter(|&step| !chain.is_excused(tensor, step))
            .collect();
        let values: Vec<f64> = sound
            .windows(3)
            .map(|w| chain.outside(tensor, [w[0], w[1], w[1], w[2]]))
            .collect();
        let centre = known(values.iter().copied());
        let spread = 1.4826 * known(values.iter().map(|value| (value - centre).abs()));
        let history = centre + DEVIATIONS * spread;
        let line = if history > noise { history } else { noise };
        for length in 1..=BLOCK {
            for window in sound.windows(length + 2) {
                let ends = [window[0], window[1], window[length], window[length + 1]];
                if is_rounding(chain, tensor, ends) {
                    continue;
                }
                let margin = chain.outside(tensor, ends) / line;
                let least = best.as_ref().map_or(1.0, |(_, margin)| margin + 0.2);
                if margin > least {
                    let block = Block {
                        before: window[0],
                        behind: window[length + 1],
                        steps: window[1..=length].to_vec(),
                    };
                    best = Some((block, margin));
                }
            }
        }
    }
    best
}

/// Whether a tensor is no farther from the steps on both sides than rounding alone may bring it.
fn is_rounding(chain: &Chain<'_>, tensor: usize, [p, first, last, q]: [usize; 4]) -> bool {
    let track = &chain.series.tracks[tensor];
    let least = chain
        .distance(tensor, p, first)
        .min(chain.distance(tensor, last, q));
    least < track.grain * track.norms[p].max(track.norms[q])
}

/// Whether a tensor of a step is not out of place itself: another foreign one is no place to come from.
fn is_in_place(chain: &Chain<'_>, i: usize, step: usize) -> bool {
    let at = chain.kept.iter().position(|&kept| kept == step);
    let beside = at.and_then(|at| chain.kept.get(at.checked_sub(1)?..at + 2));
    match beside {
        Some(&[before, own, behind]) => {
            let outside = chain.outside(i, [before, own, own, behind]);
            outside.is_nan() || outside < OUT
        }
        _ => true,
    }
}

/// What is wrong with a tensor that is out of place.
fn fault_of(chain: &Chain<'_>, i: usize, step: usize, before: usize, behind: usize) -> Fault {
    let nearest = chain
        .kept
        .iter()
        .copied()
        .filter(|&other| other != step && other != before && other != behind)
        .filter(|&other| is_in_place(chain, i, other))
        .map(|other| (chain.distance(i, step, other), other))
        .filter(|(apart, _)| !apart.is_nan())
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let beside = chain
        .distance(i, before, step)
        .min(chain.distance(i, step, behind));
    if let Some((apart, other)) = nearest
        && apart < 0.5 * beside
    {
        return Fault::Strange {
            nearest: Some(other),
        };
    }
    if is_rearranged(chain, i, step, before, behind) {
        return Fault::Rearranged;
    }
    Fault::Strange { nearest: None }
}

/// Whether norm and range are what they should be among the steps around, though the values lie elsewhere.
fn is_rearranged(chain: &Chain<'_>, i: usize, step: usize, before: usize, behind: usize) -> bool {
    let track = &chain.series.tracks[i];
    let place = |step: usize| chain.kept.iter().position(|&kept| kept == step);
    let (Some(from), Some(to)) = (place(before), place(behind)) else {
        return false;
    };
    let around: Vec<usize> = (from.saturating_sub(NEAR - 1)..=from)
        .chain(to..(to + NEAR).min(chain.kept.len()))
        .map(|at| chain.kept[at])
        .filter(|&other| !chain.is_excused(i, other))
        .collect();
    // Within what the steps around span, half as much again on both sides, and a thousandth.
    let fits = |of: &dyn Fn(usize) -> f64| {
        let values = || around.iter().map(|&other| of(other));
        let (least, most) = (
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        );
        let slack = 0.5 * (most - least) + 1e-3 * most.abs().max(least.abs());
        let own = of(step);
        own >= least - slack && own <= most + slack
    };
    track.elements > 1
        && track.relative(before, step) > 0.1
        && fits(&|step| track.norms[step])
        && fits(&|step| f64::from(track.ranges[step].0))
        && fits(&|step| f64::from(track.ranges[step].1))
}

/// Leaps of single tensors to unrelated values: at the first and the last step these are out of place; in
/// between, training goes on from them.
fn leaps(chain: &Chain<'_>) -> Vec<(usize, usize, Fault, f64)> {
    let edges = chain.kept.len().saturating_sub(1);
    if edges < AROUND + 1 {
        return Vec::new();
    }
    let length = |i: usize, edge: usize| {
        ratio(
            chain.distance(i, chain.kept[edge], chain.kept[edge + 1]),
            1.0,
        )
    };
    let mut found = Vec::new();
    for edge in 0..edges {
        let (from, to) = (chain.kept[edge], chain.kept[edge + 1]);
        if chain.starts.contains(&to) {
            continue;
        }
        let beside = |i: usize| {
            let around = edge.saturating_sub(AROUND)..(edge + 1 + AROUND).min(edges);
            let lengths: Vec<f64> = around
                .filter(|&other| other != edge)
                .map(|other| length(i, other))
                .filter(|length| !length.is_nan())
                .collect();
            median(lengths)
        };
        let changes: Vec<(usize, f64)> = chain
            .movers
            .iter()
            .map(|&i| (i, length(i, edge) - beside(i)))
            .filter(|(_, change)| !change.is_nan())
            .collect();
        let centre = known(changes.iter().map(|(_, change)| *change));
        let spread = 1.4826 * known(changes.iter().map(|(_, change)| (change - centre).abs()));
        for (i, change) in changes {
            let track = &chain.series.tracks[i];
            let line = (LEAP + 2.0 / track.freedom().sqrt()).max(4.0 * spread);
            let margin = (change - centre) / line;
            let (a, b) = (track.norms[from], track.norms[to]);
            let is_alike = a.min(b) > 0.5 * a.max(b);
            if margin <= 1.0 || track.relative(from, to) < UNRELATED || !is_alike {
                continue;
            }
            let is_end = edge == 0 || edge + 1 == edges;
            let step = if edge == 0 { from } else { to };
            let fault = if !is_end {
                Fault::Reinitialised
            } else if is_rearranged_at_end(chain, i, from, to) {
                Fault::Rearranged
            } else {
                Fault::Strange { nearest: None }
            };
            found.push((i, step, fault, margin));
        }
    }
    found
}

/// Whether norm and range hardly change, though the values do.
fn is_rearranged_at_end(chain: &Chain<'_>, i: usize, from: usize, to: usize) -> bool {
    let track = &chain.series.tracks[i];
    let is_near = |a: f64, b: f64| (a - b).abs() < 0.02 * a.abs().max(b.abs());
    let (own, other) = (track.ranges[from], track.ranges[to]);
    track.elements > 1
        && is_near(track.norms[from], track.norms[to])
        && is_near(f64::from(own.0), f64::from(other.0))
        && is_near(f64::from(own.1), f64::from(other.1))
}
