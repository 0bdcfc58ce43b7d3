//! The linear assignment problem: rows to columns, one to one, at the greatest total gain.
//!
//! Shortest augmenting paths with potentials (H. Kuhn 1955; R. Jonker and A. Volgenant, *A Shortest
//! Augmenting Path Algorithm for Dense and Sparse Linear Assignment Problems*, 1987), after a
//! reduction of columns and rows that settles the easy ones. Exact, O(n³).

use faer::MatRef;

const NONE: usize = usize::MAX;

/// For every row the column it is given, such that the sum of `gain` is the greatest.
///
/// `gain` is square and finite. Of several best assignments the same one is always returned.
/// O(n³) in time at worst, 8·n² bytes.
pub fn assignment(gain: MatRef<'_, f64>) -> Vec<usize> {
    let size = gain.nrows().min(gain.ncols());
    if size == 0 {
        return Vec::new();
    }
    // Row-major, as it is read. What is not finite counts as no gain.
    let cost = |i: usize, j: usize| {
        if gain[(i, j)].is_finite() {
            -gain[(i, j)]
        } else {
            0.0
        }
    };
    let costs: Vec<f64> = (0..size * size).map(|k| cost(k / size, k % size)).collect();
    let mut search = Search::reduced(&costs, size);
    for row in 0..size {
        if search.column_of[row] == NONE {
            search.augment(&costs, row);
        }
    }
    search.column_of
}

/// A partial assignment and potentials under which no reduced cost is negative and those of
/// assigned pairs are zero.
struct Search {
    of_row: Vec<f64>,
    of_column: Vec<f64>,
    row_of: Vec<usize>,
    column_of: Vec<usize>,
    distance: Vec<f64>,
    from: Vec<usize>,
    remaining: Vec<usize>,
    reached: Vec<usize>,
}

impl Search {
    fn reduced(costs: &[f64], size: usize) -> Self {
        let mut of_column = vec![f64::INFINITY; size];
        for row in costs.chunks(size) {
            for (least, &cost) in of_column.iter_mut().zip(row) {
                *least = least.min(cost);
            }
        }
        let mut search = Self {
            of_row: vec![0.0; size],
            of_column,
            row_of: vec![NONE; size],
            column_of: vec![NONE; size],
            distance: vec![f64::INFINITY; size],
            from: vec![NONE; size],
            remaining: Vec::with_capacity(size),
            reached: Vec::with_capacity(size),
        };
        for (row, costs) in costs.chunks(size).enumerate() {
            let (mut least, mut column) = (f64::INFINITY, 0);
            for (j, (cost, potential)) in costs.iter().zip(&search.of_column).enumerate() {
                if cost - potential < least {
                    (least, column) = (cost - potential, j);
                }
            }
            search.of_row[row] = least;
            if search.row_of[column] == NONE {
                search.row_of[column] = row;
                search.column_of[row] = column;
            }
        }
        search
    }

    /// Dijkstra's algorithm from a free row to the nearest free column, and the path turned over.
    fn augment(&mut self, costs: &[f64], start: usize) {
        let size = self.of_row.len();
        self.distance.fill(f64::INFINITY);
        self.remaining.clear();
        self.remaining.extend(0..size);
        self.reached.clear();
        let (mut row, mut shortest) = (start, 0.0);
        let sink = loop {
            let costs = &costs[row * size..][..size];
            let base = shortest - self.of_row[row];
            let (mut least, mut place) = (f64::INFINITY, 0);
            for (at, &column) in self.remaining.iter().enumerate() {
                let through = base + costs[column] - self.of_column[column];
                if through < self.distance[column] {
                    self.distance[column] = through;
                    self.from[column] = row;
                }
                if self.distance[column] < least {
                    (least, place) = (self.distance[column], at);
                }
            }
            // There are as many columns as rows, so a free one remains.
            let column = self.remaining.swap_remove(place);
            shortest = least;
            self.reached.push(column);
            if self.row_of[column] == NONE {
                break column;
            }
            row = self.row_of[column];
        };
        self.of_row[start] += shortest;
        for &column in &self.reached {
            let behind = shortest - self.distance[column];
            self.of_column[column] -= behind;
            if column != sink {
                self.of_row[self.row_of[column]] += behind;
            }
        }
        let mut column = sink;
        loop {
            let row = self.from[column];
            self.row_of[column] = row;
            std::mem::swap(&mut self.column_of[row], &mut column);
            if row == start {
                break;
            }
        }
    }
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
                items.swap(if k.is_multiple_of(2) { i } else { 0 }, k - 1);
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
