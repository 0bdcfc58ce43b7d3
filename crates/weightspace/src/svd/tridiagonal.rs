//! Some leading eigenvectors of a symmetric matrix, through its tridiagonal form.
//!
//! Half of a full decomposition goes into eigenvectors that are not wanted. Here eigenvalues of the
//! tridiagonal matrix are found by bisection, many at a time, eigenvectors by inverse iteration
//! (Golub and Van Loan 2013, *Matrix Computations*, sections 8.4.2 and 8.2.2), in f64, and only these
//! are turned back. Vectors of eigenvalues that are all but equal are not orthogonal to each other, as
//! each is found from a random start of its own; they span what they should.

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::tridiag::{tridiag_in_place, tridiag_in_place_scratch};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj,
};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::{Conj, Mat, Par, Spec};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::PARTS;

/// Eigenvalues that are bisected side by side.
const LANES: usize = 16;
/// Halvings of the range of all eigenvalues, to f64's rounding.
const HALVINGS: usize = 52;
/// Solutions of one linear system after another; the first is nearly always enough.
const ITERATIONS: usize = 2;

/// The `count` largest eigenvalues, largest first, and their eigenvectors, of length 1. Of `matrix`,
/// which has two rows at least, the lower triangle is read.
pub(super) fn leading(mut matrix: Mat<f32>, count: usize) -> (Vec<f64>, Mat<f32>) {
    let size = matrix.nrows();
    let par = Par::rayon(PARTS);
    let block = recommended_block_size::<f32>(size, size);
    let mut reflections = Mat::zeros(block, size - 1);
    let mut memory = MemBuffer::new(StackReq::any_of(&[
        tridiag_in_place_scratch::<f32>(size, Par::Seq, Spec::default()),
        apply_block_householder_sequence_on_the_left_in_place_scratch::<f32>(
            size - 1,
            block,
            count,
        ),
    ]));
    let stack = MemStack::new(&mut memory);
    tridiag_in_place(
        matrix.as_mut(),
        reflections.as_mut(),
        Par::Seq,
        stack,
        Spec::default(),
    );
    let tridiagonal = Tridiagonal {
        diagonal: (0..size).map(|i| f64::from(matrix[(i, i)])).collect(),
        beside: (1..size).map(|i| f64::from(matrix[(i, i - 1)])).collect(),
    };
    let values = tridiagonal.largest(count);
    let columns: Vec<Vec<f64>> = values
        .par_iter()
        .enumerate()
        .map(|(number, &value)| tridiagonal.eigenvector(value, number as u64))
        .collect();
    let mut vectors = Mat::from_fn(size, count, |i, j| columns[j][i] as f32);
    apply_block_householder_sequence_on_the_left_in_place_with_conj(
        matrix.submatrix(1, 0, size - 1, size - 1),
        reflections.as_ref(),
        Conj::No,
        vectors.subrows_mut(1, size - 1),
        par,
        stack,
    );
    (values, vectors)
}

/// A symmetric matrix with nothing beyond the diagonals beside the main one.
struct Tridiagonal {
    diagonal: Vec<f64>,
    beside: Vec<f64>,
}

impl Tridiagonal {
    /// No eigenvalue has a larger magnitude (Gershgorin).
    fn bound(&self) -> f64 {
        let around = |i: usize| {
            let before = i.checked_sub(1).map_or(0.0, |i| self.beside[i].abs());
            before + self.beside.get(i).map_or(0.0, |beside| beside.abs())
        };
        let rows = self.diagonal.iter().enumerate();
        rows.map(|(i, diagonal)| diagonal.abs() + around(i))
            .fold(0.0, f64::max)
    }

    /// The `count` largest eigenvalues, largest first.
    fn largest(&self, count: usize) -> Vec<f64> {
        let bound = self.bound() * (1.0 + f64::EPSILON);
        let squares: Vec<f64> = self.beside.iter().map(|x| x * x).collect();
        // What is taken for 0 must not overflow when it divides.
        let least = (bound * bound * f64::MIN_POSITIVE).max(f64::MIN_POSITIVE);
        let size = self.diagonal.len();
        let numbers: Vec<usize> = (0..count).collect();
        let groups = numbers.par_chunks(LANES).map(|numbers| {
            let (mut low, mut high) = ([-bound; LANES], [bound; LANES]);
            for _ in 0..HALVINGS {
                let middle: [f64; LANES] = std::array::from_fn(|i| 0.5 * (low[i] + high[i]));
                let below = self.below(&middle, &squares, least);
                for (lane, number) in numbers.iter().enumerate() {
                    if below[lane] as usize + number < size {
                        low[lane] = middle[lane];
                    } else {
                        high[lane] = middle[lane];
                    }
                }
            }
            numbers
                .iter()
                .enumerate()
                .map(|(lane, _)| 0.5 * (low[lane] + high[lane]))
                .collect::<Vec<f64>>()
        });
        groups.flatten_iter().collect()
    }

    /// How many eigenvalues are less than each of some numbers: the negative pivots of elimination
    /// (Sylvester's law of inertia).
    fn below(&self, numbers: &[f64; LANES], squares: &[f64], least: f64) -> [u32; LANES] {
        let mut counts = [0u32; LANES];
        let mut pivots: [f64; LANES] = [1.0; LANES];
        let squares = std::iter::once(&0.0).chain(squares);
        for (diagonal, square) in self.diagonal.iter().zip(squares) {
            for ((pivot, count), number) in pivots.iter_mut().zip(&mut counts).zip(numbers) {
                let next = diagonal - number - square / *pivot;
                *pivot = if next.abs() < least { -least } else { next };
                *count += u32::from(*pivot < 0.0);
            }
        }
        counts
    }

