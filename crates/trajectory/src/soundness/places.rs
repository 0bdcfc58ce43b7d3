//! Whole steps that are not where they claim to be.

use super::chain::{Chain, known, ratio};
use super::{Defect, Found};
use std::collections::BTreeSet;
use weightspace::statistics::median;

/// Exchanging two steps must shorten the edges that change by so much: half of the ln of their squares.
const SWAP: f64 = 0.15;
/// The same where one of them is the first or the last step.
const SWAP_AT_END: f64 = 0.25;
/// Steps so far apart at most are tried, beside those that are out of place.
const LAG: usize = 8;
/// A step is out of place above this.
const OUT: f64 = 0.1;
/// Steps in a row that are out of place together.
const BLOCK: usize = 3;
/// A step comes from an earlier one above this.
const PARENT: f64 = 0.1;
/// The first step is out of place above this.
const FIRST: f64 = 0.25;
/// No exchange is judged by edges of which one is so many times longer than usual among them, squared: a
/// step that belongs elsewhere is found first.
const WILD: f64 = 20.0;
/// All but this share of the tensors must be out of place, or some of them are at fault and not the step.
const WHOLE: f64 = 0.85;
/// The last step is unrelated above this share of the distance of unrelated weights, where steps before
/// are below half of it.
const UNRELATED: f64 = 0.5;
/// The first step is unrelated above this share, where it is as far from the next as from later ones: from a
/// start of its own a training may go far in one step.
const UNRELATED_FIRST: f64 = 0.85;

/// Steps that stand in each other's place; the clearest pair first.
pub(super) fn swapped(chain: &mut Chain<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    while chain.kept.len() > 3 {
        let count = chain.kept.len();
        let out: Vec<usize> = (1..count - 1)
            .filter(|&at| outside(chain, at, 1) > OUT)
            .collect();
        let mut pairs: BTreeSet<(usize, usize)> = (0..count)
            .flat_map(|i| (i + 1..(i + 1 + LAG).min(count)).map(move |j| (i, j)))
            .collect();
        for &i in &out {
            pairs.extend(out.iter().filter(|&&j| j > i).map(|&j| (i, j)));
        }
        let best = pairs
            .into_iter()
            .map(|(i, j)| {
                let line = if i == 0 || j == count - 1 {
                    SWAP_AT_END
                } else {
                    SWAP
                };
                (gain(chain, i, j) / line, i, j)
            })
            .filter(|&(margin, i, j)| margin > 1.0 && fit(chain, i, j))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((margin, i, j)) = best else { break };
        let mut steps = [chain.kept[i], chain.kept[j]];
        steps.sort_unstable();
        chain.kept.swap(i, j);
        found.push(Found {
            defect: Defect::Swapped { steps },
            margin: Some(margin),
        });
        // As many exchanges as steps sort anything.
        if found.len() > count {
            break;
        }
    }
    found
}

/// Whether two steps lie between their neighbours once they have changed places.
fn fit(chain: &Chain<'_>, i: usize, j: usize) -> bool {
    let mut order = chain.kept.clone();
    order.swap(i, j);
    [i, j]
        .into_iter()
        .all(|at| match order.get(at.wrapping_sub(1)..at + 2) {
            Some(&[p, t, q]) => {
                let value = chain.over_tensors(|tensor| chain.outside(tensor, [p, t, t, q]));
                value.is_nan() || value <= OUT
            }
            // An end has one neighbour.
            _ => true,
        })
}

/// Half of the ln of the squared edges that change, before over after two steps change places.
fn gain(chain: &Chain<'_>, i: usize, j: usize) -> f64 {
    let step = |at: usize, is_swapped: bool| {
        let at = match (is_swapped, at) {
            (true, at) if at == i => j,
            (true, at) if at == j => i,
            (_, at) => at,
        };
        chain.kept[at]
    };
    let edges: BTreeSet<usize> = [i, j]
        .into_iter()
        .flat_map(|k| [k.checked_sub(1), Some(k)])
        .flatten()
        .filter(|&edge| edge + 1 < chain.kept.len())
        .collect();
    let squares = |is_swapped: bool| -> Vec<f64> {
        let edges = edges.iter();
        edges
            .map(|&edge| chain.square(step(edge, is_swapped), step(edge + 1, is_swapped)))
            .collect()
    };
    let (now, then) = (squares(false), squares(true));
    let longest = then.iter().copied().fold(0.0, f64::max);
    if longest > WILD * median(then.iter().copied()) {
        return 0.0;
    }
    let gain = 0.5 * ratio(now.iter().sum(), then.iter().sum());
    if gain.is_nan() { 0.0 } else { gain }
}

