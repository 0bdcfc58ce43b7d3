//! The area under the ROC curve.

/// Area under the ROC curve: the probability that a value of `high` exceeds one of `low`, where a
/// tie counts as half. 1 when the two samples are separated, 0.5 when they are alike; NaN when one
/// is empty.
///
/// The Mann–Whitney statistic divided by the number of pairs. Values are ordered by
/// [`f64::total_cmp`]; NaN must have been removed. O((n + m) log n).
///
/// ```
/// use weightspace::statistics::auroc;
///
/// assert_eq!(auroc(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
/// assert_eq!(auroc(&[1.0, 2.0], &[2.0, 1.5]), 0.625); // of four pairs, two and a tie
/// ```
pub fn auroc(low: &[f64], high: &[f64]) -> f64 {
    let mut sorted = low.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let below = |score: f64| {
        let less = sorted.partition_point(|&other| other < score);
        let not_more = sorted.partition_point(|&other| other <= score);
        (less + not_more) as f64 / 2.0
    };
    let pairs = low.len() as f64 * high.len() as f64;
    high.iter().map(|&score| below(score)).sum::<f64>() / pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_the_share_of_pairs_in_order_with_ties_halved() {
        let (low, high) = ([3.0, 1.0, 2.0, 2.0, 0.5], [2.0, 9.0, 2.0, 0.0]);
        let mut won = 0.0;
        for l in low {
            for h in high {
                won += if h > l { 1.0 } else { f64::from(h == l) / 2.0 };
            }
        }
        assert_eq!(auroc(&low, &high), won / 20.0);
    }

    #[test]
    fn exchanging_the_samples_turns_the_area_round() {
        assert_eq!(auroc(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(auroc(&[3.0, 4.0], &[1.0, 2.0]), 0.0);
        assert_eq!(auroc(&[1.0; 3], &[1.0; 5]), 0.5);
    }

    #[test]
    fn nothing_has_no_area() {
        assert!(auroc(&[], &[1.0]).is_nan());
        assert!(auroc(&[1.0], &[]).is_nan());
    }
}
