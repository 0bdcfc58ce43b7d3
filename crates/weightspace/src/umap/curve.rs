//! The attraction curve: how strongly two points are joined in the picture.
//!
//! UMAP wants strength 1 up to `min_dist` and then an exponential decay over
//! `spread`; for its gradients it uses the closest smooth curve of the family
//! 1 / (1 + a d^2b) (UMAP paper, definition 11).

/// Points on [0, 3 · spread) at which the two curves are compared.
const SAMPLES: usize = 300;

/// The curve 1 / (1 + a d^2b) of strength over distance d in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// Scale of the distance.
    pub a: f64,
    /// Half the exponent of the distance.
    pub b: f64,
}

impl Curve {
    /// Fits the curve to `min_dist` and `spread` by least squares
    /// (Levenberg–Marquardt from a = b = 1).
    pub(super) fn fit(min_dist: f64, spread: f64) -> Self {
        let wanted: Vec<(f64, f64)> = (0..SAMPLES)
            .map(|sample| {
                let distance = 3.0 * spread * sample as f64 / (SAMPLES - 1) as f64;
                let beyond = (distance - min_dist).max(0.0);
                (distance, (-beyond / spread).exp())
            })
            .collect();

        let mut curve = Self { a: 1.0, b: 1.0 };
        let mut cost = curve.cost(&wanted);
        let mut damping = 1e-3;
        for _ in 0..200 {
            let candidate = curve.step(&wanted, damping);
            let candidate_cost = candidate.cost(&wanted);
            if candidate.a > 0.0 && candidate.b > 0.0 && candidate_cost <= cost {
                let gain = cost - candidate_cost;
                curve = candidate;
                cost = candidate_cost;
                damping *= 0.1;
                if gain <= 1e-15 * cost {
                    break;
                }
            } else {
                damping *= 10.0;
            }
        }
        curve
    }

    /// Strength at the square of a distance.
    pub(super) fn strength(&self, squared_distance: f64) -> f64 {
        1.0 / (1.0 + self.a * squared_distance.powf(self.b))
    }

    fn cost(&self, wanted: &[(f64, f64)]) -> f64 {
        wanted
            .iter()
            .map(|&(distance, strength)| (self.strength(distance * distance) - strength).powi(2))
            .sum()
    }

    /// One damped Gauss–Newton step.
    fn step(&self, wanted: &[(f64, f64)], damping: f64) -> Self {
        let (mut aa, mut ab, mut bb, mut ra, mut rb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(distance, strength) in wanted {
            if distance == 0.0 {
                continue; // the curve is 1 there whatever a and b
            }
            let squared = distance * distance;
            let power = squared.powf(self.b);
            let fitted = self.strength(squared);
            let by_a = -fitted * fitted * power;
            let by_b = by_a * self.a * squared.ln();
            let residual = strength - fitted;
            aa += by_a * by_a;
            ab += by_a * by_b;
            bb += by_b * by_b;
            ra += by_a * residual;
            rb += by_b * residual;
        }
        aa *= 1.0 + damping;
        bb *= 1.0 + damping;
        let determinant = aa * bb - ab * ab;
        Self {
            a: self.a + (ra * bb - rb * ab) / determinant,
            b: self.b + (rb * aa - ra * ab) / determinant,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_curve_is_the_published_one() {
        let curve = Curve::fit(0.1, 1.0);
        assert!((curve.a - 1.577).abs() < 5e-4, "a = {}", curve.a);
        assert!((curve.b - 0.895).abs() < 5e-4, "b = {}", curve.b);
    }

    #[test]
    fn no_nearby_curve_fits_better() {
        for (min_dist, spread) in [(0.0, 1.0), (0.1, 1.0), (0.5, 1.0), (0.99, 1.0), (0.3, 4.0)] {
            let wanted: Vec<(f64, f64)> = (0..SAMPLES)
                .map(|i| {
                    let x = 3.0 * spread * i as f64 / (SAMPLES - 1) as f64;
                    let y = if x < min_dist {
                        1.0
                    } else {
                        (-(x - min_dist) / spread).exp()
                    };
                    (x, y)
                })
                .collect();
            let best = Curve::fit(min_dist, spread);
            for (da, db) in [(1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3)] {
                let other = Curve {
                    a: best.a * (1.0 + da),
                    b: best.b * (1.0 + db),
                };
                assert!(
                    other.cost(&wanted) > best.cost(&wanted),
                    "{min_dist} {spread}"
                );
            }
        }
    }
}
