//! The two networks in tensor operations, M models at once.
//!
//! M is the first dimension of every tensor, and every product is a batched matrix product over
//! it. B is the number of images a model.

use super::table::{CELLS, POOL, TAPS};
use crate::Architecture;
use burn::tensor::activation::{leaky_relu, sigmoid};
use burn::tensor::{Tensor, s};

/// Slope of the leaky ReLU below zero.
const LEAK: f64 = 0.01;
/// Channels after the first and after the second convolution.
const CHANNELS: [usize; 2] = [16, 8];

/// The three weight matrices of M models, each [M, outputs, inputs].
pub(super) type Matrices = [Tensor<3>; 3];

/// Cuts [M, parameters], as a population stores it, into matrices.
pub(super) fn split(architecture: Architecture, columns: &Tensor<2>) -> Matrices {
    let [models, _] = columns.dims();
    let layout = architecture.layout();
    let mut start = 0;
    std::array::from_fn(|index| {
        let parameters = layout[index].parameters();
        let outputs = layout[index].shape[0];
        let own = columns.clone().narrow(1, start, parameters);
        start += parameters;
        own.reshape([models, outputs, parameters / outputs])
    })
}

/// Undoes [`split`].
pub(super) fn join(matrices: Matrices) -> Tensor<2> {
    Tensor::cat(matrices.map(|matrix| matrix.flatten(1, 2)).into(), 1)
}

/// Outputs [M, B, classes] for inputs [M, B, _], or [1, B, _] when all models see the same.
pub(super) fn outputs(
    architecture: Architecture,
    weights: &Matrices,
    inputs: Tensor<3>,
) -> Tensor<3> {
    match architecture {
        Architecture::Mlp => mlp(weights, inputs),
        Architecture::Cnn => cnn(weights, inputs),
    }
}

fn mlp([fc1, fc2, fc3]: &Matrices, pixels: Tensor<3>) -> Tensor<3> {
    let hidden = sigmoid(pixels.matmul(fc1.clone().transpose()));
    let hidden = sigmoid(hidden.matmul(fc2.clone().transpose()));
    hidden.matmul(fc3.clone().transpose())
}

fn cnn([conv1, conv2, fc]: &Matrices, patches: Tensor<3>) -> Tensor<3> {
    let [models, ..] = conv1.dims();
    let [own, images, _] = patches.dims();
    let [first, second] = CHANNELS;

    let kernel = conv1.clone().transpose();
    let cells = max_pool(|output| {
        let seen = patches
            .clone()
            .narrow(2, output * CELLS * TAPS, CELLS * TAPS);
        seen.reshape([own, images * CELLS, TAPS])
            .matmul(kernel.clone())
    });
    let cells = leaky_relu(cells, LEAK).reshape([models, images, 3, 3, first]);

    // With stride 2 and padding 1, each of the 2x2 outputs sees one 2x2 corner of the 3x3 cells,
    // through the opposite 2x2 corner of the kernel; its other taps lie on the padding.
    let kernel = conv2
        .clone()
        .reshape([models, second, first, 3, 3])
        .permute([0, 3, 4, 2, 1]);
    let pooled = max_pool(|output| {
        let (row, column) = (output / 2, output % 2);
        let seen = cells
            .clone()
            .slice(s![.., .., row..row + 2, column..column + 2]);
        let taps = kernel
            .clone()
            .slice(s![.., 1 - row..3 - row, 1 - column..3 - column]);
        let seen = seen.reshape([models, images, POOL * first]);
        seen.matmul(taps.reshape([models, POOL * first, second]))
    });
    leaky_relu(pooled, LEAK).matmul(fc.clone().transpose())
}

/// The largest of the [`POOL`] outputs of a convolution. As a tournament of pairs: on a CPU it is
/// twice as fast as one maximum over a dimension, whose gradient is scattered element by element.
fn max_pool(output: impl Fn(usize) -> Tensor<3>) -> Tensor<3> {
    let [a, b, c, d] = std::array::from_fn::<_, POOL, _>(output);
    a.max_pair(b).max_pair(c.max_pair(d))
}