/// The median over tensors of how far the steps from a place on, so many in a row, are outside of those
/// on both sides.
fn outside(chain: &Chain<'_>, at: usize, length: usize) -> f64 {
    let Some(window) = chain.kept.get(at - 1..at + length + 1) else {
        return f64::NAN;
    };
    // What goes on from elsewhere says nothing of the steps before it.
    if window[1..].iter().any(|step| chain.starts.contains(step)) {
        return f64::NAN;
    }
    let block = [window[0], window[1], window[length], window[length + 1]];
    chain.over_tensors(|i| chain.outside(i, block))
}

/// Whether only some of the tensors are out of place: they are at fault then, and not the step.
fn is_partial(chain: &Chain<'_>, block: [usize; 4]) -> bool {
    let values: Vec<(usize, f64)> = chain
        .movers
        .iter()
        .map(|&i| (chain.series.tracks[i].part, chain.outside(i, block)))
        .filter(|(_, value)| !value.is_nan())
        .collect();
    let out = values.iter().filter(|(_, value)| *value > 0.0);
    let share = out.clone().count() as f64 / values.len().max(1) as f64;
    let typical = known(out.map(|(_, value)| *value));
    if share < WHOLE && typical > 0.35 {
        return true;
    }
    let parts: BTreeSet<usize> = values.iter().map(|(part, _)| *part).collect();
    parts.into_iter().any(|part| {
        let own = values.iter().filter(|(other, _)| *other == part);
        known(own.map(|(_, value)| *value)) < -0.05
    })
}

/// Steps that are farther from their neighbours than these are from each other; the worst first. They
/// leave the chain.
pub(super) fn misplaced(chain: &mut Chain<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut partial: BTreeSet<(usize, usize)> = BTreeSet::new();
    loop {
        let mut worst: Option<(f64, usize, usize)> = None;
        for length in 1..=BLOCK {
            for at in 1..chain.kept.len().saturating_sub(length) {
                let value = outside(chain, at, length);
                let is_worse = worst.is_none_or(|(most, ..)| value > most + 0.05);
                if value > OUT && is_worse && !partial.contains(&(chain.kept[at], length)) {
                    worst = Some((value, at, length));
                }
            }
        }
        let Some((value, at, length)) = worst else {
            break;
        };
        let window: Vec<usize> = chain.kept[at - 1..at + length + 1].to_vec();
        if is_partial(
            chain,
            [window[0], window[1], window[length], window[length + 1]],
        ) {
            partial.insert((chain.kept[at], length));
            continue;
        }
        let margin = Some(value / OUT);
        let lengths = chain.kept[at.saturating_sub(5)..at].windows(2);
        let usual = known(lengths.map(|pair| chain.square(pair[0], pair[1])));
        if chain.square(window[0], window[1]) < 1.7 * usual {
            // A usual step from the one before, and what follows does not come from it.
            let step = window[length + 1];
            chain.starts.insert(step);
            window[1..=length]
                .iter()
                .for_each(|&step| chain.remove(step));
            found.push(Found {
                defect: Defect::Restarted {
                    step,
                    from: window[0],
                    is_equal: false,
                },
                margin,
            });
            continue;
        }
        for &step in &window[1..=length] {
            found.push(Found {
                defect: Defect::Misplaced {
                    step,
                    nearest: nearest(chain, step, window[0]),
                },
                margin,
            });
        }
        window[1..=length]
            .iter()
            .for_each(|&step| chain.remove(step));
    }
    found.extend(ends(chain));
    found
}

