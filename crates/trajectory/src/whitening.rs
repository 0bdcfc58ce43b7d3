//! A metric in which quiet directions count as much as noisy ones, learnt from rough orders.
//!
//! At a noise plateau most of the distance between two checkpoints is jitter that forgets itself
//! within an epoch, so distances say little about time. But the jitter of stochastic gradients is
//! far from even: a linear layer's gradient is (errors of its outputs) x (its inputs)ᵀ, so the
//! covariance of its noise is about a Kronecker product of theirs (Martens and Grosse 2015), and
//! the inputs of a layer vary in few directions. Along the many others the weights move slowly and
//! remember for long where they were.
//!
//! Along rough orders the steps of all runs, over all output units of a tensor, show which input
//! directions are noisy; whitening by their covariance lets every direction count by its noise.
//! Errors of the rough orders hardly matter, as long as several runs are pooled: each run errs in
//! its own way. One run alone mostly confirms the order that it was taught by.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};
use nalgebra::{Cholesky, DMatrix, DMatrixView};
use rayon::prelude::*;

use crate::Error;
use crate::checks::{finite, leaves_exist};

/// One tensor within a column of weights: `outputs` rows of `inputs` values, row-major, as
/// PyTorch stores a linear layer, or a convolution with its inputs, height and width as one.
///
/// A tensor that belongs to no output, such as the biases of a layer, has one input: it is
/// scaled as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Tensor {
    /// Number of output units.
    pub outputs: usize,
    /// Number of weights of each.
    pub inputs: usize,
}

impl Tensor {
    /// From a shape, outermost extent first: (outputs, everything else); one input for vectors and
    /// scalars.
    pub fn of_shape(shape: &[usize]) -> Self {
        match shape {
            [outputs, inputs @ ..] if !inputs.is_empty() => Self {
                outputs: *outputs,
                inputs: inputs.iter().product(),
            },
            _ => Self {
                outputs: shape.iter().product(),
                inputs: 1,
            },
        }
    }

    fn parameters(self) -> usize {
        self.outputs.saturating_mul(self.inputs)
    }
}

/// Share of an order's steps, the shortest, that count as noise: the long ones at the start of
/// training are no jitter.
const KEPT: f64 = 0.8;
/// The covariance is shrunk by so much of its mean variance towards a round one, so that no
/// direction is magnified by more than 30 times.
const SHRINKAGE: f64 = 1e-3;
/// Tensors with more inputs than these are whitened input by input: a covariance of them all would
/// need more steps, memory (inputs²) and time (inputs³) than there are.
const MOST_INPUTS: usize = 1024;
/// Orders whose covariances are added up before they are added to the rest. A fixed number, so
/// that sums do not depend on the threads.
const GROUP: usize = 8;
/// Output units that take part in one product.
const UNITS_AT_ONCE: usize = 256;

/// The points, linearly mapped so that the jitter of the steps along the given orders is as strong
/// in every input direction of every tensor; the same map for all points.
///
/// `points` has shape (parameters, checkpoints), and so has the result; `layout` lists the tensors
/// that make up a column. Let S be the mean over all orders, their shortest 80 % of steps, and all
/// output units of d·dᵀ, where d is the change of one unit's weights in one step. With S + λI =
/// L·Lᵀ, λ = 10⁻³ of the mean variance, a unit's weights w become L⁻¹w. Tensors that never move are
/// left as they are.
///
/// Rough orders will do, best of several runs ([`crate::ordering::order`]). O(checkpoints ·
/// parameters · inputs), and O(inputs³) a tensor; with more than 1024 inputs each is scaled by
/// itself.
///
/// # Errors
///
/// The layout has another number of parameters than the points, an order names a leaf that does not
/// exist, or a weight is not finite.
pub fn whitened(
    points: DMatrixView<'_, f32>,
    layout: &[Tensor],
    orders: &[impl AsRef<[u32]> + Sync],
) -> Result<DMatrix<f32>, Error> {
    let parameters = layout.iter().fold(0usize, |sum, tensor| {
        sum.saturating_add(tensor.parameters())
    });
    if parameters != points.nrows() {
        return Err(Error::LengthMismatch {
            left: "the layout",
            left_length: parameters,
            right: "a point",
            right_length: points.nrows(),
        });
    }
    leaves_exist(points, orders)?;
    finite(points)?;
    let mut result = points.into_owned();
    let mut first = 0;
    for &tensor in layout {
        let rows = first..first + tensor.parameters();
        first = rows.end;
        if tensor.parameters() == 0 {
            continue;
        }
        let part = |leaf: u32| &points.column(leaf as usize).data.into_slice()[rows.clone()];
        if let Some(noise) = Noise::of(part, tensor, orders) {
            result
                .as_mut_slice()
                .par_chunks_mut(parameters)
                .for_each_init(Vec::new, |buffer, column| {
                    noise.whiten(&mut column[rows.clone()], tensor.inputs, buffer);
                });
        }
    }
    Ok(result)
}

