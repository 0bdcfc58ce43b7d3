//! Bits that are equal where they should differ, and which of the steps that share them is wrong.

use super::chain::{Chain, Lengths, known, ratio};
use super::{Defect, Fault, Found};
use std::collections::BTreeMap;

/// A step is hidden by rounding unless the chance of that is below exp(−20).
const HIDDEN: f64 = 20.0;
/// Distances grow with about this power of the lag.
const GROWTH: f64 = 0.75;
/// Changes of length that make a trend.
const TREND: usize = 3;

/// Which of the steps that share their bits has them by right, by what these tensors say.
///
/// Steps that do not share them cut the order into gaps; the bits belong into the gap whose ends are
/// nearer to them than to each other. Within a gap the distances to both ends decide; behind the last
/// step that differs, the last one has them by right where steps elsewhere share them: a name without
/// weights of its own often leads to the newest.
fn rightful(chain: &Chain<'_>, order: &[usize], members: &[usize], tensors: &[usize]) -> usize {
    let over = |value: &dyn Fn(usize) -> f64| known(tensors.iter().map(|&tensor| value(tensor)));
    let apart = |s: usize, t: usize| over(&|i| chain.distance(i, s, t).ln());
    let bits = members[0];
    let others: Vec<usize> = order
        .iter()
        .copied()
        .filter(|step| !members.contains(step))
        .collect();
    let place = |step: usize| order.iter().position(|&other| other == step);
    // Members by the number of other steps before them.
    let mut gaps: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &member in members {
        let before = others
            .iter()
            .filter(|&&other| place(other) < place(member))
            .count();
        gaps.entry(before).or_default().push(member);
    }
    let between = |gap: usize| -> f64 {
        let before = gap.checked_sub(1).and_then(|at| others.get(at)).copied();
        let behind = others.get(gap).copied();
        let inner = match (before, behind) {
            (Some(a), Some(b)) => apart(a, bits).max(apart(b, bits)) - apart(a, b),
            (Some(a), None) => match gap.checked_sub(2).and_then(|at| others.get(at)) {
                Some(&c) => apart(a, bits).max(apart(c, a)) - apart(c, bits),
                None => 0.0,
            },
            (None, Some(b)) => match others.get(gap + 1) {
                Some(&c) => apart(b, bits).max(apart(b, c)) - apart(bits, c),
                None => 0.0,
            },
            (None, None) => 0.0,
        };
        if inner.is_nan() { 0.0 } else { inner }
    };
    let best = gaps
        .keys()
        .copied()
        .min_by(|&a, &b| between(a).total_cmp(&between(b)))
        .unwrap_or(0);
    let Some(within) = gaps.get(&best) else {
        return bits;
    };
    let before = best.checked_sub(1).and_then(|at| others.get(at)).copied();
    let behind = others.get(best).copied();
    let (lean, is_end) = match (before, behind) {
        (Some(a), Some(b)) => (apart(a, bits) - apart(bits, b), false),
        (Some(a), None) => match best.checked_sub(2).and_then(|at| others.get(at)) {
            _ if gaps.len() > 1 => return within[within.len() - 1],
            // Held against the steps before, which may grow shorter towards the end.
            Some(&c) => (
                apart(a, bits) - apart(c, a) - trend(&others[..best], &apart),
                true,
            ),
            None => return within[0],
        },
        _ => return within[0],
    };
    let fits = |at: usize| {
        let steps_behind = if is_end { 1 } else { within.len() - at };
        let expected = GROWTH * ((at + 1) as f64 / steps_behind as f64).ln();
        (lean - expected).abs()
    };
    let at = (0..within.len()).min_by(|&a, &b| fits(a).total_cmp(&fits(b)));
    within[at.unwrap_or(0)]
}

/// How the last steps of these change their length from one to the next, as a logarithm: a median; 0 of few.
fn trend(steps: &[usize], apart: &dyn Fn(usize, usize) -> f64) -> f64 {
    let lasts = &steps[steps.len().saturating_sub(TREND + 2)..];
    let lengths: Vec<f64> = lasts
        .windows(2)
        .map(|pair| apart(pair[0], pair[1]))
        .collect();
    let changes = lengths.windows(2).map(|pair| pair[1] - pair[0]);
    let changes: Vec<f64> = changes.filter(|change| !change.is_nan()).collect();
    if changes.len() < TREND {
        return 0.0;
    }
    known(changes.into_iter())
}

