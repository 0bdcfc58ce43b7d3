//! Averages with their standard errors, and the run that leaves mostly belong to.

use serde::Serialize;

/// An average with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The average; NaN if there was nothing to average.
    pub value: f64,
    /// Its standard error; none for fewer than two samples.
    pub standard_error: Option<f64>,
    /// How many samples it is over.
    pub samples: usize,
}

impl Estimate {
    /// The mean of independent samples, with the standard error s / √k.
    pub fn mean(samples: &[f64]) -> Self {
        let k = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / k;
        let squares: f64 = samples.iter().map(|x| (x - mean).powi(2)).sum();
        Self {
            value: mean,
            standard_error: (samples.len() > 1).then(|| (squares / (k - 1.0) / k).sqrt()),
            samples: samples.len(),
        }
    }
}

/// The run that most of the leaves belong to, and how many do; ties go to the lowest run.
pub(super) fn dominant_run(leaves: &[u32], runs: &[u32]) -> (u32, usize) {
    let mut present: Vec<u32> = leaves.iter().map(|&leaf| runs[leaf as usize]).collect();
    present.sort_unstable();
    present
        .chunk_by(|x, y| x == y)
        .map(|group| (group[0], group.len()))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .unwrap_or((0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_1_2_3_4_has_standard_error_0_6455() {
        let estimate = Estimate::mean(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(estimate.value, 2.5);
        assert!((estimate.standard_error.unwrap() - 0.645_497).abs() < 1e-6);
    }

    #[test]
    fn too_few_samples_have_no_standard_error() {
        assert_eq!(Estimate::mean(&[3.0]).standard_error, None);
        assert!(Estimate::mean(&[]).value.is_nan());
    }

    #[test]
    fn equal_shares_go_to_the_lowest_run() {
        assert_eq!(dominant_run(&[0, 1, 2, 3], &[8, 5, 5, 8]), (5, 2));
    }
}
