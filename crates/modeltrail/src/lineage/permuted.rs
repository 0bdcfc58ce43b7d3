//! Whether the suspect's hidden units are in another order than a checkpoint's.

use super::families::standing_out;
use super::near::{Near, by_run};
use super::order_of_units::{Aligned, aligned};
use super::suspect::Suspect;
use super::verdict::stands_out;
use crate::collection::{Group, Options};
use crate::error::Result;
use crate::runs::Runs;
use weightspace::relation::unrelated::Outlier;

/// Most runs whose nearest checkpoint the suspect is aligned with: it costs seconds for a million
/// weights.
const ALIGNED: usize = 32;

/// Without unrelated runs to compare with, least collapse of the distance that is believed to be due
/// to permuted units. Unrelated models with ten units a layer fall to half one time in a hundred.
const COLLAPSED_ALONE: f64 = 0.3;

/// What came of aligning the suspect with checkpoints.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// With so many.
    pub(crate) tried: usize,
    /// The best alignment.
    pub(crate) best: Option<Aligned>,
    /// How far the best run stands out, by the distances after alignment.
    pub(crate) outlier: Option<Outlier>,
    /// Whether units are believed to be in another order, so that distances are those after the best
    /// alignment.
    pub(crate) is_permuted: bool,
}

/// Aligns the suspect with the nearest checkpoint of each run, or only with the nearest of all where
/// the order of the units says already that it is the right one: some layers may be permuted and
/// others not.
pub(crate) fn search(
    group: &Group,
    runs: &Runs,
    near: &[Near],
    suspect: &Suspect,
    is_related_as_stored: bool,
    options: &Options,
) -> Result<Search> {
    let most = if is_related_as_stored { 1 } else { ALIGNED };
    let mut tried: Vec<(Near, Aligned)> = Vec::new();
    for near in by_run(near).into_iter().take(most) {
        if let Some(aligned) = aligned(group, near.member, suspect, options)? {
            tried.push((near, aligned));
        }
    }
    let shares: Vec<(usize, f64)> = tried
        .iter()
        .map(|(near, a)| (near.run, after(near, a)))
        .collect();
    let count = tried.len();
    let best = tried
        .into_iter()
        .min_by(|a, b| after(&a.0, &a.1).total_cmp(&after(&b.0, &b.1)));
    let best = best.map(|(_, aligned)| aligned);
    let outlier = (count > 1).then(|| standing_out(&shares, runs)).flatten();
    Ok(Search {
        tried: count,
        is_permuted: best
            .as_ref()
            .is_some_and(|best| is_believed(best, is_related_as_stored, outlier)),
        best,
        outlier,
    })
}

/// Distance after alignment, relative to that of unrelated models: alignment leaves the norms as
/// they are.
fn after(near: &Near, aligned: &Aligned) -> f64 {
    let ratio = if near.distance > 0.0 {
        aligned.after / near.distance
    } else {
        1.0
    };
    near.relative_to_unrelated * ratio
}

fn is_believed(best: &Aligned, is_related_as_stored: bool, outlier: Option<Outlier>) -> bool {
    let has_moved = best.moved > 0 && best.after < best.before;
    has_moved
        && match (is_related_as_stored, outlier) {
            (true, _) => best.is_permuted,
            (false, Some(found)) => stands_out(found.ln_p),
            (false, None) => best.after <= COLLAPSED_ALONE * best.before,
        }
}
