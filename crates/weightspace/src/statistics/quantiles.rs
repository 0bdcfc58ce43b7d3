//! The median and other quantiles of a sample.

/// The middle value of a sample, or the mean of the two in the middle; NaN of an empty one.
///
/// Values are ordered by [`f64::total_cmp`], so a NaN among them counts as the largest: remove such
/// values first where they mean "unknown". O(n log n).
///
/// ```
/// use weightspace::statistics::median;
///
/// assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
/// assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
/// assert!(median([]).is_nan());
/// ```
pub fn median(sample: impl IntoIterator<Item = f64>) -> f64 {
    let sorted = sorted(sample);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (_, None) => f64::NAN,
        (1, Some(&value)) => value,
        (_, Some(&above)) => 0.5 * (sorted[middle - 1] + above),
    }
}

/// The quantile of a sample: the value that `share` (0 to 1) of it lie below; NaN of an empty one.
///
/// As [`quantile_of_sorted`], of values in any order. O(n log n).
pub fn quantile(sample: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    quantile_of_sorted(&sorted(sample), share)
}

/// The quantile of values in ascending order; NaN of none, or where `share` is not from 0 to 1.
///
/// Interpolates linearly between order statistics: type 7 of R. Hyndman and Y. Fan (*Sample
/// Quantiles in Statistical Packages*, 1996), the default of NumPy and R. O(1).
///
/// ```
/// use weightspace::statistics::quantile_of_sorted;
///
/// assert_eq!(quantile_of_sorted(&[1.0, 2.0, 4.0, 8.0], 0.25), 1.75);
/// ```
pub fn quantile_of_sorted(sorted: &[f64], share: f64) -> f64 {
    if !(0.0..=1.0).contains(&share) {
        return f64::NAN;
    }
    let position = share * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        // Equal neighbours may be infinite; interpolating between them would give NaN.
        (Some(x), Some(y)) if x == y => *x,
        (Some(x), Some(y)) => x + (y - x) * position.fract(),
        _ => f64::NAN,
    }
}

fn sorted(sample: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = sample.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([15, 20, 35, 40, 50], [.1, .25, .5, .75, .9])
        let sample = [40.0, 15.0, 50.0, 20.0, 35.0];
        let shares = [0.1, 0.25, 0.5, 0.75, 0.9];
        let found = shares.map(|share| quantile(sample, share));
        assert_eq!(found, [17.0, 20.0, 35.0, 40.0, 46.0]);
        assert_eq!(quantile(sample, 0.0), 15.0);
        assert_eq!(quantile(sample, 1.0), 50.0);
    }

    #[test]
    fn the_median_of_an_even_number_lies_half_way_and_of_two_it_is_their_mean() {
        assert_eq!(median([7.0, 1.0]), 4.0);
        assert_eq!(median([7.0, 1.0, 2.0, 100.0]), 4.5);
        assert_eq!(median([5.0]), 5.0);
        // numpy.median and numpy.quantile agree on even samples too.
        let sample = [0.5, 2.0, 8.0, 4.0];
        assert_eq!(median(sample), quantile(sample, 0.5));
    }

    #[test]
    fn of_nothing_and_beyond_the_sample_there_is_no_quantile() {
        assert!(median([]).is_nan());
        assert!(quantile([], 0.5).is_nan());
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(quantile([1.0, 2.0], share).is_nan());
        }
    }

    #[test]
    fn infinite_values_are_quantiles_like_others() {
        let sample = [1.0, f64::INFINITY, f64::INFINITY];
        assert_eq!(quantile(sample, 0.9), f64::INFINITY);
        assert_eq!(median(sample), f64::INFINITY);
        assert_eq!(median([f64::NEG_INFINITY, 0.0, f64::INFINITY]), 0.0);
    }
}
