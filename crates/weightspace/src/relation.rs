//! Whether two models come from one start: tests whose p-values can be defended.
//!
//! | submodule | answers |
//! |---|---|
//! | [`units`] | exactly, from two models alone: do the hidden units keep their order? |
//! | [`rearranged`] | the same after the residual stream, blocks or units were rearranged, cut or added to |
//! | [`unrelated`] | approximately, from distances: is one run nearer than unrelated ones are? |
//!
//! The null hypothesis is always that the two were trained independently: from independent random
//! weights. Data, recipe and order of the batches may be the same. Models that share nothing but
//! their random start are *not* independent, and are found; which of the two it is follows
//! from where along a run the other model lies. Neither test says which model was first.

pub mod rearranged;
pub mod units;
pub mod unrelated;

/// The logarithm of the tail of Fisher's statistic: the combined p-value of independent ones, given
/// as natural logarithms.
///
/// −2 Σ ln pᵢ of k independent p-values is χ² with 2k degrees of freedom under the null hypothesis
/// (R. A. Fisher, *Statistical Methods for Research Workers*, 1932), and less if they are
/// conservative; the tail of that is e⁻ˣ Σ xⁱ/i! over i < k, with x = −Σ ln pᵢ. Zero, for p = 1,
/// without any.
pub fn combined(logs: &[f64]) -> f64 {
    let half: f64 = -logs.iter().map(|log| log.min(0.0)).sum::<f64>();
    if half <= 0.0 {
        return 0.0;
    }
    let mut term = 0.0;
    let mut terms = Vec::with_capacity(logs.len());
    for k in 0..logs.len() {
        if k > 0 {
            term += half.ln() - (k as f64).ln();
        }
        terms.push(term);
    }
    (log_sum_exp(&terms) - half).min(0.0)
}

/// ln Σ eˣ without overflow; −∞ of nothing.
pub(crate) fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    let sum: f64 = values.iter().map(|value| (value - largest).exp()).sum();
    largest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_p_value_is_its_own_combination() {
        for p in [1.0f64, 0.3, 1e-3, 1e-200] {
            assert!((combined(&[p.ln()]) - p.ln()).abs() < 1e-9);
        }
        assert_eq!(combined(&[]), 0.0);
    }

    #[test]
    fn two_p_values_combine_as_the_product_of_uniform_numbers_does() {
        // P(UV ≤ c) = c (1 − ln c).
        for c in [0.5f64, 0.01, 1e-12] {
            let expected = c * (1.0 - c.ln());
            assert!((combined(&[c.ln() / 2.0; 2]).exp() / expected - 1.0).abs() < 1e-9);
        }
    }
}
