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
use pulp::Arch;
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

use crate::parts::PARTS;
use crate::random::stream;

/// Eigenvalues that are worked on side by side.
const LANES: usize = 32;
/// Halvings of the range of all eigenvalues, to f64's rounding.
const HALVINGS: usize = 52;
/// Solutions of one linear system after another; the first is nearly always enough.
const ITERATIONS: usize = 2;

/// A number for each of the eigenvalues that are worked on.
type Lanes = [f64; LANES];

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
    let columns = tridiagonal.eigenvectors(&values);
    let mut vectors = Mat::from_fn(size, count, |i, j| columns[j / LANES][i][j % LANES] as f32);
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
        let arch = Arch::new();
        let size = self.diagonal.len();
        let numbers: Vec<usize> = (0..count).collect();
        let groups = numbers.par_chunks(LANES).map(|numbers| {
            let (mut low, mut high) = ([-bound; LANES], [bound; LANES]);
            for _ in 0..HALVINGS {
                let middle: Lanes = std::array::from_fn(|i| 0.5 * (low[i] + high[i]));
                let below = arch.dispatch(|| self.below(&middle, &squares, least));
                for (lane, number) in numbers.iter().enumerate() {
                    if below[lane] as usize + number < size {
                        low[lane] = middle[lane];
                    } else {
                        high[lane] = middle[lane];
                    }
                }
            }
            let middle = low
                .into_iter()
                .zip(high)
                .map(|(low, high)| 0.5 * (low + high));
            middle.take(numbers.len()).collect::<Vec<f64>>()
        });
        groups.flatten_iter().collect()
    }

    /// How many eigenvalues are less than each of some numbers: the negative pivots of elimination
    /// (Sylvester's law of inertia).
    #[inline(always)]
    fn below(&self, numbers: &Lanes, squares: &[f64], least: f64) -> [u64; LANES] {
        let mut counts = [0; LANES];
        let mut pivots = [1.0; LANES];
        let squares = std::iter::once(&0.0).chain(squares);
        for (diagonal, square) in self.diagonal.iter().zip(squares) {
            for ((pivot, count), number) in pivots.iter_mut().zip(&mut counts).zip(numbers) {
                let next = diagonal - number - square / *pivot;
                *pivot = if next.abs() < least { -least } else { next };
                *count += u64::from(*pivot < 0.0);
            }
        }
        counts
    }

    /// The eigenvectors of eigenvalues, a group of columns after the other, row by row; each is found from a
    /// start that its number alone determines.
    fn eigenvectors(&self, values: &[f64]) -> Vec<Vec<Lanes>> {
        let arch = Arch::new();
        let groups = values.par_chunks(LANES).enumerate();
        let vectors = groups.map(|(group, some)| {
            let values = std::array::from_fn(|lane| some.get(lane).copied().unwrap_or(some[0]));
            let mut randoms: [_; LANES] = std::array::from_fn(|lane| {
                stream(0, "eigenvectors", (group * LANES + lane) as u64)
            });
            let mut start = || {
                let random = |lane: usize| f64::from(randoms[lane].next_u32());
                std::array::from_fn(random).map(|x| x / 2f64.powi(31) - 1.0)
            };
            let mut vectors: Vec<Lanes> = self.diagonal.iter().map(|_| start()).collect();
            arch.dispatch(|| self.iterate(&values, &mut vectors));
            vectors
        });
        vectors.collect()
    }

    /// Turns vectors towards the eigenvectors of eigenvalues, to length 1.
    #[inline(always)]
    fn iterate(&self, values: &Lanes, vectors: &mut [Lanes]) {
        let elimination = Elimination::of(self, values);
        for _ in 0..ITERATIONS {
            elimination.solve(vectors);
            let mut largest: Lanes = [0.0; LANES];
            for row in &*vectors {
                largest = std::array::from_fn(|i| largest[i].max(row[i].abs()));
            }
            let mut squares: Lanes = [0.0; LANES];
            for row in &mut *vectors {
                *row = std::array::from_fn(|i| row[i] / largest[i]);
                squares = std::array::from_fn(|i| squares[i] + row[i] * row[i]);
            }
            let norms = squares.map(f64::sqrt);
            for row in &mut *vectors {
                *row = std::array::from_fn(|i| row[i] / norms[i]);
            }
        }
    }
}

