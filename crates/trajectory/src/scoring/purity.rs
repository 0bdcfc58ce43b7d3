//! Whether clusters are runs.

use serde::Serialize;

use super::estimate::{Estimate, dominant_run};
use crate::Error;
use crate::assignment::Clusters;

/// How purely clusters consist of single runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Purity {
    /// Mean over clusters of the share of the dominant run. High also when nearly every cluster is
    /// a single leaf and one holds all the rest; read it beside the other fields.
    pub mean: Estimate,
    /// Share of all leaves that belong to their cluster's dominant run: the mean weighted by size.
    /// Its standard error is that of a ratio estimate over clusters (Cochran 1977, section 2.11).
    pub weighted: Estimate,
    /// Number of clusters of one leaf.
    pub singletons: usize,
    /// Number of leaves in the largest cluster.
    pub largest: usize,
}

/// Purity of clusters, given the true run of every leaf. O(n log n).
///
/// # Errors
///
/// The number of runs given is not the number of leaves.
pub fn purity(clusters: &Clusters, runs: &[u32]) -> Result<Purity, Error> {
    if runs.len() != clusters.leaves() {
        return Err(Error::LengthMismatch {
            left: "the list of true runs",
            left_length: runs.len(),
            right: "the list of cluster labels",
            right_length: clusters.leaves(),
        });
    }
    let sizes = clusters.sizes();
    let dominant: Vec<usize> = clusters
        .iter()
        .map(|members| dominant_run(members, runs).1)
        .collect();
    let shares: Vec<f64> = std::iter::zip(&dominant, &sizes)
        .map(|(&dominant, &size)| dominant as f64 / size as f64)
        .collect();
    Ok(Purity {
        mean: Estimate::mean(&shares),
        weighted: ratio(&dominant, &sizes),
        singletons: sizes.iter().filter(|&&size| size == 1).count(),
        largest: sizes.iter().copied().max().unwrap_or(0),
    })
}

/// Σ parts / Σ wholes over clusters of unequal size.
fn ratio(parts: &[usize], wholes: &[usize]) -> Estimate {
    let k = parts.len() as f64;
    let whole = wholes.iter().sum::<usize>() as f64;
    let ratio = parts.iter().sum::<usize>() as f64 / whole;
    let squares: f64 = std::iter::zip(parts, wholes)
        .map(|(&part, &whole)| (part as f64 - ratio * whole as f64).powi(2))
        .sum();
    Estimate {
        value: ratio,
        standard_error: (parts.len() > 1).then(|| (squares * k / (k - 1.0)).sqrt() / whole),
        samples: parts.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(labels: &[u32]) -> Clusters {
        Clusters::from_labels(labels).unwrap()
    }

    #[test]
    fn clusters_that_are_the_runs_have_purity_one_without_error() {
        let purity = purity(&clusters(&[3, 3, 1, 1]), &[0, 0, 7, 7]).unwrap();
        assert_eq!(purity.mean.value, 1.0);
        assert_eq!(purity.mean.standard_error, Some(0.0));
        assert_eq!(purity.weighted.value, 1.0);
        assert_eq!(purity.weighted.standard_error, Some(0.0));
        assert_eq!((purity.singletons, purity.largest), (0, 2));
    }

    #[test]
    fn one_cluster_of_everything_has_the_share_of_the_largest_run() {
        let purity = purity(&clusters(&[0; 5]), &[0, 0, 0, 1, 2]).unwrap();
        assert_eq!(purity.mean.value, 0.6);
        assert_eq!(purity.weighted.value, 0.6);
        assert_eq!(purity.mean.standard_error, None);
        assert_eq!((purity.singletons, purity.largest), (0, 5));
    }

    #[test]
    fn a_collapse_into_one_cluster_and_singletons_hides_from_the_plain_mean() {
        // 3 singletons of runs 0, 1, 2 and one cluster with 3 of each
        let labels = [0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3];
        let runs = [0, 1, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2];
        let purity = purity(&clusters(&labels), &runs).unwrap();
        assert!((purity.mean.value - (3.0 + 1.0 / 3.0) / 4.0).abs() < 1e-12);
        assert_eq!(purity.weighted.value, 0.5);
        assert_eq!((purity.singletons, purity.largest), (3, 9));
        // residuals 0.5, 0.5, 0.5, -1.5; sqrt(3 * 4 / 3) / 12
        assert!((purity.weighted.standard_error.unwrap() - 2.0 / 12.0).abs() < 1e-12);
    }

    #[test]
    fn a_truth_of_another_length_is_refused() {
        assert!(matches!(
            purity(&clusters(&[0, 0]), &[0]),
            Err(Error::LengthMismatch { left_length: 1, .. })
        ));
    }
}
