//! Kendall's rank correlation of a sequence with its positions.

/// Concordant minus discordant pairs of the sequence with its positions: Kendall's S.
///
/// Pairs of equal values count as neither. O(m log m): discordant pairs are the inversions that a
/// merge sort removes (Knight 1966, "A computer method for calculating Kendall's tau with
/// ungrouped data").
pub(crate) fn concordance(values: &[f64]) -> i64 {
    let mut sorted = values.to_vec();
    let discordant = sort_counting_inversions(&mut sorted, &mut values.to_vec());
    let tied: i64 = sorted
        .chunk_by(|x, y| x == y)
        .map(|group| pairs(group.len()))
        .sum();
    pairs(values.len()) - tied - 2 * discordant
}

/// Number of pairs among `m` things.
pub(crate) fn pairs(m: usize) -> i64 {
    let m = m as i64;
    m * (m - 1) / 2
}

fn sort_counting_inversions(values: &mut [f64], scratch: &mut [f64]) -> i64 {
    let length = values.len();
    if length < 2 {
        return 0;
    }
    let middle = length / 2;
    let mut inversions = sort_counting_inversions(&mut values[..middle], &mut scratch[..middle])
        + sort_counting_inversions(&mut values[middle..], &mut scratch[middle..]);
    let (mut left, mut right) = (0, middle);
    for slot in scratch.iter_mut() {
        let take_left = right == length || (left < middle && values[left] <= values[right]);
        if take_left {
            *slot = values[left];
            left += 1;
        } else {
            *slot = values[right];
            right += 1;
            inversions += (middle - left) as i64;
        }
    }
    values.copy_from_slice(scratch);
    inversions
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(values: &[f64]) -> i64 {
        let mut s = 0;
        for (j, later) in values.iter().enumerate() {
            for earlier in &values[..j] {
                s += i64::from(earlier < later) - i64::from(earlier > later);
            }
        }
        s
    }

    proptest! {
        #[test]
        fn concordance_equals_the_definition(values in prop::collection::vec(0u8..20, 0..60)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            prop_assert_eq!(concordance(&values), naive(&values));
        }
    }
}
