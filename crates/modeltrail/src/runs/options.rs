//! How runs are looked for.

use weightspace::space::Space;

/// Fewest checkpoints in an order whose edges are given a confidence: it was fitted to no fewer.
pub const FEWEST_FOR_EDGES: usize = 5;

/// What is known of the runs, and how to look for them.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// The number of runs, if it is known.
    pub runs: Option<usize>,
    /// The space to look in. Only in all weights are orders whitened and forks looked for.
    pub space: Space,
    /// Breaks ties.
    pub seed: u64,
    /// Whether parts that the weights separate are one run where one claims to go on after the other,
    /// and does by the weights. Not to be asked for where claims are the truth that orders are scored by.
    pub join_parts: bool,
}

impl Default for RunOptions {
    /// An unknown number of runs, in all weights.
    fn default() -> Self {
        Self {
            runs: None,
            space: Space::Full,
            seed: 0,
            join_parts: true,
        }
    }
}