/// A tridiagonal matrix less some multiples of the identity, as `P·L·U` each.
struct Elimination {
    steps: Vec<Step>,
    /// Rows of `U`, from the diagonal on.
    rows: Vec<[Lanes; 3]>,
}

/// Whether a row changed places with the next, and the multiple of it that was subtracted.
struct Step {
    is_swapped: [bool; LANES],
    factors: Lanes,
}

#[inline(always)]
fn pick(which: &[bool; LANES], yes: &Lanes, no: &Lanes) -> Lanes {
    std::array::from_fn(|lane| if which[lane] { yes[lane] } else { no[lane] })
}

impl Elimination {
    #[inline(always)]
    fn of(matrix: &Tridiagonal, values: &Lanes) -> Self {
        let size = matrix.diagonal.len();
        let beside = |i: usize| [matrix.beside.get(i).copied().unwrap_or(0.0); LANES];
        let diagonal = |i: usize| values.map(|value| matrix.diagonal[i] - value);
        // An exact eigenvalue makes the last pivot 0: then the least that rounding leaves stands for it.
        let least = (matrix.bound() * f64::EPSILON).max(f64::MIN_POSITIVE.sqrt());
        let pivot = |x: f64| if x.abs() < least { least } else { x };
        let mut row = [diagonal(0), beside(0), [0.0; LANES]];
        let (mut steps, mut rows) = (Vec::with_capacity(size), Vec::with_capacity(size));
        for i in 1..size {
            let next = [beside(i - 1), diagonal(i), beside(i)];
            let is_swapped: [bool; LANES] =
                std::array::from_fn(|lane| next[0][lane].abs() > row[0][lane].abs());
            let pick = |yes: &[Lanes; 3], no: &[Lanes; 3]| -> [Lanes; 3] {
                std::array::from_fn(|j| pick(&is_swapped, &yes[j], &no[j]))
            };
            let (mut above, below) = (pick(&next, &row), pick(&row, &next));
            above[0] = above[0].map(pivot);
            let factors = std::array::from_fn(|i| below[0][i] / above[0][i]);
            let less = |j: usize| -> Lanes {
                std::array::from_fn(|i| below[j][i] - factors[i] * above[j][i])
            };
            row = [less(1), less(2), [0.0; LANES]];
            steps.push(Step {
                is_swapped,
                factors,
            });
            rows.push(above);
        }
        row[0] = row[0].map(pivot);
        rows.push(row);
        Self { steps, rows }
    }

    #[inline(always)]
    fn solve(&self, vectors: &mut [Lanes]) {
        for (i, step) in self.steps.iter().enumerate() {
            let [row, next] = [vectors[i], vectors[i + 1]];
            let above = pick(&step.is_swapped, &next, &row);
            let below = pick(&step.is_swapped, &row, &next);
            vectors[i] = above;
            vectors[i + 1] = std::array::from_fn(|i| below[i] - step.factors[i] * above[i]);
        }
        let (mut next, mut after) = ([0.0; LANES], [0.0; LANES]);
        for (row, [pivot, one, two]) in vectors.iter_mut().zip(&self.rows).rev() {
            let solved =
                std::array::from_fn(|i| (row[i] - one[i] * next[i] - two[i] * after[i]) / pivot[i]);
            (next, after) = (solved, next);
            *row = solved;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dense::widened;
    use super::super::double::leading_eigenpairs;
    use super::super::{noise, orthonormal};
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
