//! An approximate test by distances to unrelated models of the same shape.
//!
//! A model that has nothing to do with any of several independent runs is about as far from each:
//! its distances to them are exchangeable. Each run in turn is held against the spread of the
//! others, as one more draw from the same normal distribution:
//!
//! ```text
//! t = (m − d) / (s √(1 + 1/k)),   p = P(T₍ₖ₋₁₎ ≥ t)
//! ```
//!
//! with mean m and standard deviation s of the k other distances. The nearest of all runs is looked
//! at because it is the nearest, so p is multiplied by the number of runs. That distances are normal
//! is an assumption, which is why the p-value is called approximate; the rank of the distance, which
//! assumes nothing, can never be below 1 ÷ (runs), and says next to nothing after that correction.

use serde::Serialize;

/// Fewest unrelated runs: with fewer, their spread is not known.
pub const FEWEST: usize = 4;
/// Least spread, relative to the mean. Distances of unrelated models that agree better than this do so by
/// chance, or by the size of a sketch.
const LEAST_SPREAD: f64 = 0.005;

/// How far the nearest run stands out among unrelated ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outlier {
    /// Unrelated runs.
    pub unrelated: usize,
    /// Mean distance to them.
    pub mean: f64,
    /// Standard deviation of these distances, as it was used.
    pub deviation: f64,
    /// Least of them.
    pub least: f64,
    /// Natural logarithm of the p-value, corrected for having looked at the nearest of all.
    pub ln_p: f64,
}

/// Holds the distance to the nearest run against those to the others, one each.
///
/// None below [`FEWEST`] others, or if a distance is not finite. Any unit will do.
pub fn outlier(nearest: f64, others: &[f64]) -> Option<Outlier> {
    let count = others.len();
    let all = others.iter().chain([&nearest]);
    if count < FEWEST || all.into_iter().any(|distance| !distance.is_finite()) {
        return None;
    }
    let k = count as f64;
    let mean = others.iter().sum::<f64>() / k;
    let squares: f64 = others.iter().map(|d| (d - mean).powi(2)).sum();
    let deviation = (squares / (k - 1.0)).sqrt().max(LEAST_SPREAD * mean.abs());
    let t = (mean - nearest) / (deviation * (1.0 + 1.0 / k).sqrt());
    let tail = if deviation > 0.0 {
        ln_tail(t, count - 1)
    } else {
        0.0
    };
    Some(Outlier {
        unrelated: count,
        mean,
        deviation,
        least: others.iter().copied().fold(f64::INFINITY, f64::min),
        ln_p: (tail + (k + 1.0).ln()).min(0.0),
    })
}

/// ln P(T ≥ t) of Student's t with so many degrees of freedom: half of the incomplete beta function
/// I(ν/2, ½) at ν/(ν + t²), by its continued fraction (M. Abramowitz and I. Stegun, *Handbook of
/// Mathematical Functions*, 26.5.8 and 26.7.1).
fn ln_tail(t: f64, freedom: usize) -> f64 {
    let nu = freedom as f64;
    if t < 0.0 {
        return (-ln_tail(-t, freedom).exp()).ln_1p();
    }
    let (x, y) = (nu / (nu + t * t), t * t / (nu + t * t));
    let (a, b) = (0.5 * nu, 0.5);
    let ln_front = |a: f64, b: f64| {
        ln_gamma_of_half(freedom + 1) - ln_gamma_of_half(freedom) - ln_gamma_of_half(1)
            + a * x.ln()
            + b * y.ln()
    };
    let ln_half = -(2f64.ln());
    if x < (a + 1.0) / (a + b + 2.0) {
        ln_half + ln_front(a, b) + fraction(a, b, x).ln() - a.ln()
    } else if y == 0.0 {
        ln_half
    } else {
        let other = (ln_front(a, b) + fraction(b, a, y).ln() - b.ln()).exp();
        ln_half + (-other).ln_1p()
    }
}

/// ln Γ(n/2), by the recurrence from Γ(½) = √π and Γ(1) = 1.
fn ln_gamma_of_half(n: usize) -> f64 {
    let (start, first) = if n.is_multiple_of(2) {
        (0.0, 2)
    } else {
        (0.5 * std::f64::consts::PI.ln(), 1)
    };
    let steps = (first..n).step_by(2);
    start + steps.map(|k| (0.5 * k as f64).ln()).sum::<f64>()
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let floor = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = floor(1.0 - (a + b) * x / (a + 1.0)).recip();
    let mut result = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = floor(1.0 + term * d).recip();
            c = floor(1.0 + term / c);
            result *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_students_tables() {
        // Critical values of Student's t, one-sided.
        for (t, freedom, p) in [
            (6.3138, 1, 0.05),
            (2.1318, 4, 0.05),
            (3.7469, 4, 0.01),
            (1.8125, 10, 0.05),
            (4.1437, 10, 0.001),
            (1.6973, 30, 0.05),
        ] {
            assert!((ln_tail(t, freedom).exp() / p - 1.0).abs() < 1e-3, "{t}");
            assert!((ln_tail(-t, freedom).exp() + p - 1.0).abs() < 1e-4);
        }
        assert!((ln_tail(0.0, 7).exp() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn far_tails_do_not_underflow_to_nonsense() {
        // With one degree of freedom the tail is 1/(πt).
        let expected = -(1e12 * std::f64::consts::PI).ln();
        assert!((ln_tail(1e12, 1) - expected).abs() < 1e-6);
        assert!(ln_tail(1e9, 20) < -350.0);
    }

    #[test]
    fn a_distance_among_the_others_is_no_outlier_and_a_small_one_is() {
        let others = [0.98, 1.01, 1.0, 0.99, 1.02];
        assert!(outlier(0.99, &others).is_some_and(|o| o.ln_p > -1.0));
        assert!(outlier(0.3, &others).is_some_and(|o| o.ln_p < 1e-4f64.ln()));
        assert_eq!(outlier(0.3, &others[..3]), None);
        assert_eq!(outlier(f64::NAN, &others), None);
    }

    #[test]
    fn the_unit_of_the_distances_does_not_matter() {
        let others = [0.9, 1.05, 1.0, 0.97, 1.02];
        let scaled: Vec<f64> = others.iter().map(|d| 7.0 * d).collect();
        let (one, seven) = (outlier(0.8, &others), outlier(5.6, &scaled));
        let difference = one.map(|o| o.ln_p).zip(seven.map(|o| o.ln_p));
        assert!(difference.is_some_and(|(a, b)| (a - b).abs() < 1e-9));
    }
}