    /// The eigenvector of an eigenvalue, found from a start that its number alone determines.
    fn eigenvector(&self, value: f64, number: u64) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(number);
        let mut vector: Vec<f64> = (0..self.diagonal.len())
            .map(|_| f64::from(random.next_u32()) / 2f64.powi(31) - 1.0)
            .collect();
        let elimination = Elimination::of(self, value);
        for _ in 0..ITERATIONS {
            elimination.solve(&mut vector);
            let largest = vector.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            vector.iter_mut().for_each(|x| *x /= largest);
            let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            vector.iter_mut().for_each(|x| *x /= norm);
        }
        vector
    }
}

/// A tridiagonal matrix less a multiple of the identity, as `P·L·U`.
struct Elimination {
    /// Whether a row changed places with the next, and the multiple of it that was subtracted.
    steps: Vec<(bool, f64)>,
    /// Rows of `U`, from the diagonal on.
    rows: Vec<[f64; 3]>,
}

impl Elimination {
    fn of(matrix: &Tridiagonal, value: f64) -> Self {
        let size = matrix.diagonal.len();
        let beside = |i: usize| matrix.beside.get(i).copied().unwrap_or(0.0);
        // An exact eigenvalue makes the last pivot 0: then the least that rounding leaves stands for it.
        let least = (matrix.bound() * f64::EPSILON).max(f64::MIN_POSITIVE.sqrt());
        let pivot = |x: f64| if x.abs() < least { least } else { x };
        let mut row = [matrix.diagonal[0] - value, beside(0), 0.0];
        let (mut steps, mut rows) = (Vec::with_capacity(size), Vec::with_capacity(size));
        for i in 1..size {
            let next = [beside(i - 1), matrix.diagonal[i] - value, beside(i)];
            let is_swapped = next[0].abs() > row[0].abs();
            let (mut above, below) = if is_swapped { (next, row) } else { (row, next) };
            above[0] = pivot(above[0]);
            let factor = below[0] / above[0];
            row = [
                below[1] - factor * above[1],
                below[2] - factor * above[2],
                0.0,
            ];
            steps.push((is_swapped, factor));
            rows.push(above);
        }
        row[0] = pivot(row[0]);
        rows.push(row);
        Self { steps, rows }
    }

    fn solve(&self, vector: &mut [f64]) {
        for (i, &(is_swapped, factor)) in self.steps.iter().enumerate() {
            if is_swapped {
                vector.swap(i, i + 1);
            }
            vector[i + 1] -= factor * vector[i];
        }
        let (mut next, mut after) = (0.0, 0.0);
        for (x, [pivot, one, two]) in vector.iter_mut().zip(&self.rows).rev() {
            let solved = (*x - one * next - two * after) / pivot;
            (next, after) = (solved, next);
            *x = solved;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dense::widened;
    use super::super::{leading_eigenpairs, noise, orthonormal};
    use super::*;

    /// How far the true leading eigenvectors stick out of the space that is found, at most.
    fn missed(matrix: &Mat<f32>, count: usize) -> f64 {
        let (_, vectors) = leading(matrix.clone(), count);
        let found = orthonormal(widened(&vectors));
        let (_, all) = leading_eigenpairs(widened(matrix), count).unwrap();
        let rest = &all - &found * (found.transpose() * &all);
        rest.norm_max()
    }

    fn gram(points: &nalgebra::DMatrix<f32>) -> Mat<f32> {
        let gram = points * points.transpose();
        Mat::from_fn(gram.nrows(), gram.ncols(), |i, j| gram[(i, j)])
    }

    #[test]
    fn the_space_is_that_of_a_full_decomposition() {
        // Past a gap, for without one the space itself is not determined.
        let mut points = noise(300, 900, 1);
        for row in 0..40 {
            points.row_mut(row).scale_mut(8.0 + row as f32 * 0.1);
        }
        let missed = missed(&gram(&points), 40);
        assert!(missed < 1e-5, "{missed}");
    }

    #[test]
    fn equal_eigenvalues_have_as_many_vectors() {
        let equal = Mat::from_fn(60, 60, |i, j| match i == j {
            true => [5.0f32, 5.0, 5.0, 1.0][i % 4],
            false => 0.0,
        });
        assert!(missed(&equal, 45) < 1e-6);
        // The same small matrix along the diagonal, coupled within but not from one to the next.
        let blocks = Mat::from_fn(60, 60, |i, j| match (i / 3 == j / 3, i == j) {
            (true, true) => 2.0f32,
            (true, false) => 1.0,
            _ => 0.0,
        });
        assert!(missed(&blocks, 20) < 1e-6);
    }

    #[test]
    fn eigenvalues_of_a_second_difference_are_those_of_the_formula() {
        let size = 200;
        let matrix = Tridiagonal {
            diagonal: vec![2.0; size],
            beside: vec![-1.0; size - 1],
        };
        for (k, value) in matrix.largest(size).into_iter().enumerate() {
            let angle = std::f64::consts::PI * (size - k) as f64 / (size + 1) as f64;
            assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-13);
        }
    }

    #[test]
    fn a_matrix_of_zeros_has_vectors_that_are_finite() {
        let (_, vectors) = leading(Mat::zeros(5, 5), 2);
        assert!(vectors.col_iter().all(|v| (v.norm_l2() - 1.0).abs() < 1e-6));
    }
}
