//! Whether a recovered order is the order of the epochs.

use std::collections::HashMap;

use serde::Serialize;

use super::estimate::{Estimate, dominant_run};
use crate::Error;
use crate::rank_correlation::{concordance, pairs};

/// What the number of ordered pairs is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairsOf {
    /// The m − 1 adjacent pairs of the order itself. A fragment of a run can score 1.
    Cluster,
    /// The adjacent pairs of the whole run, e.g. 49 for 50 epochs, whatever part of it the cluster
    /// holds. A fragment is charged for what it lacks.
    Run {
        /// Number of analysed epochs of the run.
        epochs: usize,
    },
}

/// How well one sequence of epochs is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OrderScore {
    /// Number of epochs in the sequence.
    pub epochs: usize,
    /// "Ordered initial epochs" of the paper: length of the longest prefix equal to 1, 2, 3, …
    pub initial: usize,
    /// Number of adjacent pairs that are exactly (e, e + 1).
    pub consecutive: usize,
    /// Kendall's τ between position and epoch, −1 to 1; none for fewer than two epochs.
    pub kendall_tau: Option<f64>,
}

impl OrderScore {
    /// "Ordered epochs" of the paper: share of adjacent pairs that are exactly (e, e + 1).
    ///
    /// None where there are no pairs.
    pub fn fraction(&self, of: PairsOf) -> Option<f64> {
        let pairs = match of {
            PairsOf::Cluster => self.epochs.checked_sub(1)?,
            PairsOf::Run { epochs } => epochs.checked_sub(1)?,
        };
        (pairs > 0).then(|| self.consecutive as f64 / pairs as f64)
    }
}

/// Scores a sequence of epochs against 1, 2, 3, … O(m log m).
///
/// # Errors
///
/// An epoch occurs twice.
pub fn ordered(order: &[u32]) -> Result<OrderScore, Error> {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::RepeatedEpoch { epoch: pair[0] });
    }
    let as_numbers: Vec<f64> = order.iter().copied().map(f64::from).collect();
    Ok(OrderScore {
        epochs: order.len(),
        initial: std::iter::zip(order, 1..)
            .take_while(|&(&epoch, expected)| epoch == expected)
            .count(),
        consecutive: order
            .windows(2)
            .filter(|pair| pair[0].checked_add(1) == Some(pair[1]))
            .count(),
        kendall_tau: (order.len() > 1)
            .then(|| concordance(&as_numbers) as f64 / pairs(order.len()) as f64),
    })
}

/// The order of one cluster, scored on its dominant run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClusterOrder {
    /// The run that most of the cluster's leaves belong to; ties go to the lowest.
    pub run: u32,
    /// Number of leaves in the cluster.
    pub size: usize,
    /// Number of leaves of the run in all clusters together.
    pub run_epochs: usize,
    /// Score of the run's leaves, in the cluster's order.
    pub score: OrderScore,
}

/// Scores the order of every cluster on the leaves of its dominant run.
///
/// `orders` holds one sequence of leaves per cluster; `runs` and `epochs` are the truth of every
/// leaf. O(n log n).
///
/// # Errors
///
/// `runs` and `epochs` differ in length, an order is empty or names a leaf that does not exist, or
/// a run has two leaves of one epoch in a cluster.
pub fn score_each_order(
    orders: &[impl AsRef<[u32]>],
    runs: &[u32],
    epochs: &[u32],
) -> Result<Vec<ClusterOrder>, Error> {
    if runs.len() != epochs.len() {
        return Err(Error::LengthMismatch {
            left: "the list of true runs",
            left_length: runs.len(),
            right: "the list of true epochs",
            right_length: epochs.len(),
        });
    }
    let mut run_epochs: HashMap<u32, usize> = HashMap::new();
    for &run in runs {
        *run_epochs.entry(run).or_insert(0) += 1;
    }
    orders
        .iter()
        .map(|order| {
            let order = order.as_ref();
            if order.is_empty() {
                return Err(Error::Empty {
                    what: "the order of a cluster",
                });
            }
            if let Some(&leaf) = order.iter().find(|&&leaf| leaf as usize >= runs.len()) {
                return Err(Error::OutOfRange {
                    what: "leaf",
                    index: leaf as usize,
                    length: runs.len(),
                });
            }
            let (run, _) = dominant_run(order, runs);
            let of_run: Vec<u32> = order
                .iter()
                .filter(|&&leaf| runs[leaf as usize] == run)
                .map(|&leaf| epochs[leaf as usize])
                .collect();
            Ok(ClusterOrder {
                run,
                size: order.len(),
                run_epochs: run_epochs[&run],
                score: ordered(&of_run)?,
            })
        })
        .collect()
}

