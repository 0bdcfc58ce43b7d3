//! Runs that belong together, and how far the nearest run stands out among those that do not.

use crate::runs::Runs;
use crate::runs::origins::Origin;
use std::collections::BTreeSet;
use weightspace::relation::unrelated::{Outlier, outlier};

/// Compares the nearest of the runs, each with a distance, with those that are not of its family.
pub(crate) fn standing_out(distances: &[(usize, f64)], runs: &Runs) -> Option<Outlier> {
    let nearest = distances.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let (run, nearest) = nearest.copied()?;
    if !runs.count.is_known() {
        return None;
    }
    let family = family_of(run, &runs.origins, Tie::ForkOrStart);
    let others = distances.iter().filter(|(run, _)| !family.contains(run));
    let others: Vec<f64> = others.map(|(_, distance)| *distance).collect();
    let mut found = outlier(nearest, &others)?;
    // Runs of the family were looked at as well.
    let looked_at = distances.len() as f64 / (others.len() + 1) as f64;
    found.ln_p = (found.ln_p + looked_at.ln()).min(0.0);
    Some(found)
}

/// What makes runs one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    /// One branches off the other.
    Fork,
    /// That, or both come from one start.
    ForkOrStart,
}

/// The runs that such ties connect with a run, and itself.
pub(crate) fn family_of(run: usize, origins: &[Origin], tie: Tie) -> BTreeSet<usize> {
    let mut family = BTreeSet::from([run]);
    loop {
        let before = family.len();
        for (index, origin) in origins.iter().enumerate() {
            let tied: &[usize] = match origin {
                Origin::Fork(fork) => std::slice::from_ref(&fork.parent),
                Origin::Siblings(others) if tie == Tie::ForkOrStart => others,
                Origin::Siblings(_) | Origin::Root => &[],
            };
            if family.contains(&index) || tied.iter().any(|other| family.contains(other)) {
                family.insert(index);
                family.extend(tied);
            }
        }
        if family.len() == before {
            return family;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_closed_under_its_ties() {
        let origins = [
            Origin::Root,
            Origin::Siblings(vec![0]),
            Origin::Root,
            Origin::Siblings(vec![1]),
        ];
        let family = |run, tie| {
            family_of(run, &origins, tie)
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(family(3, Tie::ForkOrStart), [0, 1, 3]);
        assert_eq!(family(0, Tie::ForkOrStart), [0, 1, 3]);
        assert_eq!(family(2, Tie::ForkOrStart), [2]);
        assert_eq!(family(3, Tie::Fork), [3]);
    }
}
