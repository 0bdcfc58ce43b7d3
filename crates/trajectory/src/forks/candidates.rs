//! What one run's first checkpoints say about its parent.

use super::fork::{Fork, Parameters};
use super::kinship::Kin;
use weightspace::distance::{distance, squared_distance};

/// Blocks of coordinates whose sums show the spread of a miss.
const BLOCKS: usize = 32;
/// Share of the movement along the branch's next step that is forgiven.
const FORGIVEN: f64 = 0.3;
/// A branch nearer to a checkpoint than this share of its next step goes on beside its parent.
const BESIDE: f64 = 0.8;
/// A branch that goes on beside its parent stays in one tube with it, where its first checkpoint may
/// come nearest to one that its parent reached up to so many checkpoints after the fork.
const TUBE: usize = 3;

/// A branch is the parent, rather than its own parent, if it misses by less than this share.
const CLEARLY: f64 = 0.6;

/// What a run claims about its origin.
pub(super) struct Claim {
    /// Where it left another run, if there is one with older checkpoints.
    pub(super) fork: Option<Fork>,
    /// All runs too near to be strangers, ascending.
    pub(super) related: Vec<usize>,
}

/// A checkpoint that may be the last before the fork.
struct Candidate {
    run: usize,
    place: usize,
    /// Miss by blocks of coordinates.
    misses: Vec<f64>,
    total: f64,
}

impl Candidate {
    fn new(runs: &[Vec<&[f32]>], branch: &[&[f32]], run: usize, place: usize) -> Self {
        let misses = misses(runs[run][place], branch);
        Self {
            run,
            place,
            total: misses.iter().sum(),
            misses,
        }
    }
}

pub(super) fn claim(
    runs: &[Vec<&[f32]>],
    kin: &[Kin<'_>],
    run: usize,
    parameters: &Parameters,
) -> Claim {
    let first = runs[run][0];
    let related: Vec<usize> = (0..runs.len())
        .filter(|&other| other != run && kin[other].is_related(first, parameters))
        .collect();
    let fork = shared_fork(runs, run, &related)
        .or_else(|| nearest_fork(runs, run, &related, parameters.slack));
    Claim { fork, related }
}

/// The fork after the last checkpoint that is a copy, from the run with the most copies.
fn shared_fork(runs: &[Vec<&[f32]>], run: usize, related: &[usize]) -> Option<Fork> {
    let branch = &runs[run];
    let mut best: Option<Fork> = None;
    for &other in related {
        let Some(first) = runs[other].iter().position(|point| *point == branch[0]) else {
            continue;
        };
        // Of two runs that both begin with the copies, the one given first is the parent.
        let interchangeable = first == 0;
        if interchangeable && other > run {
            continue;
        }
        let (mut after, mut copied) = (first, 1);
        for point in &branch[1..] {
            let later = runs[other][after + 1..].iter();
            match later.clone().position(|theirs| theirs == point) {
                Some(gap) => (after, copied) = (after + 1 + gap, copied + 1),
                None => break,
            }
        }
        if best.as_ref().is_some_and(|best| best.copied >= copied) {
            continue;
        }
        let nearest = |own: &&[f32]| {
            let distances = runs[other].iter().map(|point| distance(own, point));
            distances.fold(f64::INFINITY, f64::min)
        };
        best = Some(Fork {
            parent: other,
            after,
            interval: (after, after),
            rivals: Vec::new(),
            copied,
            interchangeable,
            confidence: 1.0,
            distance: branch.get(copied).map_or(0.0, nearest),
        });
    }
    best
}

/// The fork around the nearest checkpoint, among runs with older checkpoints.
fn nearest_fork(runs: &[Vec<&[f32]>], run: usize, related: &[usize], slack: f64) -> Option<Fork> {
    let branch = &runs[run];
    let of = |other: usize| {
        (0..runs[other].len()).map(move |place| Candidate::new(runs, branch, other, place))
    };
    let (older, others): (Vec<usize>, Vec<usize>) = related
        .iter()
        .partition(|&&other| is_older(runs, other, run));
    let candidates: Vec<Candidate> = older.iter().flat_map(|&other| of(other)).collect();
    let nearest = preferred(runs, &candidates, &older)?;
    if nearest.place == 0 {
        return None;
    }
    let parent = nearest.run;
    let gap = distance(branch[0], runs[parent][nearest.place]);
    let stride = match branch.get(1) {
        Some(second) => distance(branch[0], second),
        None => distance(runs[parent][nearest.place], runs[parent][nearest.place - 1]),
    };
    let is_beside = gap < BESIDE * stride;
    let after = nearest.place - usize::from(is_beside);
    let before = nearest
        .place
        .saturating_sub(if is_beside { TUBE } else { 1 });

    let mut fork = Fork {
        parent,
        after,
        interval: (before, nearest.place),
        rivals: Vec::new(),
        copied: 0,
        interchangeable: false,
        confidence: 0.0,
        distance: gap,
    };
    let (mut near, mut all) = (0.0, 0.0);
    for candidate in &candidates {
        let (excess, spread) = lead(nearest, candidate);
        let weight = match excess > 0.0 {
            true => (-0.5 * (excess / spread).powi(2)).exp(),
            false => 1.0,
        };
        all += weight;
        if candidate.run == parent && candidate.place.abs_diff(after) <= 1 {
            near += weight;
        }
        if excess <= slack * spread {
            if candidate.run == parent {
                let (first, last) = fork.interval;
                fork.interval = (first.min(candidate.place), last.max(candidate.place));
            } else if !fork.rivals.contains(&candidate.run) {
                fork.rivals.push(candidate.run);
            }
        }
    }
    // A branch that leaves another soon after that one's first checkpoint cannot show which of the
    // two is older. Siblings are seldom much nearer than where both left their parent.
    let is_clearly_nearer = |other: usize| {
        of(other).any(|candidate| {
            let (excess, spread) = lead(nearest, &candidate);
            excess < -slack * spread
        })
    };
    let rivals = others
        .into_iter()
        .filter(|&other| !is_older(runs, run, other) && is_clearly_nearer(other));
    fork.rivals.extend(rivals);
    fork.rivals.sort_unstable();
    fork.confidence = near / all;
    Some(fork)
}

/// The nearest candidate of the run that is preferred as the parent; `older` lists the candidates'
/// runs.
///
/// Branches of one parent may come nearer to each other than to where they left it, so a run older
/// than the nearest is preferred, unless the nearest misses by clearly less.
fn preferred<'a>(
    runs: &[Vec<&[f32]>],
    candidates: &'a [Candidate],
    older: &[usize],
) -> Option<&'a Candidate> {
    let mut nearest = least(candidates.iter())?;
    let mut passed = vec![nearest.run];
    // Being older is not transitive: only a run older than all before it is followed, or three runs
    // could be preferred to each other in a circle.
    while let Some(next) = least(
        older
            .iter()
            .filter(|&&other| passed.iter().all(|&run| is_older(runs, other, run)))
            .filter_map(|&other| least(candidates.iter().filter(|own| own.run == other)))
            .filter(|own| own.place > 0 && nearest.total > CLEARLY * own.total),
    ) {
        nearest = next;
        passed.push(next.run);
    }
    Some(nearest)
}