/// Whole steps that have the bits of another. They leave the chain.
pub(super) fn whole(chain: &mut Chain<'_>, first_is_warm_up: bool) -> Vec<Found> {
    let mut found = Vec::new();
    if chain.movers.is_empty() {
        if chain.series.steps > 1 {
            found.push(exact(Defect::Standstill { from: 1 }));
        }
        return found;
    }
    let mut classes: BTreeMap<Vec<u64>, Vec<usize>> = BTreeMap::new();
    for &step in &chain.kept {
        let prints = chain.series.tracks.iter().map(|track| track.prints[step]);
        classes.entry(prints.collect()).or_default().push(step);
    }
    let mut classes: Vec<Vec<usize>> = classes
        .into_values()
        .filter(|members| members.len() > 1)
        .collect();
    classes.sort();
    let last = chain.kept.last().copied();
    let movers = chain.movers.clone();
    // Steps of every class but one do not tell where that one belongs.
    let mut doubtful: Vec<usize> = classes.iter().flatten().copied().collect();
    for members in classes {
        doubtful.retain(|step| !members.contains(step));
        let order: Vec<usize> = chain
            .kept
            .iter()
            .copied()
            .filter(|step| !doubtful.contains(step))
            .collect();
        let in_a_row = members.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if in_a_row && members.last().copied() == last && members.len() > 2 {
            found.push(exact(Defect::Standstill { from: members[1] }));
            members[1..].iter().for_each(|&step| chain.remove(step));
            continue;
        }
        // The first step of a warm-up may have a rate of 0.
        if members == [0, 1] && first_is_warm_up {
            chain.remove(1);
            continue;
        }
        if in_a_row && is_hidden(chain, members[0]) {
            continue;
        }
        let right = rightful(chain, &order, &members, &movers);
        for &wrong in members.iter().filter(|&&member| member != right) {
            let next = order
                .iter()
                .copied()
                .find(|step| *step > wrong && !members.contains(step));
            let before = order
                .iter()
                .copied()
                .rev()
                .find(|step| *step < wrong && !members.contains(step));
            let goes_on = right < wrong
                && before.is_some_and(|before| before > right)
                && next.zip(before).is_some_and(|(next, before)| {
                    let own = chain.over_tensors(|i| {
                        ratio(
                            chain.distance(i, wrong, next),
                            chain.distance(i, before, next),
                        )
                    });
                    own < -0.1
                });
            if goes_on {
                chain.starts.insert(wrong);
                chain.repeats.insert(wrong);
                found.push(exact(Defect::Restarted {
                    step: wrong,
                    from: right,
                    is_equal: true,
                }));
            } else {
                chain.remove(wrong);
                found.push(exact(Defect::Copy {
                    step: wrong,
                    of: right,
                }));
            }
        }
    }
    found
}

/// Whether rounding may hide the step that leads from this one to the next.
fn is_hidden(chain: &Chain<'_>, step: usize) -> bool {
    let Some(edge) = chain.kept.iter().position(|&kept| kept == step) else {
        return false;
    };
    let lengths = Lengths::of(chain);
    let movers = chain.movers.iter();
    let evidence = movers.filter_map(|&tensor| lengths.hidden(tensor, edge));
    let evidence: f64 = evidence.sum();
    evidence < HIDDEN
}

/// Tensors of single steps that have the bits of another step, and tensors that stand still.
pub(super) fn parts(chain: &mut Chain<'_>) -> Vec<Found> {
    // Tensors by the steps that share their bits.
    let mut patterns: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    let lengths = Lengths::of(chain);
    for &tensor in &chain.movers {
        if is_often_hidden(chain, &lengths, tensor) {
            continue;
        }
        let mut classes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for &step in &chain.kept {
            if !chain.is_excused(tensor, step) && !chain.repeats.contains(&step) {
                let print = chain.series.tracks[tensor].prints[step];
                classes.entry(print).or_default().push(step);
            }
        }
        for members in classes.into_values().filter(|members| members.len() > 1) {
            patterns.entry(members).or_default().push(tensor);
        }
    }
    let mut faults: BTreeMap<(usize, Fault), Vec<usize>> = BTreeMap::new();
    for (members, tensors) in patterns {
        for (step, fault) in of_pattern(chain, &members, &tensors) {
            faults.entry((step, fault)).or_default().extend(&tensors);
        }
    }
    let mut found = Vec::new();
    for ((step, fault), mut tensors) in faults {
        tensors.sort_unstable();
        tensors.dedup();
        let until = match fault {
            Fault::Still { until } => until,
            _ => step,
        };
        let between: Vec<usize> = chain
            .kept
            .iter()
            .copied()
            .filter(|other| (step..=until).contains(other))
            .collect();
        for (&tensor, &other) in tensors
            .iter()
            .flat_map(|t| between.iter().map(move |s| (t, s)))
        {
            chain.excuse(tensor, other);
        }
        found.push(exact(Defect::Tensors {
            step,
            tensors,
            fault,
        }));
    }
    found
}

