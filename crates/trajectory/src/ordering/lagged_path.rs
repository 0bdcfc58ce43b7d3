//! Paths whose near points lie near: the sum of weighted distances over the first few lags, and a
//! local search for its minimum.
//!
//! With one lag this is the shortest Hamiltonian path, searched by 2-opt (Croes 1958, "A method for
//! solving traveling-salesman problems") and Or-opt (Or 1976). With more lags it is banded
//! seriation, a special case of the quadratic assignment problem (Hahsler 2017, "An experimental
//! comparison of seriation methods for one-mode two-way data").

use super::changes::Changes;
use super::pairwise::Pairwise;
use weightspace::random::{ChaCha8Rng, below};

/// Longest piece that is moved elsewhere as a whole.
const LONGEST_PIECE: usize = 3;
/// How many places a piece is moved at most.
const REACH: usize = 25;
/// Sweeps of the local search, if it does not come to rest before.
const SWEEPS: usize = 60;
/// Kicks in a row without a better path, after which the search gives up.
const KICKS: usize = 6;
/// Most points of a path that is searched through and through. Of longer ones only pieces are
/// reversed that keep a sweep within this many squared reversals, and nothing is kicked.
const SEARCHED_WHOLE: usize = 300;

/// Cost of a path p: Σ over lags l = 1..K and places t of weight(l) · distance(p(t), p(t + l)).
#[derive(Clone, Copy)]
pub(super) struct LaggedPath<'a> {
    pub(super) pairwise: &'a Pairwise,
    /// The weight of lag 1, 2, …, K.
    pub(super) weights: &'a [f64],
}

/// The weights 1, 1/2, …, 1/K.
pub(super) fn harmonic(lags: usize) -> Vec<f64> {
    (1..=lags).map(|lag| 1.0 / lag as f64).collect()
}

