//! The steps that are still held to be sound, and statistics along them.

use super::series::Series;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use weightspace::statistics::median;

/// Logarithms are cut off here.
const MOST: f64 = 14.0;

/// The steps in the order that explains most so far, without those that were found to be wrong.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    pub(super) series: &'a Series,
    /// Tensors that move at all.
    pub(super) movers: Vec<usize>,
    /// Steps, in order.
    pub(super) kept: Vec<usize>,
    /// Steps at which the series goes on from an earlier one than the one before.
    pub(super) starts: BTreeSet<usize>,
    /// Steps that have an earlier one's bits by right, since the series went back to it.
    pub(super) repeats: BTreeSet<usize>,
    /// By tensor and step: what a defect explains already.
    excused: Vec<Vec<bool>>,
    /// Of each tensor the usual length of its steps.
    usual: Vec<f64>,
    squares: RefCell<HashMap<(usize, usize), f64>>,
}

impl<'a> Chain<'a> {
    pub(super) fn new(series: &'a Series) -> Self {
        let tracks = &series.tracks;
        let movers = (0..tracks.len()).filter(|&i| tracks[i].moves()).collect();
        let usual = tracks.iter().map(|track| {
            let lengths = (1..series.steps).map(|t| track.distance(t - 1, t));
            let lengths = median(lengths.filter(|length| *length > 0.0));
            if lengths.is_finite() { lengths } else { 1.0 }
        });
        Self {
            usual: usual.collect(),
            excused: tracks.iter().map(|track| track.broken.clone()).collect(),
            kept: (0..series.steps).collect(),
            starts: BTreeSet::new(),
            repeats: BTreeSet::new(),
            squares: RefCell::new(HashMap::new()),
            movers,
            series,
        }
    }

    /// Notes that a tensor of a step is explained.
    pub(super) fn excuse(&mut self, tensor: usize, step: usize) {
        self.excused[tensor][step] = true;
        self.squares.borrow_mut().clear();
    }

    pub(super) fn is_excused(&self, tensor: usize, step: usize) -> bool {
        self.excused[tensor][step]
    }

    pub(super) fn remove(&mut self, step: usize) {
        self.kept.retain(|&other| other != step);
    }

    /// The distance of a tensor between two steps; NaN where it is broken at one of them.
    pub(super) fn distance(&self, tensor: usize, s: usize, t: usize) -> f64 {
        if self.excused[tensor][s] || self.excused[tensor][t] {
            return f64::NAN;
        }
        self.series.tracks[tensor].distance(s, t)
    }

    /// The median over the tensors that move; NaN if it is known of less than half of them.
    pub(super) fn over_tensors(&self, statistic: impl Fn(usize) -> f64) -> f64 {
        let values = self.movers.iter().map(|&tensor| statistic(tensor));
        let known: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        if 2 * known.len() < self.movers.len() {
            return f64::NAN;
        }
        median(known)
    }

    /// Lets steps go of which most tensors are explained: little is left to hold others against.
    pub(super) fn leave_explained(&mut self) {
        let is_left = |step: usize| {
            let explained = self
                .movers
                .iter()
                .filter(|&&tensor| self.excused[tensor][step]);
            2 * explained.count() < self.movers.len()
        };
        self.kept = self
            .kept
            .iter()
            .copied()
            .filter(|&step| is_left(step))
            .collect();
    }

    /// The squared distance of two steps, each tensor in its own usual steps: the median over tensors.
    pub(super) fn square(&self, s: usize, t: usize) -> f64 {
        let key = (s.min(t), s.max(t));
        if let Some(&known) = self.squares.borrow().get(&key) {
            return known;
        }
        let square = self.over_tensors(|i| (self.distance(i, s, t) / self.usual[i]).powi(2));
        self.squares.borrow_mut().insert(key, square);
        square
    }

