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

    /// The median over the tensors that move; NaN if it is known of none.
    pub(super) fn over_tensors(&self, statistic: impl Fn(usize) -> f64) -> f64 {
        let values = self.movers.iter().map(|&tensor| statistic(tensor));
        median(values.filter(|value| !value.is_nan()))
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

    /// −ln of the chance that rounding hides a whole step of a tensor, from one kept step to the next
    /// (`edge` is the place of the first), going by its lengths beside and by how those of all others
    /// changed.
    pub(super) fn hidden(&self, tensor: usize, edge: usize) -> f64 {
        let length = |i: usize, edge: usize| -> f64 {
            let length = self.distance(i, self.kept[edge], self.kept[edge + 1]);
            if length > 0.0 { length.ln() } else { f64::NAN }
        };
        let edges = self.kept.len() - 1;
        let sides = [
            edge.saturating_sub(3)..edge,
            edge + 1..(edge + 4).min(edges),
        ];
        for side in sides {
            let beside = |i: usize| known(side.clone().map(|edge| length(i, edge)));
            let own = beside(tensor);
            if own.is_nan() {
                continue;
            }
            let change = self.over_tensors(|i| length(i, edge) - beside(i));
            let step = (own + if change.is_nan() { 0.0 } else { change }).exp();
            let track = &self.series.tracks[tensor];
            let norm = track.norms[self.kept[edge]].max(1e-30);
            let moved = (step / (track.grain * norm)).min(0.999);
            return -(track.elements as f64) * (-moved).ln_1p();
        }
        0.0
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