impl LaggedPath<'_> {
    fn lags(&self) -> usize {
        self.weights.len()
    }

    /// O(m · K).
    pub(super) fn cost(&self, path: &[u32]) -> f64 {
        self.cost_from(path, 0, path.len())
    }

    /// The terms of the cost whose earlier place is in `first..end`.
    fn cost_from(&self, path: &[u32], first: usize, end: usize) -> f64 {
        (first..end.min(path.len()))
            .map(|place| {
                let row = self.pairwise.row(path[place]);
                std::iter::zip(&path[place + 1..], self.weights)
                    .map(|(&other, weight)| weight * row[other as usize])
                    .sum::<f64>()
            })
            .sum()
    }

    /// By how much the cost grows if the places `first..=last` are reversed. O(K²).
    pub(super) fn reversal(&self, path: &[u32], first: usize, last: usize) -> f64 {
        let mut growth = 0.0;
        // Only pairs of a place inside with one outside change their lag.
        for before in first.saturating_sub(self.lags())..first {
            let row = self.pairwise.row(path[before]);
            for inside in first..=(before + self.lags()).min(last) {
                growth += self.weights[inside - before - 1]
                    * (row[path[first + last - inside] as usize] - row[path[inside] as usize]);
            }
        }
        for after in last + 1..(last + 1 + self.lags()).min(path.len()) {
            let row = self.pairwise.row(path[after]);
            for inside in after.saturating_sub(self.lags()).max(first)..=last {
                growth += self.weights[after - inside - 1]
                    * (row[path[first + last - inside] as usize] - row[path[inside] as usize]);
            }
        }
        growth
    }

    /// Swaps the piece of `length` places from `first` with the point behind it, and says by how
    /// much the cost grows. O(K · (K + length)).
    fn step_right(&self, path: &mut [u32], first: usize, length: usize) -> f64 {
        let from = first.saturating_sub(self.lags());
        let before = self.cost_from(path, from, first + length + 1);
        path[first..=first + length].rotate_right(1);
        self.cost_from(path, from, first + length + 1) - before
    }

    /// As [`step_right`](Self::step_right), with the point before it.
    fn step_left(&self, path: &mut [u32], first: usize, length: usize) -> f64 {
        let from = (first - 1).saturating_sub(self.lags());
        let before = self.cost_from(path, from, first + length);
        path[first - 1..first + length].rotate_left(1);
        self.cost_from(path, from, first + length) - before
    }

    /// Reverses and moves pieces until nothing helps. The first sweep is O(m² K²) for short paths and
    /// O(m · reach · K²) for long ones; the others look only where something changed since.
    pub(super) fn improve(&self, path: &mut [u32]) {
        // Rounding must not pass for progress, or the search would never rest.
        let least = 1e-10 * self.cost(path).abs();
        let mut looked = Looked::new(path.len(), self.lags());
        for _ in 0..SWEEPS {
            let reversed = self.reverse_pieces(path, least, &mut looked);
            let moved = self.move_pieces(path, least, &mut looked);
            if !reversed && !moved {
                break;
            }
        }
    }

    fn reverse_pieces(&self, path: &mut [u32], least: f64, looked: &mut Looked) -> bool {
        let mut better = false;
        let longest = (SEARCHED_WHOLE * SEARCHED_WHOLE / path.len().max(1)).max(REACH);
        for first in 0..path.len() {
            let (before, now) = (looked.reversed[first], looked.ends.now());
            for last in first + 1..path.len().min(first + longest) {
                // The growth depends on what is near the ends alone.
                if !looked.ends.is_since(before, first) && !looked.ends.is_since(before, last) {
                    continue;
                }
                if self.reversal(path, first, last) < -least {
                    path[first..=last].reverse();
                    looked.mark(first, last);
                    better = true;
                }
            }
            looked.reversed[first] = now;
        }
        better
    }

    fn move_pieces(&self, path: &mut [u32], least: f64, looked: &mut Looked) -> bool {
        let mut better = false;
        for length in 1..=LONGEST_PIECE.min(path.len().saturating_sub(1)) {
            for first in 0..=path.len() - length {
                let (before, now) = (looked.moved[length - 1][first], looked.reach.now());
                if looked.reach.is_since(before, first) {
                    let place = self.move_piece(path, first, length, least);
                    if place != first {
                        looked.mark(place.min(first), place.max(first) + length - 1);
                        better = true;
                    }
                    looked.moved[length - 1][first] = now;
                }
            }
        }
        better
    }

    /// Moves the piece to its best place within reach, if that is better than where it is; returns
    /// where it is then.
    fn move_piece(&self, path: &mut [u32], first: usize, length: usize, least: f64) -> usize {
        let lowest = first.saturating_sub(REACH);
        let highest = (first + REACH).min(path.len() - length);
        let (mut best, mut best_growth) = (first, -least);
        let mut consider = |place, growth| {
            if growth < best_growth {
                (best, best_growth) = (place, growth);
            }
        };
        // Step by step to either end of its reach, and back as a whole.
        let mut growth = 0.0;
        for place in first..highest {
            growth += self.step_right(path, place, length);
            consider(place + 1, growth);
        }
        path[first..highest + length].rotate_right(length);
        growth = 0.0;
        for place in (lowest + 1..=first).rev() {
            growth += self.step_left(path, place, length);
            consider(place - 1, growth);
        }
        path[lowest..first + length].rotate_left(length);
        if best > first {
            path[first..best + length].rotate_left(length);
        } else {
            path[best..first + length].rotate_right(length);
        }
        best
    }

    /// The best path found from the given starts, and from kicking the best of them if they lead to
    /// different paths: one that all starts lead to is not left for the sake of chance.
    ///
    /// A kick swaps two neighbouring pieces of random length ("double bridge", Martin, Otto and
    /// Felten 1991).
    pub(super) fn search(&self, starts: Vec<Vec<u32>>, random: &mut ChaCha8Rng) -> Vec<u32> {
        let mut found: Vec<(f64, Vec<u32>)> = starts
            .into_iter()
            .map(|mut path| {
                self.improve(&mut path);
                (self.cost(&path), path)
            })
            .collect();
        found.sort_by(|x, y| x.0.total_cmp(&y.0));
        let mut found = found.into_iter();
        let Some((mut least, mut best)) = found.next() else {
            return Vec::new();
        };
        let agreed = found.all(|(_, other)| same_path(&other, &best));
        let m = best.len() as u32;
        let mut in_vain = if agreed || m < 4 || best.len() > SEARCHED_WHOLE {
            KICKS
        } else {
            0
        };
        while in_vain < KICKS {
            let mut cuts = [0; 3].map(|_| below(m + 1, random) as usize);
            cuts.sort_unstable();
            let mut path = best.clone();
            path[cuts[0]..cuts[2]].rotate_left(cuts[1] - cuts[0]);
            self.improve(&mut path);
            let cost = self.cost(&path);
            if cost < least * (1.0 - 1e-12) {
                (least, best) = (cost, path);
                in_vain = 0;
            } else {
                in_vain += 1;
            }
        }
        best
    }
}

/// What a local search has looked at, and when.
struct Looked {
    /// Changes near enough to the end of a piece to matter for its reversal.
    ends: Changes,
    /// Changes near enough to a piece to matter for its moves.
    reach: Changes,
    /// When the reversals from each place on were looked at last.
    reversed: Vec<u32>,
    /// When the moves of the piece of 1, 2, … places from each place on were.
    moved: [Vec<u32>; LONGEST_PIECE],
}

impl Looked {
    fn new(places: usize, lags: usize) -> Self {
        Self {
            ends: Changes::new(places, lags),
            reach: Changes::new(places, REACH + LONGEST_PIECE + lags),
            reversed: vec![0; places],
            moved: std::array::from_fn(|_| vec![0; places]),
        }
    }

    fn mark(&mut self, first: usize, last: usize) {
        self.ends.mark(first, last);
        self.reach.mark(first, last);
    }
}

