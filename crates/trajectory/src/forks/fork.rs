//! Where a run left another, and what counts as related.

use serde::Serialize;

/// Confidence of a fork that is called certain.
const CERTAIN: f64 = 0.9;

/// What counts as related and as possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Distance between checkpoints of runs that have nothing in common.
    ///
    /// Without it, √(‖a‖² + ‖b‖²) is taken for each pair: the distance of independent weights with
    /// mean zero, as most initialisations draw them. Give it for networks with weights that start
    /// from one value, such as the gains of a normalisation.
    pub strangers: Option<f64>,
    /// Runs nearer than this share of the distance of strangers are related.
    pub related: f64,
    /// How many spreads a checkpoint's miss may exceed the smallest by and remain possible.
    pub slack: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            strangers: None,
            related: 0.65,
            slack: 2.0,
        }
    }
}

/// Where a run left another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fork {
    /// The run it left, an index into the runs that were given.
    pub parent: usize,
    /// The parent's last checkpoint before the fork, an index into the parent's order.
    pub after: usize,
    /// First and last checkpoint that `after` may be.
    pub interval: (usize, usize),
    /// Other runs that may as well be the parent; if there are any, the data do not say which.
    pub rivals: Vec<usize>,
    /// Leading checkpoints that are copies of the parent's.
    pub copied: usize,
    /// Whether both runs begin with these copies, so that either could be called the parent; the
    /// one that was given first is.
    pub interchangeable: bool,
    /// Weight of the parent's checkpoints within one of `after` among all that are possible, each
    /// weighed by exp(−½ (excess miss ÷ its spread)²).
    pub confidence: f64,
    /// Distance from the branch's first own checkpoint to the nearest of the parent's; zero where
    /// there is none of its own.
    pub distance: f64,
}

impl Fork {
    /// Whether there is one possible parent and the fork is known to within one checkpoint, at a
    /// confidence of 0.9 or more.
    ///
    /// The confidence sums over all that cannot be excluded, so a long parent has to be excluded
    /// more clearly, point by point, than a short one.
    ///
    /// Everything else is an honest "cannot tell", however good the estimate.
    pub fn is_certain(&self) -> bool {
        let (first, last) = self.interval;
        let is_narrow = first + 1 >= self.after && last <= self.after + 1;
        self.rivals.is_empty() && is_narrow && self.confidence >= CERTAIN
    }
}
