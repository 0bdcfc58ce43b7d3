//! Runs that belong together, and how far the nearest run stands out among those that do not.

use crate::runs::Runs;
use crate::runs::origins::{Tie, family_of};
use weightspace::relation::unrelated::{Outlier, outlier};

/// Compares the nearest of the runs, each with a distance, with those that are not of its family.
pub(crate) fn standing_out(distances: &[(usize, f64)], runs: &Runs) -> Option<Outlier> {
    let nearest = distances.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let (run, nearest) = nearest.copied()?;
    if !runs.are_told_apart() {
        return None;
    }
    let family = family_of(run, &runs.origins, Tie::ForkOrStart);
    // With several families, those of others are unrelated; in one, those without a tie.
    let own = runs.family(run).filter(|_| runs.families.len() > 1);
    let is_related = |other: &usize| match own {
        Some(own) => own.runs.contains(other) || family.contains(other),
        None => family.contains(other),
    };
    let others = distances.iter().filter(|(run, _)| !is_related(run));
    let others: Vec<f64> = others.map(|(_, distance)| *distance).collect();
    let mut found = outlier(nearest, &others)?;
    // Runs of the family were looked at as well.
    let looked_at = distances.len() as f64 / (others.len() + 1) as f64;
    found.ln_p = (found.ln_p + looked_at.ln()).min(0.0);
    Some(found)
}
