//! Which end of an order of real weights came first, also where steps grow.
//!
//! That steps shrink is an assumption about training, and a warm-up or the first steps of Adam break
//! it. Weights say more, if they are weights and not coordinates of some other space:
//!
//! - **Spectrum.** Training adds to a matrix that it did not choose, and adds in few directions. With
//!   a the earlier end and b the later, b − βa (what a does not explain by least squares) is what was
//!   learnt; a − αb is a mixture of the start and of that, with a flatter spectrum. Decay, which
//!   scales a, changes neither. This is how regression tells cause from effect where the cause has
//!   more structure than chance gives it (as in Shimizu et al. 2006, with another measure).
//! - **Norm.** What is added is mostly orthogonal to a random start, so that norms grow, unless weight
//!   decay outweighs it.
//!
//! The weights of the three sources are fitted; see docs/order.md.

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

use super::direction::{self, DIRECTION_CONFIDENCE, Directed, Evidence};
use crate::Error;
use crate::whitening::Tensor;

/// Log-odds per standard deviation of the trend of step lengths, and of a norm that only grows.
const WITH_SPECTRA: [f64; 2] = [0.85, 1.6];
/// The same where there are no spectra.
const WITHOUT_SPECTRA: [f64; 2] = [0.7, 2.6];
/// Log-odds of the most that spectra can say.
const SPECTRUM: f64 = 4.1;
/// How soon they say it: per unit of ln(concentration).
const STEEPNESS: f64 = 5.0;
/// What other runs may change of what a norm says: their errors are not independent, since all may
/// have warmed up.
const MOST_OF_OTHERS: f64 = 2.0;
/// Fewer leaves are never given a direction: nothing was fitted to so few.
const FEWEST: usize = 4;
/// Output units of a tensor that are looked at, evenly spread.
const MOST_UNITS: usize = 256;

/// Directs every order of weights: turns it so that its likelier start stands first, and says how
/// sure that is.
///
/// `points` has shape (parameters, checkpoints), and `layout` lists the tensors that make up a
/// column. It may be empty where points are not weights but keep their norms and distances, as
/// sketches do; spectra say nothing then, steps 0.7·z, and norms 2.6·τ. In other spaces use
/// [`direct`](super::direct).
///
/// Log-odds are 0.85·z + 4.1·tanh(5·s) + n·τ. z is the Mann–Kendall statistic of shrinking steps in
/// standard deviations. s is the mean over all tensors, each weighted by its squared change between
/// the ends, of the difference of ln(Σσ⁴ ÷ (Σσ²)²) between the two residuals, σ the singular values; 0
/// for vectors. τ is Kendall's of the norm, and n is 1.6 plus what the other runs say of it: as in
/// [`direct`](super::direct), with the two other sources in place of the steps, at most 2 either way.
///
/// Orders of less than four leaves stay undirected. Of a tensor at most 256 output units count, so
/// that an order costs O(256² · inputs) a tensor beside O(checkpoints · parameters).
///
/// # Errors
///
/// A layout with another number of parameters than the points, an order that names a leaf that does
/// not exist, or one that passes through a weight that is not finite.
pub fn direct_weights(
    points: DMatrixView<'_, f32>,
    layout: &[Tensor],
    orders: &[impl AsRef<[u32]> + Sync],
) -> Result<Vec<Directed>, Error> {
    let parameters = layout.iter().fold(0usize, |sum, tensor| {
        sum.saturating_add(tensor.outputs.saturating_mul(tensor.inputs))
    });
    if !layout.is_empty() && parameters != points.nrows() {
        return Err(Error::LengthMismatch {
            left: "the layout",
            left_length: parameters,
            right: "a point",
            right_length: points.nrows(),
        });
    }
    for order in orders {
        direction::check(points, order.as_ref())?;
    }
    let [steps, growth] = match layout.is_empty() {
        true => WITHOUT_SPECTRA,
        false => WITH_SPECTRA,
    };
    let evidence: Vec<Evidence> = orders
        .par_iter()
        .map(|order| {
            let order = order.as_ref();
            let (deviations, norm) = direction::trends(points, order);
            let ends = order.first().zip(order.last());
            let spectrum = ends.map_or(0.0, |(&first, &last)| {
                let column = |leaf: u32| points.column(leaf as usize).data.into_slice();
                spectrum(layout, column(first), column(last))
            });
            Evidence {
                steps: steps * deviations + SPECTRUM * (STEEPNESS * spectrum).tanh(),
                norm,
            }
        })
        .collect();
    let others = direction::clocks(&evidence);
    let directed = orders.iter().zip(&evidence).zip(others);
    let directed = directed.map(|((order, own), others)| {
        let order = order.as_ref();
        let others = others.clamp(-MOST_OF_OTHERS, MOST_OF_OTHERS);
        let mut odds = own.steps + (growth + others) * own.norm;
        if order.len() < FEWEST {
            let limit = (0.99 * DIRECTION_CONFIDENCE / (1.0 - 0.99 * DIRECTION_CONFIDENCE)).ln();
            odds = odds.clamp(-limit, limit);
        }
        direction::directed(order, odds)
    });
    Ok(directed.collect())
}