/// The step that one is much nearer to than to its neighbour, if there is any.
fn nearest(chain: &Chain<'_>, step: usize, neighbour: usize) -> Option<usize> {
    // Another one out of place is no place to come from.
    let is_in_place = |other: usize| match chain.kept.iter().position(|&kept| kept == other) {
        Some(0) => true,
        Some(at) => {
            let value = outside(chain, at, 1);
            value.is_nan() || value <= OUT
        }
        None => false,
    };
    let others = (0..chain.series.steps).filter(|&other| other != step && is_in_place(other));
    let nearest = others.min_by(|&a, &b| {
        let apart = |other: usize| {
            let square = chain.square(step, other);
            if square.is_nan() {
                f64::INFINITY
            } else {
                square
            }
        };
        apart(a).total_cmp(&apart(b))
    })?;
    let near = chain.over_tensors(|i| {
        ratio(
            chain.distance(i, step, nearest),
            chain.distance(i, step, neighbour),
        )
    });
    (near < -0.35).then_some(nearest)
}

/// The distance of two steps as a share of that of unrelated weights: the median over tensors.
fn relative(chain: &Chain<'_>, s: usize, t: usize) -> f64 {
    chain.over_tensors(|i| {
        let track = &chain.series.tracks[i];
        // What is zero, as at the start, is as far from everything.
        let is_zero = track.norms[s] == 0.0 || track.norms[t] == 0.0;
        if is_zero || chain.is_excused(i, s) || chain.is_excused(i, t) {
            f64::NAN
        } else {
            track.relative(s, t)
        }
    })
}

/// The first and the last step, which have one neighbour only.
fn ends(chain: &mut Chain<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    let count = chain.kept.len();
    if count < 5 {
        return found;
    }
    let (first, second) = (chain.kept[0], chain.kept[1]);
    let usual_of = |steps: &[usize]| {
        let pairs = steps.windows(2);
        known(pairs.map(|pair| relative(chain, pair[0], pair[1])))
    };
    let own = relative(chain, first, second);
    // What it comes from it is nearer to than to what follows.
    let grows = relative(chain, first, chain.kept[3]) > 1.05 * own;
    if own > UNRELATED_FIRST && !grows && usual_of(&chain.kept[1..5]) < 0.5 * own {
        chain.remove(first);
        found.push(Found {
            defect: Defect::Misplaced {
                step: first,
                nearest: None,
            },
            margin: Some(own / UNRELATED_FIRST),
        });
        return found;
    }
    let from = chain.kept[2..].iter().map(|&other| {
        let near = chain.over_tensors(|i| {
            ratio(
                chain.distance(i, first, second),
                chain.distance(i, first, other),
            )
        });
        (near, other)
    });
    let from = from.filter(|(near, _)| !near.is_nan());
    if let Some((near, other)) = from.max_by(|a, b| a.0.total_cmp(&b.0))
        && near > FIRST
    {
        chain.remove(first);
        found.push(Found {
            defect: Defect::Misplaced {
                step: first,
                nearest: Some(other),
            },
            margin: Some(near / FIRST),
        });
    }
    let count = chain.kept.len();
    let (before, last) = (chain.kept[count - 2], chain.kept[count - 1]);
    let lasts = &chain.kept[count.saturating_sub(5)..count - 1];
    let pairs = lasts.windows(2);
    let usual = known(pairs.map(|pair| relative(chain, pair[0], pair[1])));
    let own = relative(chain, before, last);
    if own > UNRELATED && usual < 0.5 * UNRELATED {
        let near = nearest(chain, last, before);
        chain.remove(last);
        found.push(Found {
            defect: Defect::Misplaced {
                step: last,
                nearest: near,
            },
            margin: Some(own / UNRELATED),
        });
    }
    found
}

/// Steps that come from an earlier one than the one before.
pub(super) fn restarted(chain: &mut Chain<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for at in 2..chain.kept.len() {
        let (step, before) = (chain.kept[at], chain.kept[at - 1]);
        if chain.starts.contains(&step) {
            continue;
        }
        let earlier = chain.kept[..at - 1].iter().map(|&other| {
            let near = chain.over_tensors(|i| {
                ratio(
                    chain.distance(i, step, before),
                    chain.distance(i, step, other),
                )
            });
            (near, other)
        });
        let best = earlier
            .filter(|(near, _)| !near.is_nan())
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((near, from)) = best
            && near > PARENT
        {
            chain.starts.insert(step);
            found.push(Found {
                defect: Defect::Restarted {
                    step,
                    from,
                    is_equal: false,
                },
                margin: Some(near / PARENT),
            });
        }
    }
    found
}