/// Whether two paths are the same, read forwards or backwards.
pub(super) fn same_path(x: &[u32], y: &[u32]) -> bool {
    x == y || x.iter().eq(y.iter().rev())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance;
    use nalgebra::DMatrix;
    use proptest::prelude::*;
    use weightspace::random::stream;

    fn pairwise(points: &[(f32, f32)]) -> Pairwise {
        let matrix = DMatrix::from_fn(2, points.len(), |i, j| {
            if i == 0 { points[j].0 } else { points[j].1 }
        });
        let all: Vec<u32> = (0..points.len() as u32).collect();
        Pairwise::of(matrix.as_view(), &all, &all)
    }

    /// The cost as it is defined.
    fn naive(paths: LaggedPath<'_>, path: &[u32]) -> f64 {
        let mut cost = 0.0;
        for (i, &x) in path.iter().enumerate() {
            for (j, &y) in path.iter().enumerate().skip(i + 1) {
                if let Some(weight) = paths.weights.get(j - i - 1) {
                    cost += weight * paths.pairwise.row(x)[y as usize];
                }
            }
        }
        cost
    }

    fn permutations(items: &mut Vec<u32>, from: usize, visit: &mut impl FnMut(&[u32])) {
        if from == items.len() {
            return visit(items);
        }
        for i in from..items.len() {
            items.swap(from, i);
            permutations(items, from + 1, visit);
            items.swap(from, i);
        }
    }

    proptest! {
        #[test]
        fn growth_by_reversals_and_steps_is_the_difference_of_costs(
            points in prop::collection::vec((0.0..1.0f32, 0.0..1.0f32), 4..14),
            lags in 1usize..7, places in (0usize..14, 0usize..14, 1usize..4)
        ) {
            let pairwise = pairwise(&points);
            let weights = harmonic(lags);
            let paths = LaggedPath { pairwise: &pairwise, weights: &weights };
            let m = points.len();
            let path: Vec<u32> = (0..m as u32).collect();
            prop_assert!((paths.cost(&path) - naive(paths, &path)).abs() < 1e-9);

            let (first, last) = (places.0 % m, places.1 % m);
            let (first, last) = (first.min(last), first.max(last));
            let mut reversed = path.clone();
            reversed[first..=last].reverse();
            let growth = naive(paths, &reversed) - naive(paths, &path);
            prop_assert!((paths.reversal(&path, first, last) - growth).abs() < 1e-9);

            let length = places.2.min(m - 1);
            let first = places.0 % (m - length);
            let mut moved = path.clone();
            let growth = paths.step_right(&mut moved, first, length);
            prop_assert!((naive(paths, &moved) - naive(paths, &path) - growth).abs() < 1e-9);
            let back = paths.step_left(&mut moved, first + 1, length);
            prop_assert!((growth + back).abs() < 1e-9);
            prop_assert_eq!(moved, path);
        }
    }

    /// The local search that forgets what it looked at.
    fn improve_naively(paths: LaggedPath<'_>, path: &mut [u32]) {
        let least = 1e-10 * paths.cost(path).abs();
        for _ in 0..SWEEPS {
            let new = || Looked::new(path.len(), paths.lags());
            let (mut first, mut second) = (new(), new());
            let reversed = paths.reverse_pieces(path, least, &mut first);
            let moved = paths.move_pieces(path, least, &mut second);
            if !reversed && !moved {
                break;
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_not_looked_at_again_would_not_have_helped(
            points in prop::collection::vec((0.0..1.0f32, 0.0..1.0f32), 1..120), lags in 1usize..7
        ) {
            let pairwise = pairwise(&points);
            let weights = harmonic(lags);
            let paths = LaggedPath { pairwise: &pairwise, weights: &weights };
            let mut path: Vec<u32> = (0..points.len() as u32).collect();
            let mut naive = path.clone();
            paths.improve(&mut path);
            improve_naively(paths, &mut naive);
            prop_assert_eq!(path, naive);
        }
    }

    #[test]
    fn the_search_mostly_finds_the_best_of_all_paths_through_seven_points() {
        let mut random = stream(5, "points", 0);
        let mut uniform = || below(1 << 20, &mut random) as f32 / (1 << 20) as f32;
        let mut optimal = 0;
        for case in 0..40 {
            let points: Vec<(f32, f32)> = (0..7).map(|_| (uniform(), uniform())).collect();
            let pairwise = pairwise(&points);
            let weights = harmonic(1 + case % 3);
            let paths = LaggedPath {
                pairwise: &pairwise,
                weights: &weights,
            };
            let mut least = f64::INFINITY;
            permutations(&mut (0..7).collect(), 0, &mut |path| {
                least = least.min(naive(paths, path));
            });
            let starts = vec![(0..7).collect(), vec![3, 0, 5, 1, 6, 2, 4]];
            let found = paths.search(starts, &mut chance::kicks(1));
            optimal += usize::from(paths.cost(&found) < least + 1e-9);
        }
        assert!(optimal >= 34, "{optimal} of 40");
    }
}