/// How much more concentrated the spectra are of what the last end has beyond the first than the
/// other way round. Changes its sign when the ends change places.
fn spectrum(layout: &[Tensor], first: &[f32], last: &[f32]) -> f64 {
    let (mut start, mut sum, mut moved) = (0, 0.0, 0.0);
    for &tensor in layout {
        let end = start + tensor.outputs * tensor.inputs;
        let (a, b) = (&first[start..end], &last[start..end]);
        start = end;
        let change = std::iter::zip(a, b).map(|(&a, &b)| (f64::from(b) - f64::from(a)).powi(2));
        let change: f64 = change.sum();
        moved += change;
        let difference = (change > 0.0).then(|| difference(tensor, a, b)).flatten();
        sum += change * difference.unwrap_or(0.0);
    }
    if moved > 0.0 { sum / moved } else { 0.0 }
}

/// None for vectors, and where one end is all zeros or explains the other.
fn difference(tensor: Tensor, a: &[f32], b: &[f32]) -> Option<f64> {
    if tensor.outputs < 2 || tensor.inputs < 2 {
        return None;
    }
    let units = tensor.outputs.min(MOST_UNITS);
    let unit = |row: usize| row * tensor.outputs / units * tensor.inputs;
    // One unit a column: singular values do not depend on which side is which.
    let matrix = |values: &[f32]| {
        DMatrix::from_fn(tensor.inputs, units, |input, row| {
            f64::from(values[unit(row) + input])
        })
    };
    let (a, b) = (matrix(a), matrix(b));
    let (both, aa, bb) = (a.dot(&b), a.norm_squared(), b.norm_squared());
    if aa == 0.0 || bb == 0.0 {
        return None;
    }
    let learnt = concentration(&(&b - &a * (both / aa)))?;
    let backwards = concentration(&(&a - &b * (both / bb)))?;
    Some(learnt - backwards)
}

/// ln(Σσ⁴ ÷ (Σσ²)²) of the singular values: 0 for rank one, −ln r for r equal ones.
fn concentration(matrix: &DMatrix<f64>) -> Option<f64> {
    let gram = if matrix.nrows() < matrix.ncols() {
        matrix * matrix.transpose()
    } else {
        matrix.tr_mul(matrix)
    };
    let energy = gram.trace();
    let share = gram.norm_squared() / (energy * energy);
    (share.is_finite() && share > 0.0).then(|| share.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_singular_values_are_as_concentrated_as_there_are_few() {
        let identity = DMatrix::<f64>::identity(5, 5);
        let found = concentration(&identity).unwrap_or(f64::NAN);
        assert!((found + 5.0_f64.ln()).abs() < 1e-12);
        let wide = DMatrix::from_fn(3, 9, |i, j| if i == j { 2.0 } else { 0.0 });
        let found = concentration(&wide).unwrap_or(f64::NAN);
        assert!((found + 3.0_f64.ln()).abs() < 1e-12);
        assert_eq!(concentration(&DMatrix::zeros(3, 3)), None);
    }
}
