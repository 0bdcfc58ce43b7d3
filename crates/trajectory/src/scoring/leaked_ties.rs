//! What a stable sort reads off the order of its input: the control that shows the tie trap.

use crate::Error;
use crate::assignment::Clusters;
use crate::dendrogram::Dendrogram;

/// The order of [`by_merge_height`](crate::ordering::by_merge_height) as a stable sort gives it
/// when the checkpoints come in the order of their epochs: ties fall as the truth has them.
///
/// Not a method but a control. Mutual nearest neighbours tie exactly, so that this order knows
/// which of them came first without having found out; how much better it scores than the order
/// with random ties is how much such an analysis leaks. O(n log n).
///
/// # Errors
///
/// The dendrogram, the clusters and the epochs are over different numbers of leaves.
pub fn by_merge_height_with_leaked_ties(
    dendrogram: &Dendrogram,
    clusters: &Clusters,
    epochs: &[u32],
) -> Result<Vec<Vec<u32>>, Error> {
    for (right, right_length) in [
        ("the clusters", clusters.leaves()),
        ("the list of true epochs", epochs.len()),
    ] {
        if dendrogram.leaves() != right_length {
            return Err(Error::LengthMismatch {
                left: "the dendrogram",
                left_length: dendrogram.leaves(),
                right,
                right_length,
            });
        }
    }
    let heights = dendrogram.first_merge_heights();
    let sorted = clusters.iter().map(|members| {
        let mut order = members.to_vec();
        order.sort_by(|&x, &y| {
            let (x, y) = (x as usize, y as usize);
            heights[y]
                .total_cmp(&heights[x])
                .then(epochs[x].cmp(&epochs[y]))
        });
        order
    });
    Ok(sorted.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimum_spanning_tree::Edge;
    use crate::ordering::by_merge_height;
    use crate::scoring::score_orders;

    /// A run whose checkpoints pair up: every leaf ties with its partner.
    #[test]
    fn tied_pairs_fall_as_the_truth_has_them() {
        let edges: Vec<Edge> = (0..39)
            .map(|a| Edge {
                a,
                b: a + 1,
                length: 40.0 - f64::from(a / 2 * 2) - if a % 2 == 0 { 1.5 } else { 0.0 },
            })
            .collect();
        let mut sorted = edges.clone();
        sorted.sort_by(|x, y| x.length.total_cmp(&y.length));
        let dendrogram = Dendrogram::from_tree(40, &sorted).unwrap();
        let clusters = dendrogram.cut_into(1).unwrap();
        let (runs, epochs) = ([0; 40], (1..=40).collect::<Vec<u32>>());
        let leaked = by_merge_height_with_leaked_ties(&dendrogram, &clusters, &epochs).unwrap();
        assert_eq!(leaked[0], (0..40).collect::<Vec<u32>>());
        let honest = by_merge_height(&dendrogram, &clusters, 1).unwrap();
        let score = |orders: &[Vec<u32>]| {
            score_orders(orders, &runs, &epochs)
                .unwrap()
                .fraction_of_run
                .value
        };
        assert_eq!(score(&leaked), 1.0);
        assert!(score(&honest) < 0.9);
    }

    #[test]
    fn lists_of_other_lengths_are_refused() {
        let edges = [Edge {
            a: 0,
            b: 1,
            length: 1.0,
        }];
        let dendrogram = Dendrogram::from_tree(2, &edges).unwrap();
        let clusters = dendrogram.cut_into(1).unwrap();
        assert!(by_merge_height_with_leaked_ties(&dendrogram, &clusters, &[1]).is_err());
    }
}
