//! Test accuracy from weight statistics.

use super::{features, halves};
use anyhow::{Context, Result};
use nalgebra::DMatrix;
use report::table::{Column, Table};
use serde_json::{Map, Value, json};
use weightspace::statistics::{Ridge, with_products};
use zoo::Trained;

/// The checkpoints of one zoo, as far as a predictor may know them, and their accuracies.
struct Samples {
    statistics: DMatrix<f64>,
    /// Norm of all weights.
    norms: DMatrix<f64>,
    seeds: Vec<u64>,
    epochs: Vec<u32>,
    accuracies: Vec<f64>,
}

impl Samples {
    fn of(trained: &Trained) -> Result<Self> {
        let matrix = trained.points.matrix();
        let labels = trained.points.checkpoints();
        let accuracies = labels
            .iter()
            .map(|label| label.test_accuracy.map(f64::from));
        let norms = matrix.column_iter().map(|c| f64::from(c.norm()));
        Ok(Self {
            statistics: features(trained.zoo.recipe.architecture, matrix)?,
            norms: DMatrix::from_iterator(labels.len(), 1, norms),
            seeds: labels.iter().map(|label| label.run).collect(),
            epochs: labels.iter().map(|label| label.epoch).collect(),
            accuracies: accuracies
                .collect::<Option<_>>()
                .context("a checkpoint has no test accuracy")?,
        })
    }

    fn only(&self, rows: &[usize]) -> Self {
        Self {
            statistics: self.statistics.select_rows(rows),
            norms: self.norms.select_rows(rows),
            seeds: rows.iter().map(|&r| self.seeds[r]).collect(),
            epochs: rows.iter().map(|&r| self.epochs[r]).collect(),
            accuracies: rows.iter().map(|&r| self.accuracies[r]).collect(),
        }
    }
}

#[derive(Clone, Copy)]
enum Predictor {
    Mean,
    Epoch,
    Norm,
    Statistics,
    Products,
}

impl Predictor {
    const ALL: [Self; 5] = [
        Self::Mean,
        Self::Epoch,
        Self::Norm,
        Self::Statistics,
        Self::Products,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean accuracy",
            Self::Epoch => "mean accuracy of the epoch (told)",
            Self::Norm => "norm of the weights and its square",
            Self::Statistics => "21 weight statistics",
            Self::Products => "21 weight statistics, squares and products",
        }
    }

    /// Learns from the samples `learnt` and answers for all of them.
    fn predict(self, samples: &Samples, learnt: &[usize]) -> Result<Vec<f64>> {
        let features = match self {
            Self::Mean => return Ok(means(samples, learnt, |_| 0)),
            Self::Epoch => return Ok(means(samples, learnt, |row| samples.epochs[row])),
            Self::Norm => with_products(&samples.norms),
            Self::Statistics => samples.statistics.clone(),
            Self::Products => with_products(&samples.statistics),
        };
        let own = samples.only(learnt);
        let targets = DMatrix::from_column_slice(learnt.len(), 1, &own.accuracies);
        let groups: Vec<usize> = own.seeds.iter().map(|&seed| (seed / 2) as usize).collect();
        let fit = Ridge::fit(&features.select_rows(learnt), &targets, &groups)?;
        Ok(fit.predict(&features).as_slice().to_vec())
    }
}

/// The mean accuracy of the samples learnt from that have the same key; NaN if there are none.
fn means(samples: &Samples, learnt: &[usize], key: impl Fn(usize) -> u32) -> Vec<f64> {
    let keys: Vec<u32> = (0..samples.seeds.len()).map(key).collect();
    let mean = |wanted: u32| {
        let same = learnt.iter().filter(|&&row| keys[row] == wanted);
        let (mut sum, mut count) = (0.0, 0.0);
        same.for_each(|&row| {
            sum += samples.accuracies[row];
            count += 1.0;
        });
        sum / count
    };
    let highest = keys.iter().copied().max().unwrap_or(0);
    let by_key: Vec<f64> = (0..=highest).map(mean).collect();
    keys.iter().map(|&key| by_key[key as usize]).collect()
}

/// How good predictions are for samples that were not learnt from.
struct Score {
    r_squared: f64,
    /// With every epoch's mean over the reported models taken away.
    beyond_epoch: f64,
    /// τ-b; none where all predictions are equal.
    tau: Option<f64>,
    /// Mean absolute error.
    error: f64,
    samples: usize,
}

