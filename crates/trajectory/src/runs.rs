//! How many runs there are, from the merge heights alone.
//!
//! Checkpoints of one run chain along its steps; different runs start from different initial
//! weights and are all about equally far apart. Sorted from the highest, the merge heights of S
//! runs therefore begin with S − 1 heights in a tight bundle, then fall by a gap to the longest
//! step of any run, and trail off. One run alone has no bundle and no gap: its steps shrink
//! smoothly. Points without any structure merge in one bundle with nothing below it.

use serde::Serialize;

use crate::Error;
use crate::assignment::Clusters;
use crate::dendrogram::Dendrogram;

/// A gap below k high merges is believed from a ratio of 1 + `LEAST_GAP` ÷ √k on: the more unrelated
/// runs agree on how far apart they are, the less of a gap will do.
///
/// Set on even seeds, see docs/runs.md.
pub const LEAST_GAP: f64 = 0.9;
/// Fewest checkpoints in every run: the first of a run may stand apart by itself.
pub const FEWEST_CHECKPOINTS: usize = 3;
/// Largest ratio of the highest to the lowest merge above a cut. Five runs of unequal length of the
/// paper's zoos (even seeds, 60 draws each) had at most 1.21.
pub const WIDEST_BUNDLE: f64 = 1.3;
/// Merges that make a bundle although it is wider, if the gap below it is wider still.
pub const MANY: usize = 20;

/// What the merge heights say about the number of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A bundle of high merges stands clear of all others: the number of runs is known.
    Separated,
    /// No merge stands clear: one run, runs that overlap, or points without structure, which merge
    /// heights cannot tell apart.
    NoGap,
}

/// The number of runs that the merge heights show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Runs {
    /// Number of runs: 1 if nothing stands clear.
    pub count: usize,
    /// Whether the count is known or the runs, if there are several, overlap.
    pub verdict: Verdict,
    /// Height of the lowest merge between runs ÷ that of the highest within one, at the clearest
    /// cut; 1 where no cut is possible. How clear the gap is.
    pub gap: f64,
    /// Least gap that would be believed at that cut.
    pub needed: f64,
    /// Highest ÷ lowest merge above the clearest cut.
    pub bundle: f64,
    /// Where to cut: the geometric mean of the two heights beside the gap; infinite for one run.
    pub height: f64,
}

impl Runs {
    /// The clusters of this many runs. O(n log n).
    ///
    /// # Errors
    ///
    /// The dendrogram is of fewer leaves than there are runs.
    pub fn clusters(&self, dendrogram: &Dendrogram) -> Result<Clusters, Error> {
        dendrogram.cut_into(self.count)
    }
}

/// Counts the runs of a dendrogram.
///
/// Tries a cut below each of the highest merges, down to 1/[`WIDEST_BUNDLE`] of the highest and to
/// half of all, takes the one with the widest gap, and believes it if the gap is wide enough (see
/// [`LEAST_GAP`]) and leaves no cluster of fewer than [`FEWEST_CHECKPOINTS`]. If it is not believed,
/// bundles of [`MANY`] heights that are as wide as the gap below them are tried: thousands of runs,
/// or runs in few dimensions, are not all equally far apart. O(n log n).
pub fn count_runs(dendrogram: &Dendrogram) -> Runs {
    // Highest first; identical checkpoints merge at 0 and say nothing about gaps.
    let heights: Vec<f64> = dendrogram
        .merges()
        .iter()
        .rev()
        .map(|merge| merge.height)
        .take_while(|&height| height > 0.0)
        .collect();
    let tight = clearest(dendrogram, &heights, |_, _| WIDEST_BUNDLE);
    match tight.verdict {
        Verdict::Separated => tight,
        Verdict::NoGap => {
            let wide = clearest(
                dendrogram,
                &heights,
                |above, gap| {
                    if above < MANY { 0.0 } else { gap }
                },
            );
            match wide.verdict {
                Verdict::Separated => wide,
                Verdict::NoGap => tight,
            }
        }
    }
}

/// The cut with the widest gap below a bundle no wider than `widest` says of so many heights above such
/// a gap.
fn clearest(dendrogram: &Dendrogram, heights: &[f64], widest: impl Fn(usize, f64) -> f64) -> Runs {
    let one = Runs {
        count: 1,
        verdict: Verdict::NoGap,
        gap: 1.0,
        needed: 1.0 + LEAST_GAP,
        bundle: 1.0,
        height: f64::INFINITY,
    };
    let gap = |above: usize| heights[above - 1] / heights[above];
    let bundle = |above: usize| heights[0] / heights[above - 1];
    let cuts = (1..=heights.len() / 2).filter(|&above| bundle(above) <= widest(above, gap(above)));
    let Some(above) = cuts.max_by(|&x, &y| gap(x).total_cmp(&gap(y)).then(y.cmp(&x))) else {
        return one;
    };
    let found = Runs {
        gap: gap(above),
        needed: 1.0 + LEAST_GAP / (above as f64).sqrt(),
        bundle: bundle(above),
        ..one
    };
    let whole = dendrogram
        .cut_into(above + 1)
        .is_ok_and(|clusters| clusters.iter().all(|run| run.len() >= FEWEST_CHECKPOINTS));
    if found.gap >= found.needed && whole {
        Runs {
            count: above + 1,
            verdict: Verdict::Separated,
            height: (heights[above - 1] * heights[above]).sqrt(),
            ..found
        }
    } else {
        found
    }
}
