//! What is kept of a checkpoint, and how it is made.

use serde::{Deserialize, Serialize};

use super::kernel::BLOCK;
use crate::Error;

/// The version of streams and layout.
pub const VERSION: u32 = 1;

/// How a sketch is made. Only sketches made alike can be compared, so keep to the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// Key of all random numbers.
    pub seed: u64,
    /// Values of the sketch: a power of two from 256 to 65,536.
    pub dimensions: usize,
    /// Values of each tensor's own sketch: 0 for none, or a power of two up to `dimensions`.
    pub tensor_dimensions: usize,
}

impl Default for Parameters {
    /// 1024 dimensions (4 KB; distances to 2.2 %) and 32 per tensor (128 bytes each; to 13 %).
    fn default() -> Self {
        Self {
            seed: 0,
            dimensions: 1024,
            tensor_dimensions: 32,
        }
    }
}

/// The relative standard error, at most, of a distance from sketches of so many dimensions:
/// √(1/2d), half of that of its square.
pub fn relative_error(dimensions: usize) -> f64 {
    (0.5 / dimensions as f64).sqrt()
}

/// What is kept of one checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sketch {
    /// [`VERSION`] when it was made.
    pub version: u32,
    /// How it was made.
    pub parameters: Parameters,
    /// The projected weights, [`Parameters::dimensions`] of them.
    pub values: Vec<f32>,
    /// Every tensor, in the order in which they were added.
    pub tensors: Vec<TensorSketch>,
}

/// What is kept of one tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorSketch {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Number of values.
    pub elements: u64,
    /// Euclidean norm of the finite values, exact to f64.
    pub norm: f64,
    /// Least and largest finite value; none if there is none.
    pub range: Option<(f32, f32)>,
    /// How many values are zero.
    pub zeros: u64,
    /// How many values are NaN or infinite.
    pub non_finite: u64,
    /// How many values coarser number types hold exactly; not known of sketches of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grids: Option<Grids>,
    /// Equal for bit-identical values; different, but for a chance of about 10⁻¹⁹, for others. Not
    /// cryptographic.
    pub fingerprint: u64,
    /// The projected weights, [`Parameters::tensor_dimensions`] of them.
    pub values: Vec<f32>,
}

/// How many values of a tensor lie on the grids of coarser number types, zeros included: all of them where
/// they were rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grids {
    /// Values that bf16 holds exactly.
    pub bf16: u64,
    /// Values that f16 holds exactly.
    pub f16: u64,
}

impl Sketch {
    /// Euclidean norm of all weights, exact to f64.
    pub fn norm(&self) -> f64 {
        let squares = self.tensors.iter().map(|tensor| tensor.norm * tensor.norm);
        squares.sum::<f64>().sqrt()
    }

    /// Number of weights.
    pub fn elements(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.elements).sum()
    }
}

impl Parameters {
    pub(super) fn check(self) -> Result<(), Error> {
        let (all, each) = (self.dimensions, self.tensor_dimensions);
        if !(all.is_power_of_two() && (BLOCK..=1 << 16).contains(&all)) {
            return Err(Error::SketchParameter {
                name: "dimensions",
                value: all,
                needed: "a power of two from 256 to 65536",
            });
        }
        if each != 0 && !(each.is_power_of_two() && each <= all) {
            return Err(Error::SketchParameter {
                name: "tensor_dimensions",
                value: each,
                needed: "0, or a power of two that is at most `dimensions`",
            });
        }
        Ok(())
    }
}