fn score(samples: &Samples, predicted: &[f64], rows: &[usize]) -> Score {
    let own = samples.only(rows);
    let predicted: Vec<f64> = rows.iter().map(|&row| predicted[row]).collect();
    let everyone: Vec<usize> = (0..rows.len()).collect();
    let unexplained = |around: &[f64]| -> f64 {
        let pairs = own.accuracies.iter().zip(around);
        pairs.map(|(y, a)| (y - a).powi(2)).sum()
    };
    let residual = unexplained(&predicted);
    let of_epochs = means(&own, &everyone, |row| own.epochs[row]);
    let absolute = own.accuracies.iter().zip(&predicted);
    Score {
        r_squared: 1.0 - residual / unexplained(&means(&own, &everyone, |_| 0)),
        beyond_epoch: 1.0 - residual / unexplained(&of_epochs),
        tau: kendall(&own.accuracies, &predicted),
        error: absolute.map(|(y, p)| (y - p).abs()).sum::<f64>() / rows.len() as f64,
        samples: rows.len(),
    }
}

/// Kendall's τ-b by counting pairs, O(n²).
fn kendall(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mut agreeing, mut in_a, mut in_b) = (0_i64, 0_i64, 0_i64);
    let sign = |d: f64| i64::from(d > 0.0) - i64::from(d < 0.0);
    for i in 0..a.len() {
        for j in 0..i {
            let (x, y) = (sign(a[i] - a[j]), sign(b[i] - b[j]));
            agreeing += x * y;
            in_a += x.abs();
            in_b += y.abs();
        }
    }
    let pairs = (in_a as f64 * in_b as f64).sqrt();
    (pairs > 0.0).then(|| agreeing as f64 / pairs)
}

/// The table of one zoo, and its numbers.
pub(super) fn table(trained: &Trained) -> Result<(Table, Value)> {
    let all = Samples::of(trained)?;
    let last = all.epochs.iter().copied().max().unwrap_or(0);
    let at_the_end: Vec<usize> = (0..all.seeds.len())
        .filter(|&r| all.epochs[r] == last)
        .collect();
    let mut rows = Vec::new();
    let mut json = Map::new();
    for (name, samples) in [("last epoch", all.only(&at_the_end)), ("all epochs", all)] {
        let (learnt, reported) = halves(&samples.seeds);
        for predictor in Predictor::ALL {
            if name == "last epoch" && matches!(predictor, Predictor::Epoch) {
                continue;
            }
            let predicted = predictor.predict(&samples, &learnt)?;
            let score = score(&samples, &predicted, &reported);
            rows.push(vec![
                name.to_owned(),
                predictor.name().to_owned(),
                format!("{:.3}", score.r_squared),
                format!("{:.3}", score.beyond_epoch),
                score
                    .tau
                    .map_or_else(|| "–".into(), |tau| format!("{tau:.3}")),
                format!("{:.4}", score.error),
                score.samples.to_string(),
            ]);
            let value = json!({
                "r_squared": score.r_squared, "r_squared_beyond_epoch": score.beyond_epoch,
                "kendall_tau": score.tau, "mean_absolute_error": score.error, "n": score.samples,
            });
            json.insert(format!("{name}: {}", predictor.name()), value);
        }
    }
    let table = Table {
        caption: format!(
            "{}: test accuracy predicted from weights, on seeds that were not learnt from",
            trained.zoo.recipe.name
        ),
        columns: vec![
            Column::text("checkpoints"),
            Column::text("predicted from"),
            Column::number("R²", ""),
            Column::number("R² beyond the epoch", ""),
            Column::number("Kendall τ", ""),
            Column::number("mean absolute error", ""),
            Column::number("n", ""),
        ],
        rows,
    };
    Ok((table, Value::Object(json)))
}

#[cfg(test)]
mod tests {
    use super::kendall;

    #[test]
    fn tau_counts_pairs_and_leaves_ties_out() {
        assert_eq!(kendall(&[1.0, 2.0, 3.0], &[2.0, 4.0, 9.0]), Some(1.0));
        assert_eq!(kendall(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(kendall(&[1.0, 2.0], &[1.0, 1.0]), None);
        // scipy.stats.kendalltau([1, 2, 2, 3], [1, 3, 2, 4]) = 5/√(5·6)
        let tau = kendall(&[1.0, 2.0, 2.0, 3.0], &[1.0, 3.0, 2.0, 4.0]);
        assert!((tau.unwrap_or(0.0) - 5.0 / 30.0_f64.sqrt()).abs() < 1e-12);
    }
}