/// How the weights of one tensor's units jitter.
enum Noise {
    /// Inverse of the lower Cholesky factor of the covariance. The factor's condition is bounded by
    /// the shrinkage, so that products with its inverse are as good as solving, and a fast kind of
    /// work.
    Full(DMatrix<f64>),
    /// Standard deviation of every input.
    Diagonal(Vec<f64>),
}

impl Noise {
    /// None where nothing moves.
    fn of<'a>(
        column: impl Fn(u32) -> &'a [f32] + Sync,
        tensor: Tensor,
        orders: &[impl AsRef<[u32]> + Sync],
    ) -> Option<Self> {
        let groups: Vec<Covariance> = orders
            .par_chunks(GROUP)
            .map(|group| {
                let mut covariance = Covariance::new(tensor.inputs);
                for pair in group
                    .iter()
                    .flat_map(|order| short_steps(order.as_ref(), &column))
                {
                    covariance.add(column(pair[0]), column(pair[1]));
                }
                covariance.finish();
                covariance
            })
            .collect();
        let sum = groups.into_iter().reduce(Covariance::and)?;
        let mut covariance = sum.sum / sum.units.max(1) as f64;
        let variance = match covariance.is_square() {
            true => covariance.trace(),
            false => covariance.sum(),
        } / tensor.inputs as f64;
        if !(variance > 0.0 && variance.is_finite()) {
            return None;
        }
        let shrinkage = SHRINKAGE * variance;
        if !covariance.is_square() {
            let deviations = covariance.iter().map(|v| (v + shrinkage).sqrt());
            return Some(Self::Diagonal(deviations.collect()));
        }
        for i in 0..tensor.inputs {
            covariance[(i, i)] += shrinkage;
        }
        let factor = Cholesky::new(covariance)?.unpack();
        let mut inverse = DMatrix::identity(tensor.inputs, tensor.inputs);
        let solved = factor.solve_lower_triangular_mut(&mut inverse);
        solved.then_some(Self::Full(inverse))
    }

    fn whiten(&self, weights: &mut [f32], inputs: usize, buffer: &mut Vec<f64>) {
        match self {
            Self::Diagonal(deviations) => {
                for unit in weights.chunks_mut(inputs) {
                    for (weight, deviation) in std::iter::zip(unit, deviations) {
                        *weight = (f64::from(*weight) / deviation) as f32;
                    }
                }
            }
            Self::Full(inverse) => weights
                .chunks_mut(inputs * UNITS_AT_ONCE)
                .for_each(|units| multiply_lower(inverse, units, buffer)),
        }
    }
}

/// The sum of d·dᵀ over the changes d of units' weights.
struct Covariance {
    /// Lower triangle, or one column of squares for a tensor with too many inputs.
    sum: DMatrix<f64>,
    units: usize,
    /// Changes that are not yet in the sum, column by column.
    pending: Vec<f64>,
}

impl Covariance {
    fn new(inputs: usize) -> Self {
        let columns = if inputs > MOST_INPUTS { 1 } else { inputs };
        Self {
            sum: DMatrix::zeros(inputs, columns),
            units: 0,
            pending: Vec::new(),
        }
    }

    /// Adds all units of one tensor as it was before and after a step.
    fn add(&mut self, before: &[f32], after: &[f32]) {
        let inputs = self.sum.nrows();
        for (before, after) in std::iter::zip(before.chunks(inputs), after.chunks(inputs)) {
            let change = std::iter::zip(after, before)
                .map(|(&after, &before)| f64::from(after) - f64::from(before));
            if self.sum.is_square() {
                self.pending.extend(change);
            } else {
                for (sum, x) in std::iter::zip(&mut self.sum, change) {
                    *sum += x * x;
                }
            }
            self.units += 1;
            if self.pending.len() >= inputs * UNITS_AT_ONCE {
                self.finish();
            }
        }
    }