/// Whether a run began before another left it: the other's beginning is nearer to it than its own
/// is to the other, and not nearest to its beginning.
fn is_older(runs: &[Vec<&[f32]>], older: usize, younger: usize) -> bool {
    let nearest = |from: usize, to: usize| {
        let distances = runs[to]
            .iter()
            .map(|point| squared_distance(runs[from][0], point));
        distances
            .enumerate()
            .min_by(|(_, x), (_, y)| x.total_cmp(y))
            .unwrap_or((0, f64::INFINITY))
    };
    let (place, gap) = nearest(younger, older);
    place > 0 && gap < nearest(older, younger).1
}

/// The candidate with the smallest miss, the first of several.
fn least<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Option<&'a Candidate> {
    candidates.min_by(|x, y| x.total.total_cmp(&y.total))
}

/// How much more another candidate misses by, and the spread of that over blocks.
fn lead(nearest: &Candidate, other: &Candidate) -> (f64, f64) {
    let excess: Vec<f64> = std::iter::zip(&other.misses, &nearest.misses)
        .map(|(other, nearest)| other - nearest)
        .collect();
    let (sum, n) = (excess.iter().sum::<f64>(), excess.len() as f64);
    let squares: f64 = excess.iter().map(|x| (x - sum / n).powi(2)).sum();
    // One block shows no spread, and without one nothing can be excluded.
    let spread = match excess.len() {
        1 => f64::INFINITY,
        _ => (squares * n / (n - 1.0)).sqrt(),
    };
    (sum, spread)
}

/// The miss of a parent's checkpoint, summed over each block of coordinates.
fn misses(point: &[f32], branch: &[&[f32]]) -> Vec<f64> {
    let (mut along, mut length) = (0.0, 0.0);
    let step: Vec<f64> = match branch.get(1) {
        Some(next) => std::iter::zip(*next, branch[0])
            .map(|(&next, &first)| f64::from(next) - f64::from(first))
            .collect(),
        None => vec![0.0; point.len()],
    };
    let gap: Vec<f64> = std::iter::zip(point, branch[0])
        .map(|(&p, &b)| f64::from(p) - f64::from(b))
        .collect();
    for (gap, step) in std::iter::zip(&gap, &step) {
        along += gap * step;
        length += step * step;
    }
    let forgiven = if length > 0.0 {
        FORGIVEN * along / length
    } else {
        0.0
    };
    let parts = BLOCKS.min(gap.len()).max(1);
    (0..parts)
        .map(|part| {
            let block = part * gap.len() / parts..(part + 1) * gap.len() / parts;
            std::iter::zip(&gap[block.clone()], &step[block])
                .map(|(gap, step)| (gap - forgiven * step).abs().sqrt())
                .sum()
        })
        .collect()
}