/// Order scores averaged over clusters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderScores {
    /// Mean number of ordered initial epochs.
    pub initial: Estimate,
    /// Mean share of ordered pairs among the cluster's own, [`PairsOf::Cluster`]; clusters with a
    /// single leaf of their dominant run have no pair and are left out.
    pub fraction_of_cluster: Estimate,
    /// Mean share of ordered pairs among the run's, [`PairsOf::Run`].
    pub fraction_of_run: Estimate,
    /// Mean of Kendall's τ; clusters with a single leaf of their dominant run are left out.
    pub kendall_tau: Estimate,
}

impl OrderScores {
    /// Averages over clusters, each counted once.
    pub fn average(clusters: &[ClusterOrder]) -> Self {
        let mean = |value: &dyn Fn(&ClusterOrder) -> Option<f64>| {
            Estimate::mean(&clusters.iter().filter_map(value).collect::<Vec<f64>>())
        };
        Self {
            initial: mean(&|cluster| Some(cluster.score.initial as f64)),
            fraction_of_cluster: mean(&|cluster| cluster.score.fraction(PairsOf::Cluster)),
            fraction_of_run: mean(&|cluster| {
                cluster.score.fraction(PairsOf::Run {
                    epochs: cluster.run_epochs,
                })
            }),
            kendall_tau: mean(&|cluster| cluster.score.kendall_tau),
        }
    }
}

/// [`score_each_order`], averaged.
///
/// # Errors
///
/// As [`score_each_order`].
pub fn score_orders(
    orders: &[impl AsRef<[u32]>],
    runs: &[u32],
    epochs: &[u32],
) -> Result<OrderScores, Error> {
    Ok(OrderScores::average(&score_each_order(
        orders, runs, epochs,
    )?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_true_order_scores_full_marks() {
        let score = ordered(&[1, 2, 3, 4]).unwrap();
        assert_eq!((score.initial, score.consecutive), (4, 3));
        assert_eq!(score.kendall_tau, Some(1.0));
        assert_eq!(score.fraction(PairsOf::Cluster), Some(1.0));
    }

    #[test]
    fn a_worked_order_scores_as_counted_by_hand() {
        // prefix 1 2; pairs (1,2) and (4,5); discordant 5-3 and 4-3
        let score = ordered(&[1, 2, 4, 5, 3]).unwrap();
        assert_eq!((score.initial, score.consecutive), (2, 2));
        assert_eq!(score.kendall_tau, Some(0.6));
    }

    #[test]
    fn a_reversed_order_has_no_ordered_pair_and_tau_minus_one() {
        let score = ordered(&[4, 3, 2, 1]).unwrap();
        assert_eq!((score.initial, score.consecutive), (0, 0));
        assert_eq!(score.kendall_tau, Some(-1.0));
    }

    #[test]
    fn a_fragment_is_charged_for_what_it_lacks_only_by_the_pairs_of_the_run() {
        let score = ordered(&[7, 8, 9]).unwrap();
        assert_eq!(score.initial, 0);
        assert_eq!(score.fraction(PairsOf::Cluster), Some(1.0));
        assert_eq!(score.fraction(PairsOf::Run { epochs: 5 }), Some(0.5));
        let single = ordered(&[1]).unwrap();
        assert_eq!(single.fraction(PairsOf::Cluster), None);
        assert_eq!(single.fraction(PairsOf::Run { epochs: 5 }), Some(0.0));
        assert_eq!(single.kendall_tau, None);
    }

    #[test]
    fn only_the_dominant_run_of_a_cluster_is_scored() {
        let (runs, epochs) = ([4, 4, 4, 9, 9], [1, 2, 3, 1, 2]);
        let orders = [vec![0, 3, 1, 2], vec![4]];
        let each = score_each_order(&orders, &runs, &epochs).unwrap();
        assert_eq!((each[0].run, each[0].size, each[0].run_epochs), (4, 4, 3));
        assert_eq!(each[0].score.initial, 3);
        assert_eq!((each[1].run, each[1].score.epochs), (9, 1));

        let average = OrderScores::average(&each);
        assert_eq!(average.initial.value, 1.5);
        assert_eq!(average.fraction_of_cluster.samples, 1);
        assert_eq!(average.fraction_of_run.value, 0.5);
        assert_eq!(average.kendall_tau.samples, 1);
    }

    #[test]
    fn truth_that_contradicts_itself_or_the_orders_is_refused() {
        assert_eq!(ordered(&[2, 1, 2]), Err(Error::RepeatedEpoch { epoch: 2 }));
        let orders = [vec![0, 1]];
        assert!(matches!(
            score_orders(&orders, &[0, 0], &[1]),
            Err(Error::LengthMismatch { .. })
        ));
        assert!(matches!(
            score_orders(&orders, &[0], &[1]),
            Err(Error::OutOfRange { index: 1, .. })
        ));
        assert!(matches!(
            score_orders(&[vec![]], &[0], &[1]),
            Err(Error::Empty { .. })
        ));
    }
}