    /// ln of how much farther a tensor of the steps from `first` to `last` is from the steps on both
    /// sides than these are from each other: above 0 on no path whose distances grow with the lag.
    pub(super) fn outside(&self, i: usize, [p, first, last, q]: [usize; 4]) -> f64 {
        let apart = self.distance(i, p, q);
        let (before, behind) = (self.distance(i, p, first), self.distance(i, last, q));
        if apart.is_nan() || before.is_nan() || behind.is_nan() {
            return f64::NAN;
        }
        let least = before.min(behind);
        if apart == 0.0 {
            // A tensor that stands still, but for these steps.
            return if least > 0.0 { MOST } else { f64::NAN };
        }
        ratio(least, apart)
    }

    /// Stretches of the order between restarts.
    pub(super) fn stretches(&self) -> Vec<Vec<usize>> {
        let mut stretches = vec![Vec::new()];
        for &step in &self.kept {
            if self.starts.contains(&step) {
                stretches.push(Vec::new());
            }
            if let Some(last) = stretches.last_mut() {
                last.push(step);
            }
        }
        stretches
    }
}

/// How long every tensor's step is along the order, and what is usual beside it, before and behind.
pub(super) struct Lengths<'a> {
    series: &'a Series,
    kept: Vec<usize>,
    /// By tensor and edge: the medians of the ln of up to three lengths before, and behind.
    usual: Vec<[Vec<f64>; 2]>,
    /// By edge: how all tensors changed, held against what is usual before, and behind.
    change: [Vec<f64>; 2],
}

impl<'a> Lengths<'a> {
    pub(super) fn of(chain: &Chain<'a>) -> Self {
        let edges = chain.kept.len().saturating_sub(1);
        let tensors = 0..chain.series.tracks.len();
        let lengths: Vec<Vec<f64>> = tensors
            .map(|i| {
                let pairs = chain.kept.windows(2);
                let lengths = pairs.map(|pair| chain.distance(i, pair[0], pair[1]));
                lengths
                    .map(|length| if length > 0.0 { length.ln() } else { f64::NAN })
                    .collect()
            })
            .collect();
        let beside = |own: &[f64], edge: usize| {
            let sides = [
                edge.saturating_sub(3)..edge,
                edge + 1..(edge + 4).min(edges),
            ];
            sides.map(|side| known(own.get(side).unwrap_or_default().iter().copied()))
        };
        let usual: Vec<[Vec<f64>; 2]> = lengths
            .iter()
            .map(|own| {
                let (before, behind) = (0..edges)
                    .map(|edge| beside(own, edge))
                    .map(|[before, behind]| (before, behind))
                    .unzip();
                [before, behind]
            })
            .collect();
        let change = [0, 1].map(|side| {
            let edges = 0..edges;
            edges
                .map(|edge| chain.over_tensors(|i| lengths[i][edge] - usual[i][side][edge]))
                .collect()
        });
        Self {
            series: chain.series,
            kept: chain.kept.clone(),
            usual,
            change,
        }
    }

    /// −ln of the chance that rounding hides a whole step of a tensor, from one kept step to the next
    /// (`edge` is the place of the first), going by its lengths beside and by how those of all others
    /// changed; none where nothing beside it moves.
    pub(super) fn hidden(&self, tensor: usize, edge: usize) -> Option<f64> {
        for side in [0, 1] {
            let own = self.usual[tensor][side][edge];
            if own.is_nan() {
                continue;
            }
            let change = self.change[side][edge];
            let step = (own + if change.is_nan() { 0.0 } else { change }).exp();
            let track = &self.series.tracks[tensor];
            let norm = track.norms[self.kept[edge]].max(1e-30);
            let moved = (step / (track.grain * norm)).min(0.999);
            return Some(-(track.elements as f64) * (-moved).ln_1p());
        }
        None
    }
}

/// The median of what is known; NaN of nothing.
pub(super) fn known(values: impl Iterator<Item = f64>) -> f64 {
    median(values.filter(|value| !value.is_nan()))
}

/// ln(a ÷ b), cut off.
pub(super) fn ratio(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() || (a == 0.0 && b == 0.0) {
        return f64::NAN;
    }
    (a.ln() - b.ln()).clamp(-MOST, MOST)
}