/// Whether a tensor keeps its bits again and again, as rounding or sparse gradients make it.
fn is_often_hidden(chain: &Chain<'_>, lengths: &Lengths<'_>, tensor: usize) -> bool {
    let edges = chain.kept.len().saturating_sub(1);
    let track = &chain.series.tracks[tensor];
    let pairs = chain.kept.windows(2);
    let is_still = |pair: &[usize]| track.prints[pair[0]] == track.prints[pair[1]];
    // Stretches in which it stands still; a tensor that was frozen for a while has one.
    let mut stretches = 0;
    let mut before = false;
    for pair in pairs {
        let still = is_still(pair);
        stretches += usize::from(still && !before);
        before = still;
    }
    if 4 * stretches > edges {
        return true;
    }
    let moving = (0..edges).filter(|&edge| !is_still(&chain.kept[edge..edge + 2]));
    // Beside a stretch in which it stands still nothing says how long a step would be.
    let evidence = moving.filter_map(|edge| lengths.hidden(tensor, edge));
    evidence
        .min_by(f64::total_cmp)
        .is_none_or(|least| least < HIDDEN)
}

/// What is wrong with tensors that have the same bits at these steps.
fn of_pattern(chain: &Chain<'_>, members: &[usize], tensors: &[usize]) -> Vec<(usize, Fault)> {
    let place = |step: usize| {
        chain
            .kept
            .iter()
            .position(|&kept| kept == step)
            .unwrap_or(0)
    };
    let mut stretches: Vec<Vec<usize>> = Vec::new();
    for &member in members {
        match stretches.last_mut() {
            Some(stretch)
                if stretch
                    .last()
                    .is_some_and(|&last| place(last) + 1 == place(member)) =>
            {
                stretch.push(member);
            }
            _ => stretches.push(vec![member]),
        }
    }
    if let [stretch] = stretches.as_slice() {
        let (first, last) = (stretch[0], stretch[stretch.len() - 1]);
        return match stretch.len() {
            // It was not trained yet.
            3.. if first == chain.kept[0] => Vec::new(),
            3.. => vec![(stretch[1], Fault::Still { until: last })],
            _ => {
                let right = earlier_or_later(chain, stretch, tensors);
                let wrong = if right == first { last } else { first };
                vec![(wrong, Fault::Equal { to: right })]
            }
        };
    }
    let right = rightful(chain, &chain.kept, members, tensors);
    let wrong = members.iter().filter(|&&member| member != right);
    wrong
        .map(|&step| (step, Fault::Equal { to: right }))
        .collect()
}

/// Which of two neighbouring steps has the bits of these tensors by right: the steps of all other tensors
/// say how long those on both sides should be.
fn earlier_or_later(chain: &Chain<'_>, pair: &[usize], tensors: &[usize]) -> usize {
    let (first, last) = (pair[0], pair[1]);
    let place = chain
        .kept
        .iter()
        .position(|&kept| kept == first)
        .unwrap_or(0);
    let (Some(before), Some(behind)) = (
        place.checked_sub(1).map(|at| chain.kept[at]),
        chain.kept.get(place + 2).copied(),
    ) else {
        return first;
    };
    let lean = |i: usize, a: usize, b: usize| {
        ratio(chain.distance(i, before, a), chain.distance(i, b, behind))
    };
    let own = known(tensors.iter().map(|&i| lean(i, first, first)));
    let others = |step: usize| {
        let others = chain.movers.iter().filter(|i| !tensors.contains(i));
        known(others.map(|&i| lean(i, step, step)))
    };
    let is_late = (own - others(last)).abs() < (own - others(first)).abs();
    if is_late { last } else { first }
}

fn exact(defect: Defect) -> Found {
    Found {
        defect,
        margin: None,
    }
}
