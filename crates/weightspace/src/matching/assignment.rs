//! The linear assignment problem: rows to columns, one to one, at the greatest total gain.
//!
//! Shortest augmenting paths with potentials (H. Kuhn 1955; R. Jonker and A. Volgenant, *A Shortest
//! Augmenting Path Algorithm for Dense and Sparse Linear Assignment Problems*, 1987, without their
//! initialisation). Exact, O(n³).

use faer::MatRef;

const NONE: usize = usize::MAX;

/// For every row the column it is given, such that the sum of `gain` is the greatest.
///
/// `gain` is square and finite. Of several best assignments the same one is always returned.
/// O(n³) in time, O(n) in memory.
pub fn assignment(gain: MatRef<'_, f64>) -> Vec<usize> {
    let size = gain.nrows().min(gain.ncols());
    // Cost −gain. One column more than there are, the source of every search.
    let mut row_potential = vec![0.0f64; size];
    let mut column_potential = vec![0.0f64; size + 1];
    let mut row_of = vec![NONE; size + 1];
    for start in 0..size {
        row_of[size] = start;
        let mut column = size;
        let mut distance = vec![f64::INFINITY; size];
        let mut from = vec![size; size];
        let mut done = vec![false; size + 1];
        while row_of[column] != NONE {
            done[column] = true;
            let row = row_of[column];
            let (mut shortest, mut next) = (f64::INFINITY, size);
            for other in (0..size).filter(|&other| !done[other]) {
                let reduced = -gain[(row, other)] - row_potential[row] - column_potential[other];
                if reduced < distance[other] {
                    distance[other] = reduced;
                    from[other] = column;
                }
                if distance[other] < shortest {
                    (shortest, next) = (distance[other], other);
                }
            }
            if next == size {
                // Only gains that are not finite can end here; leave what is assigned.
                break;
            }
            for other in 0..=size {
                if done[other] {
                    row_potential[row_of[other]] += shortest;
                    column_potential[other] -= shortest;
                } else if other < size {
                    distance[other] -= shortest;
                }
            }
            column = next;
        }
        while column != size {
            let before = from[column];
            row_of[column] = row_of[before];
            column = before;
        }
    }
    let mut columns: Vec<usize> = (0..size).collect();
    for (column, &row) in row_of[..size].iter().enumerate() {
        if row != NONE {
            columns[row] = column;
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use faer::Mat;
    use proptest::prelude::*;

    use super::*;

    fn total(gain: &Mat<f64>, columns: &[usize]) -> f64 {
        columns.iter().enumerate().map(|(i, &j)| gain[(i, j)]).sum()
    }

    /// Every permutation of 0..n (Heap's algorithm).
    fn permutations(n: usize) -> Vec<Vec<usize>> {
        fn heap(k: usize, items: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
            if k <= 1 {
                all.push(items.clone());
                return;
            }
            for i in 0..k {
                heap(k - 1, items, all);
                items.swap(if k % 2 == 0 { i } else { 0 }, k - 1);
            }
        }
        let mut all = Vec::new();
        heap(n, &mut (0..n).collect(), &mut all);
        all
    }

    #[test]
    fn a_worked_example() {
        let gain = Mat::from_fn(3, 3, |i, j| {
            [[7.0, 4.0, 3.0], [6.0, 8.0, 5.0], [9.0, 4.0, 4.0]][i][j]
        });
        assert_eq!(assignment(gain.as_ref()), [2, 1, 0]);
        assert!(assignment(Mat::<f64>::zeros(0, 0).as_ref()).is_empty());
    }

    #[test]
    fn gains_that_are_not_finite_end_in_some_permutation() {
        let gain = Mat::from_fn(4, 4, |_, _| f64::NAN);
        let mut columns = assignment(gain.as_ref());
        columns.sort_unstable();
        assert_eq!(columns, [0, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn no_permutation_gains_more(
            n in 1usize..7, entries in prop::collection::vec(-10i32..10, 36), fine in any::<bool>()
        ) {
            // Small whole numbers make ties, fractions avoid them.
            let entry = |k: usize| f64::from(entries[k]) + if fine { k as f64 * 0.013 } else { 0.0 };
            let gain = Mat::from_fn(n, n, |i, j| entry(6 * i + j));
            let ours = assignment(gain.as_ref());
            let mut sorted = ours.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..n).collect::<Vec<_>>());
            let best = permutations(n).iter().map(|p| total(&gain, p)).fold(f64::MIN, f64::max);
            prop_assert!((total(&gain, &ours) - best).abs() < 1e-9);
        }

        #[test]
        fn a_planted_permutation_is_found(seed in any::<u64>()) {
            let n = 60;
            let planted: Vec<usize> = (0..n).map(|i| (i * 7 + seed as usize % n) % n).collect();
            let gain = Mat::from_fn(n, n, |i, j| {
                let noise = ((i * 31 + j * 17 + seed as usize % 1009) % 97) as f64 / 100.0;
                noise + if planted[i] == j { 2.0 } else { 0.0 }
            });
            prop_assert_eq!(assignment(gain.as_ref()), planted);
        }
    }
}
