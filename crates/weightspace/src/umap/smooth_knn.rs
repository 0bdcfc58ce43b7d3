//! Smooth nearest-neighbour distances (UMAP paper, section 3.1 and algorithm 3).
//!
//! Point i sees neighbour j with strength `exp(-max(0, d_ij - ρ_i) / σ_i)`: the
//! nearest neighbour always with strength 1, and the strengths sum to log₂ k.

/// The sum of strengths may miss log₂ k by this much.
pub(super) const TOLERANCE: f64 = 1e-5;

/// A bandwidth is at least this share of the mean distance, so that a point
/// whose neighbours are all equally near still sees farther ones.
const LEAST_BANDWIDTH: f64 = 1e-3;

/// Enough halvings to exhaust the precision of f64.
const MOST_STEPS: usize = 64;

/// The scale of one point's neighbourhood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// ρ: distance to the nearest neighbour that is not a duplicate.
    pub(super) nearest: f64,
    /// σ: how fast strength falls beyond it.
    pub(super) bandwidth: f64,
}

impl Scale {
    /// Finds ρ and σ for the ascending distances to a point's neighbours, itself
    /// skipped. `mean_of_all`, the mean over all points' neighbours, bounds the
    /// bandwidth where all of `distances` are zero.
    pub(super) fn fit(distances: &[f64], mean_of_all: f64) -> Self {
        let nearest = distances.iter().copied().find(|&d| d > 0.0).unwrap_or(0.0);
        // k counts the point itself.
        let target = ((distances.len() + 1) as f64).log2();
        let sum = |bandwidth: f64| -> f64 {
            distances
                .iter()
                .map(|&d| strength(d - nearest, bandwidth))
                .sum()
        };

        let mean = if nearest > 0.0 {
            mean(distances)
        } else {
            mean_of_all
        };

        // The sum grows with the bandwidth: double it until it brackets the
        // target, then halve the bracket. Starting from the mean makes the
        // search the same in any unit of distance.
        let (mut low, mut high) = (0.0, f64::INFINITY);
        let mut bandwidth = mean;
        for _ in 0..MOST_STEPS {
            let excess = sum(bandwidth) - target;
            if excess.abs() < TOLERANCE {
                break;
            }
            if excess > 0.0 {
                high = bandwidth;
            } else {
                low = bandwidth;
            }
            bandwidth = if high.is_finite() {
                0.5 * (low + high)
            } else {
                2.0 * bandwidth
            };
        }

        Self {
            nearest,
            bandwidth: bandwidth.max(LEAST_BANDWIDTH * mean),
        }
    }

    /// How strongly the point sees a neighbour at `distance`, in [0, 1].
    pub(super) fn strength(&self, distance: f64) -> f64 {
        strength(distance - self.nearest, self.bandwidth)
    }
}

fn strength(beyond_nearest: f64, bandwidth: f64) -> f64 {
    if beyond_nearest <= 0.0 {
        1.0
    } else {
        (-beyond_nearest / bandwidth).exp()
    }
}

/// Mean of `distances`, 0 where there are none.
pub(super) fn mean(distances: &[f64]) -> f64 {
    distances.iter().sum::<f64>() / distances.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_sum_to_the_logarithm_of_k_at_any_scale() {
        for scale in [1e-9, 1.0, 1e9] {
            for k in 3..40 {
                let distances: Vec<f64> = (1..k)
                    .map(|j| scale * (1.0 + f64::from(j).sqrt()))
                    .collect();
                let fitted = Scale::fit(&distances, 0.0);
                let sum: f64 = distances.iter().map(|&d| fitted.strength(d)).sum();
                let target = f64::from(k).log2();
                assert!((sum - target).abs() < TOLERANCE, "k {k}, scale {scale}");
            }
        }
    }

    #[test]
    fn the_nearest_neighbour_is_seen_fully_and_farther_ones_less() {
        let distances = [2.0, 3.0, 5.0, 8.0, 13.0];
        let fitted = Scale::fit(&distances, 0.0);
        let strengths: Vec<f64> = distances.iter().map(|&d| fitted.strength(d)).collect();
        assert_eq!(fitted.nearest, 2.0);
        assert_eq!(strengths[0], 1.0);
        assert!(strengths.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn duplicates_do_not_count_as_the_nearest_neighbour() {
        let fitted = Scale::fit(&[0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 3.0);
        assert_eq!(fitted.nearest, 1.0);
        assert_eq!(fitted.strength(0.0), 1.0);
    }

    #[test]
    fn equally_near_neighbours_get_the_least_bandwidth() {
        // Five strengths of 1 exceed log2(6) whatever the bandwidth.
        assert_eq!(Scale::fit(&[4.0; 5], 9.0).bandwidth, 1e-3 * 4.0);
        assert_eq!(Scale::fit(&[0.0; 5], 9.0).bandwidth, 1e-3 * 9.0);
    }
}
