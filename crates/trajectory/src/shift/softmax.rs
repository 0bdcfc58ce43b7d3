//! Softmax regression: odds of a few classes from a few features.

use nalgebra::{DMatrix, DVector};

/// Features and the constant.
pub(super) const TERMS: usize = 4;
/// Classes; the first is the one that the others are held against.
pub(super) const CLASSES: usize = 4;

/// One row of weights for every class but the first: the constant, then the features.
pub(super) type Weights = [[f64; TERMS]; CLASSES - 1];

/// Penalty on the squared weights, per unit of mean log-likelihood: keeps classes that can be
/// parted perfectly from infinite weights.
const PENALTY: f64 = 1e-4;
const MOST_STEPS: usize = 100;
const CLOSE: f64 = 1e-10;

/// ln(odds) of every class but the first, against the first.
pub(super) fn log_odds(weights: &Weights, features: [f64; TERMS - 1]) -> [f64; CLASSES - 1] {
    weights.map(|row| {
        row[0]
            + std::iter::zip(&row[1..], features)
                .map(|(weight, feature)| weight * feature)
                .sum::<f64>()
    })
}

/// Probabilities of all classes.
pub(super) fn probabilities(log_odds: [f64; CLASSES - 1]) -> [f64; CLASSES] {
    let largest = log_odds.iter().fold(0.0_f64, |a, &b| a.max(b));
    let mut shares = [(-largest).exp(); CLASSES];
    for (share, odds) in shares[1..].iter_mut().zip(log_odds) {
        *share = (odds - largest).exp();
    }
    let total: f64 = shares.iter().sum();
    shares.map(|share| share / total)
}

/// Penalised maximum likelihood by Newton's method, every class with the same weight in all,
/// however many examples it has. A class without examples is left without a say.
pub(super) fn fit(examples: &[([f64; TERMS - 1], usize)]) -> Weights {
    let mut counts = [0.0_f64; CLASSES];
    for &(_, class) in examples {
        counts[class] += 1.0;
    }
    let present = counts.iter().filter(|&&count| count > 0.0).count() as f64;
    let mut weights = Weights::default();
    let mut value = objective(&weights, examples, &counts, present);
    for _ in 0..MOST_STEPS {
        let Some(step) = newton_step(&weights, examples, &counts, present) else {
            break;
        };
        let mut share = 1.0;
        let moved = loop {
            let mut trial = weights;
            for (weight, change) in trial.as_flattened_mut().iter_mut().zip(step.iter()) {
                *weight += share * change;
            }
            let found = objective(&trial, examples, &counts, present);
            if found > value {
                break Some((trial, found));
            }
            share *= 0.5;
            if share < 1e-6 {
                break None;
            }
        };
        let Some((trial, found)) = moved else { break };
        let gain = found - value;
        (weights, value) = (trial, found);
        if gain < CLOSE {
            break;
        }
    }
    weights
}

fn objective(
    weights: &Weights,
    examples: &[([f64; TERMS - 1], usize)],
    counts: &[f64; CLASSES],
    present: f64,
) -> f64 {
    let likelihood: f64 = examples
        .iter()
        .map(|&(features, class)| {
            let shares = probabilities(log_odds(weights, features));
            shares[class].max(f64::MIN_POSITIVE).ln() / (counts[class] * present)
        })
        .sum();
    let squares: f64 = weights
        .as_flattened()
        .iter()
        .map(|weight| weight * weight)
        .sum();
    likelihood - 0.5 * PENALTY * squares
}

fn newton_step(
    weights: &Weights,
    examples: &[([f64; TERMS - 1], usize)],
    counts: &[f64; CLASSES],
    present: f64,
) -> Option<DVector<f64>> {
    const SIZE: usize = (CLASSES - 1) * TERMS;
    let mut gradient =
        DVector::from_iterator(SIZE, weights.as_flattened().iter().map(|w| -PENALTY * w));
    let mut curvature = DMatrix::from_diagonal_element(SIZE, SIZE, PENALTY);
    for &(features, class) in examples {
        let weight = 1.0 / (counts[class] * present);
        let shares = probabilities(log_odds(weights, features));
        let terms = [1.0, features[0], features[1], features[2]];
        for a in 1..CLASSES {
            let miss = f64::from(u8::from(a == class)) - shares[a];
            for (i, term) in terms.iter().enumerate() {
                gradient[(a - 1) * TERMS + i] += weight * miss * term;
            }
            for b in 1..CLASSES {
                let spread = shares[a] * (f64::from(u8::from(a == b)) - shares[b]);
                for (i, x) in terms.iter().enumerate() {
                    for (j, y) in terms.iter().enumerate() {
                        curvature[((a - 1) * TERMS + i, (b - 1) * TERMS + j)] +=
                            weight * spread * x * y;
                    }
                }
            }
        }
    }
    Some(curvature.cholesky()?.solve(&gradient))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one_however_large_the_odds() {
        for odds in [[0.0; 3], [800.0, -800.0, 3.0], [-1e9, -1e9, -1e9]] {
            let shares = probabilities(odds);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        assert_eq!(probabilities([0.0; 3]), [0.25; 4]);
    }

    /// Two points of feature x = ±1, three to one: the odds are known in closed form.
    #[test]
    fn the_fit_finds_the_odds_that_the_counts_give() {
        let mut examples = Vec::new();
        for (x, class, count) in [(1.0, 0, 1), (1.0, 1, 3), (-1.0, 0, 3), (-1.0, 1, 1)] {
            examples.extend(std::iter::repeat_n(([x, 0.0, 0.0], class), count));
        }
        let odds = log_odds(&fit(&examples), [1.0, 0.0, 0.0]);
        assert!((odds[0] - 3.0_f64.ln()).abs() < 5e-3, "{odds:?}");
    }

    #[test]
    fn classes_apart_are_told_apart_and_one_that_is_absent_is_never_called() {
        let centres = [[0.0, 0.0, 0.0], [2.0, 3.0, 3.0], [1.0, 1.0, 0.0]];
        let mut examples = Vec::new();
        for (class, centre) in centres.iter().enumerate() {
            for i in 0..20 {
                let offset = f64::from(i % 5) * 0.02;
                examples.push((centre.map(|x| x + offset), class));
            }
        }
        let weights = fit(&examples);
        for (features, class) in examples {
            let shares = probabilities(log_odds(&weights, features));
            assert!(shares[class] > 0.5, "{features:?} {shares:?}");
        }
        assert_eq!(fit(&[]), Weights::default());
    }
}
