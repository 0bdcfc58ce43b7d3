//! How a quantity is spread over runs, epoch by epoch.

use serde::Serialize;
use weightspace::statistics::quantile_of_sorted;

use crate::Error;

/// The distribution of one quantity at one epoch.
///
/// All fields but `count` are NaN where no run has a value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Number of runs with a value.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divisor n − 1); NaN for fewer than two runs.
    pub standard_deviation: f64,
    /// 10 % quantile.
    pub quantile_10: f64,
    /// 25 % quantile.
    pub quantile_25: f64,
    /// 50 % quantile.
    pub median: f64,
    /// 75 % quantile.
    pub quantile_75: f64,
    /// 90 % quantile.
    pub quantile_90: f64,
}

impl Spread {
    /// The distribution of a sample; NaN values are counted out.
    ///
    /// Quantiles interpolate linearly between order statistics (type 7 of Hyndman and Fan 1996,
    /// the default of NumPy and R). O(n log n).
    pub fn of(sample: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = sample.into_iter().filter(|x| !x.is_nan()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / n;
        let squares: f64 = sorted.iter().map(|x| (x - mean).powi(2)).sum();
        Self {
            count: sorted.len(),
            mean,
            standard_deviation: if sorted.len() > 1 {
                (squares / (n - 1.0)).sqrt()
            } else {
                f64::NAN
            },
            quantile_10: quantile_of_sorted(&sorted, 0.10),
            quantile_25: quantile_of_sorted(&sorted, 0.25),
            median: quantile_of_sorted(&sorted, 0.50),
            quantile_75: quantile_of_sorted(&sorted, 0.75),
            quantile_90: quantile_of_sorted(&sorted, 0.90),
        }
    }
}

/// The spread over runs at every position of their series, e.g. of the step length at every epoch.
///
/// # Errors
///
/// No series, or series of different lengths.
pub fn over_runs(series: &[impl AsRef<[f64]>]) -> Result<Vec<Spread>, Error> {
    let Some(first) = series.first() else {
        return Err(Error::Empty {
            what: "the list of series",
        });
    };
    let length = first.as_ref().len();
    if let Some(other) = series.iter().find(|other| other.as_ref().len() != length) {
        return Err(Error::LengthMismatch {
            left: "the first series",
            left_length: length,
            right: "another",
            right_length: other.as_ref().len(),
        });
    }
    Ok((0..length)
        .map(|position| Spread::of(series.iter().map(|run| run.as_ref()[position])))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_as_numpy_does() {
        // numpy.quantile([15, 20, 35, 40, 50], [.1, .25, .5, .75, .9])
        let spread = Spread::of([40.0, 15.0, 50.0, 20.0, 35.0]);
        assert_eq!(spread.quantile_10, 17.0);
        assert_eq!(spread.quantile_25, 20.0);
        assert_eq!(spread.median, 35.0);
        assert_eq!(spread.quantile_75, 40.0);
        assert_eq!(spread.quantile_90, 46.0);
        assert_eq!(spread.mean, 32.0);
        assert!((spread.standard_deviation - 14.404_860_290_887_934).abs() < 1e-12);
    }

    #[test]
    fn undefined_values_are_counted_out() {
        let spread = over_runs(&[vec![1.0, f64::NAN], vec![3.0, f64::NAN]]).unwrap();
        assert_eq!((spread[0].count, spread[0].median), (2, 2.0));
        assert_eq!(spread[1].count, 0);
        assert!(spread[1].median.is_nan() && spread[1].mean.is_nan());
    }

    #[test]
    fn series_of_different_lengths_are_refused() {
        let lopsided = over_runs(&[vec![1.0], vec![1.0, 2.0]]);
        assert!(matches!(lopsided, Err(Error::LengthMismatch { .. })));
        assert!(matches!(
            over_runs(&[] as &[Vec<f64>]),
            Err(Error::Empty { .. })
        ));
    }
}