    /// Brings everything into the sum.
    fn finish(&mut self) {
        let inputs = self.sum.nrows();
        let changes =
            MatRef::from_column_major_slice(&self.pending, inputs, self.pending.len() / inputs);
        if self.sum.is_square() {
            triangular::matmul(
                MatMut::from_column_major_slice_mut(self.sum.as_mut_slice(), inputs, inputs),
                BlockStructure::TriangularLower,
                Accum::Add,
                changes,
                BlockStructure::Rectangular,
                changes.transpose(),
                BlockStructure::Rectangular,
                1.0,
                Par::Seq,
            );
        }
        self.pending.clear();
    }

    fn and(mut self, other: Self) -> Self {
        self.sum += other.sum;
        self.units += other.units;
        self
    }
}

/// Multiplies every column of a matrix of as many rows, given column by column, by a lower
/// triangular one.
fn multiply_lower(lower: &DMatrix<f64>, columns: &mut [f32], buffer: &mut Vec<f64>) {
    let rows = lower.nrows();
    buffer.clear();
    buffer.extend(columns.iter().map(|&value| f64::from(value)));
    buffer.resize(2 * columns.len(), 0.0);
    let (values, product) = buffer.split_at_mut(columns.len());
    triangular::matmul(
        MatMut::from_column_major_slice_mut(product, rows, columns.len() / rows),
        BlockStructure::Rectangular,
        Accum::Replace,
        MatRef::from_column_major_slice(lower.as_slice(), rows, rows),
        BlockStructure::TriangularLower,
        MatRef::from_column_major_slice(values, rows, columns.len() / rows),
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
    for (value, product) in std::iter::zip(columns, product) {
        *value = *product as f32;
    }
}

/// The pairs of successive leaves of an order that lie nearest to each other in this tensor.
fn short_steps<'o, 'a>(order: &'o [u32], column: impl Fn(u32) -> &'a [f32]) -> Vec<&'o [u32]> {
    let mut steps: Vec<(f64, &[u32])> = order
        .windows(2)
        .map(|pair| {
            let length = weightspace::distance::squared_distance(column(pair[0]), column(pair[1]));
            (length, pair)
        })
        .collect();
    steps.sort_by(|x, y| x.0.total_cmp(&y.0));
    steps.truncate((steps.len() as f64 * KEPT).ceil() as usize);
    steps.into_iter().map(|(_, pair)| pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two runs of four points; unit weights jitter ten times as much along (1, 1) as along (1, −1).
    fn jittery() -> (DMatrix<f32>, Vec<Vec<u32>>) {
        let mut points = DMatrix::zeros(4, 40);
        for column in 0..40 {
            for unit in 0..2 {
                let strong = ((column * 7 + unit * 3) % 5) as f32 - 2.0;
                let weak = 0.1 * (((column * 3 + unit) % 7) as f32 - 3.0);
                points[(2 * unit, column)] = strong + weak;
                points[(2 * unit + 1, column)] = strong - weak;
            }
        }
        (points, vec![(0..20).collect(), (20..40).collect()])
    }

    const UNITS: [Tensor; 1] = [Tensor {
        outputs: 2,
        inputs: 2,
    }];

    #[test]
    fn whitened_steps_are_as_strong_in_every_direction() {
        let (points, orders) = jittery();
        let white = whitened(points.as_view(), &UNITS, &orders).unwrap();
        let covariance = |points: &DMatrix<f32>| {
            let mut sum = nalgebra::Matrix2::<f64>::zeros();
            for order in &orders {
                for pair in order.windows(2) {
                    let [x, y] = [pair[0] as usize, pair[1] as usize];
                    for unit in 0..2 {
                        let d = nalgebra::Vector2::new(
                            f64::from(points[(2 * unit, y)] - points[(2 * unit, x)]),
                            f64::from(points[(2 * unit + 1, y)] - points[(2 * unit + 1, x)]),
                        );
                        sum += d * d.transpose();
                    }
                }
            }
            sum.symmetric_eigenvalues()
        };
        let ratio = |values: nalgebra::Vector2<f64>| values.max() / values.min();
        assert!(ratio(covariance(&points)) > 50.0);
        assert!(ratio(covariance(&white)) < 2.0);
    }

    #[test]
    fn products_with_a_triangle_are_those_of_the_whole_matrix() {
        let inputs = 131;
        let lower = DMatrix::from_fn(inputs, inputs, |row, column| match row >= column {
            true => 1.0 / (1 + row + 2 * column) as f64,
            false => 0.0,
        });
        let columns = DMatrix::from_fn(inputs, 5, |row, column| (row * 7 % (3 + column)) as f32);
        let mut product = columns.clone();
        multiply_lower(&lower, product.as_mut_slice(), &mut vec![7.0; 3]);
        let naive = (lower * columns.map(f64::from)).map(|value| value as f32);
        assert!((product - &naive).amax() <= 1e-6 * naive.amax());
    }

    #[test]
    fn covariances_in_blocks_are_those_of_all_units_one_by_one() {
        let (inputs, units) = (5, UNITS_AT_ONCE + 3);
        let value = |i: usize| ((i * i) % 13) as f32;
        let before: Vec<f32> = (0..inputs * units).map(value).collect();
        let after: Vec<f32> = (0..inputs * units).map(|i| value(3 * i)).collect();
        let mut covariance = Covariance::new(inputs);
        covariance.add(&before, &after);
        covariance.finish();
        let changes = DMatrix::from_fn(inputs, units, |row, unit| {
            f64::from(after[unit * inputs + row] - before[unit * inputs + row])
        });
        let naive = (&changes * changes.transpose()).lower_triangle();
        assert_eq!(covariance.sum, naive);
        assert_eq!(covariance.units, units);
    }

    #[test]
    fn the_scale_of_the_weights_does_not_matter() {
        let (points, orders) = jittery();
        let white = whitened(points.as_view(), &UNITS, &orders).unwrap();
        let scaled = whitened((&points * 1024.0).as_view(), &UNITS, &orders).unwrap();
        assert!((white - scaled).amax() < 1e-3);
    }

    #[test]
    fn mixing_the_inputs_does_not_change_distances_by_more_than_the_shrinkage() {
        let (points, orders) = jittery();
        let mix = nalgebra::Matrix2::<f32>::new(2.0, 1.0, -0.5, 1.0);
        let mut mixed = points.clone();
        for mut column in mixed.column_iter_mut() {
            for unit in 0..2 {
                let w = mix * nalgebra::Vector2::new(column[2 * unit], column[2 * unit + 1]);
                (column[2 * unit], column[2 * unit + 1]) = (w.x, w.y);
            }
        }
        // the same steps must count as noise in both
        let white = whitened(points.as_view(), &UNITS, &orders).unwrap();
        let mixed = whitened(mixed.as_view(), &UNITS, &orders).unwrap();
        let distance = |m: &DMatrix<f32>, x: usize, y: usize| (m.column(x) - m.column(y)).norm();
        let ratio = distance(&white, 3, 30) / distance(&mixed, 3, 30);
        assert!((0.5..2.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn what_never_moves_stays_and_wide_tensors_are_scaled_input_by_input() {
        let frozen = DMatrix::from_element(4, 6, 3.0f32);
        let orders = [vec![0, 1, 2, 3, 4, 5]];
        assert_eq!(whitened(frozen.as_view(), &UNITS, &orders).unwrap(), frozen);

        let inputs = MOST_INPUTS + 1;
        let wide = DMatrix::from_fn(inputs, 6, |row, column| {
            ((row + 1) * ((column * column) % 5)) as f32
        });
        let layout = [Tensor { outputs: 1, inputs }];
        let white = whitened(wide.as_view(), &layout, &orders).unwrap();
        let change = |row: usize| (white[(row, 1)] - white[(row, 0)]).abs();
        assert!((change(inputs / 2) / change(inputs - 1) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_layout_of_other_models_and_leaves_that_are_not_there_are_refused() {
        let (points, orders) = jittery();
        let view = points.as_view();
        assert!(whitened(view, &[Tensor::of_shape(&[3, 2])], &orders).is_err());
        assert!(whitened(view, &UNITS, &[vec![40]]).is_err());
        let huge = Tensor {
            outputs: usize::MAX,
            inputs: 2,
        };
        assert!(whitened(view, &[huge], &orders).is_err());
    }

    #[test]
    fn shapes_become_outputs_and_inputs() {
        let of = |shape: &[usize]| {
            let tensor = Tensor::of_shape(shape);
            (tensor.outputs, tensor.inputs)
        };
        assert_eq!(of(&[10, 196]), (10, 196));
        assert_eq!(of(&[8, 16, 3, 3]), (8, 144));
        assert_eq!(of(&[10]), (10, 1));
        assert_eq!(of(&[]), (1, 1));
    }
}
