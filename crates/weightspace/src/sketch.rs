//! A few kilobytes per checkpoint that keep its distances: a seeded sparse random projection.
//!
//! # Paper and method
//!
//! A count sketch (M. Charikar, K. Chen and M. Farach-Colton, *Finding Frequent Items in Data
//! Streams*, 2002; as a feature map K. Weinberger et al., *Feature Hashing for Large Scale
//! Multitask Learning*, 2009) in blocks: 256 consecutive values of a tensor go to 256 consecutive
//! of `d` accumulators, from a random offset on and around the end, each under a random sign. It is
//! a linear map S, so S(a) − S(b) = S(a − b), and what is said of a norm holds for a distance,
//! however near a and b are.
//!
//! *Unbiased*: with h(i) the accumulator and sᵢ the sign of value i, ‖Sx‖² = Σ xᵢ² + Σ sᵢsⱼxᵢxⱼ over
//! i ≠ j with h(i) = h(j), and E sᵢsⱼ = 0. *Variance*: the products of different pairs are
//! uncorrelated, and two values share an accumulator with probability 1/d if their blocks differ
//! and 0 if not, so Var ‖Sx‖² ≤ 2 Σ xᵢ²xⱼ²/d ≤ (2/d)·‖x‖⁴.
//!
//! So the square of a distance has a relative standard error of at most √(2/d), the distance half of
//! that: 2.2 % for d = 1024, whatever the number of parameters ([`relative_error`]).
//!
//! # Determinism
//!
//! Signs and offsets are ChaCha8, keyed by (seed, tensor name), one block of ChaCha for each block
//! of values: tensors do not depend on each other nor on their order. Sums are f64 in one fixed
//! order, so the chunks in which a tensor comes do not show in any bit. Across tensors sums are
//! kept in two f64, and their order does not show either. The stream and the layout are pinned by
//! a test; should they ever change, [`VERSION`] will, and sketches of different versions do not
//! compare.
//!
//! # Limits
//!
//! Values are stored in f32, which adds an error of about 3·10⁻⁸·‖a‖ to a distance: distances below
//! 10⁻⁶·‖a‖ are increasingly noise. Per tensor, [`TensorSketch::fingerprint`] still tells equal from
//! not. Values that are not finite count as zero; they are counted, and such a sketch is refused
//! by every comparison.
//!
//! ```
//! use weightspace::sketch::{Parameters, Sketcher, distance, relative_error};
//!
//! let weights: Vec<f32> = (0..5000).map(|i| (i as f32 * 0.7).sin()).collect();
//! let moved: Vec<f32> = weights.iter().map(|w| w * 1.01).collect();
//! let sketch = |weights: &[f32]| {
//!     let mut sketcher = Sketcher::new(Parameters::default())?;
//!     let mut tensor = sketcher.tensor("layer.weight", &[50, 100]);
//!     weights.chunks(300).for_each(|chunk| tensor.feed(chunk));
//!     sketcher.add(tensor.finish())?;
//!     Ok::<_, weightspace::Error>(sketcher.finish())
//! };
//! let (a, b) = (sketch(&weights)?, sketch(&moved)?);
//! let relative = distance(&a, &b)? / a.norm();
//! assert!((relative / 0.01 - 1.0).abs() < 4.0 * relative_error(1024));
//! # Ok::<(), weightspace::Error>(())
//! ```

use std::collections::HashSet;

use crate::Error;

mod comparison;
mod kept;
mod kernel;
mod tensor;

pub use comparison::{TensorDistance, distance, matrix, tensor_distances};
pub use kept::{Grids, Parameters, Sketch, TensorSketch, VERSION, relative_error};
pub use tensor::{TensorPart, TensorSketcher};

/// Collects the tensors of one checkpoint into a [`Sketch`].
#[derive(Debug, Clone)]
pub struct Sketcher {
    parameters: Parameters,
    /// Sums over tensors, and what rounding lost of them.
    totals: Vec<(f64, f64)>,
    tensors: Vec<TensorSketch>,
    names: HashSet<String>,
}

impl Sketcher {
    /// An empty sketch.
    ///
    /// # Errors
    /// [`Error::SketchParameter`].
    pub fn new(parameters: Parameters) -> Result<Self, Error> {
        parameters.check()?;
        Ok(Self {
            parameters,
            totals: vec![(0.0, 0.0); parameters.dimensions],
            tensors: Vec::new(),
            names: HashSet::new(),
        })
    }

    /// Begins a tensor: feed it all its values, and [`add`](Self::add) it.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> TensorSketcher {
        TensorSketcher::new(name, shape, self.parameters)
    }

    /// Adds a finished tensor. In which order tensors are added changes only their order in
    /// [`Sketch::tensors`].
    ///
    /// # Errors
    /// [`Error::DuplicateTensor`]; [`Error::TensorElements`] unless it was fed as many values as
    /// its shape says.
    pub fn add(&mut self, part: TensorPart) -> Result<(), Error> {
        let TensorPart { sums, sketch } = part;
        let expected = sketch.shape.iter().try_fold(1u64, |product, &side| {
            product.checked_mul(u64::try_from(side).ok()?)
        });
        if expected != Some(sketch.elements) {
            return Err(Error::TensorElements {
                name: sketch.name,
                shape: sketch.shape,
                elements: sketch.elements,
            });
        }
        if !self.names.insert(sketch.name.clone()) {
            return Err(Error::DuplicateTensor { name: sketch.name });
        }
        for (total, &sum) in self.totals.iter_mut().zip(&sums) {
            *total = add_exactly(*total, sum);
        }
        self.tensors.push(sketch);
        Ok(())
    }

    /// The sketch of all tensors added.
    pub fn finish(self) -> Sketch {
        Sketch {
            version: VERSION,
            parameters: self.parameters,
            values: self
                .totals
                .iter()
                .map(|&(high, low)| (high + low) as f32)
                .collect(),
            tensors: self.tensors,
        }
    }
}

/// Knuth's two-sum: the rounding error of a sum is itself an f64. With it kept, the order of some
/// thousand summands moves the total by about 10⁻²⁹ of the largest, which no f32 shows.
fn add_exactly((high, low): (f64, f64), x: f64) -> (f64, f64) {
    let sum = high + x;
    let of_x = sum - high;
    let lost = (high - (sum - of_x)) + (x - of_x);
    (sum, low + lost)
}

#[cfg(test)]
mod tests;
