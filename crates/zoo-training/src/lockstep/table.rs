//! Images on a device, as the first layer wants them.

use crate::dataset::{CLASSES, Images, PIXELS, SIDE};
use crate::{Architecture, Inputs, Recipe};
use burn::tensor::{Device, Tensor, TensorData};

/// Outputs of a convolution that one cell of a 2x2 max-pool compares.
pub(super) const POOL: usize = 4;
/// Cells that the first max-pool leaves: 3x3. It drops the last row and column of its 7x7 inputs.
pub(super) const CELLS: usize = 9;
/// Taps of a 3x3 kernel.
pub(super) const TAPS: usize = 9;

/// Images and their one-hot labels, one image a row.
pub(super) struct Table {
    /// [images, 196], or [images, [`POOL`] · [`CELLS`] · [`TAPS`]] for the CNN.
    pub(super) inputs: Tensor<2>,
    /// [images, classes].
    pub(super) targets: Tensor<2>,
}

impl Table {
    pub(super) fn new(recipe: &Recipe, images: &Images, device: &Device) -> Self {
        let Inputs {
            mean,
            standard_deviation,
        } = recipe.inputs;
        let seen = |&pixel: &u8| (grey(pixel) - mean) / standard_deviation;
        let inputs: Vec<f32> = match recipe.architecture {
            Architecture::Mlp => images.pixels.iter().map(seen).collect(),
            Architecture::Cnn => images
                .pixels
                .chunks_exact(PIXELS)
                .flat_map(patches)
                .collect(),
        };
        let mut targets = vec![0.0; images.len() * CLASSES];
        for (row, &label) in targets.chunks_exact_mut(CLASSES).zip(&images.labels) {
            row[usize::from(label)] = 1.0;
        }
        let rows = |values: Vec<f32>| {
            let shape = [images.len(), values.len() / images.len()];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Self {
            inputs: rows(inputs),
            targets: rows(targets),
        }
    }

    /// Number of images.
    pub(super) fn len(&self) -> usize {
        self.inputs.dims()[0]
    }
}

fn grey(pixel: u8) -> f32 {
    f32::from(pixel) / 255.0
}

/// What each output of the first convolution sees, without the outputs that the pool drops. No
/// gradient flows into an image, so it is unfolded once and not at every step.
fn patches(image: &[u8]) -> impl Iterator<Item = f32> {
    // Outputs that the pool keeps lie far enough from the lower right border to need no padding.
    let padded = |row: usize, column: usize| match (row.checked_sub(1), column.checked_sub(1)) {
        (Some(row), Some(column)) => grey(image[row * SIDE + column]),
        _ => 0.0,
    };
    (0..POOL).flat_map(move |output| {
        (0..CELLS).flat_map(move |cell| {
            let row = 2 * (2 * (cell / 3) + output / 2);
            let column = 2 * (2 * (cell % 3) + output % 2);
            (0..TAPS).map(move |tap| padded(row + tap / 3, column + tap % 3))
        })
    })
}
