//! What the two networks have in common: images, batches, errors, one epoch, one test.

use super::sgd::Sgd;
use super::simd::{Block, Kernel, LANES, Simd};
use crate::dataset::{CLASSES, Images};
use crate::{Inputs, Metrics, Recipe};

/// Rows of sixteen bytes that hold an image.
pub(super) const ROWS: usize = 13;

/// An image, arranged and padded as its network likes it.
#[derive(Clone, Copy, Default)]
pub(super) struct Image(pub(super) [[u8; LANES]; ROWS]);

/// Images, arranged for one network.
pub(super) struct Arranged<'a> {
    images: Vec<Image>,
    labels: &'a [u8],
}

impl<'a> Arranged<'a> {
    pub(super) fn new<N: Network>(images: &'a Images) -> Self {
        Self {
            images: (0..images.len())
                .map(|index| N::arrange(images.image(index)))
                .collect(),
            labels: &images.labels,
        }
    }
}

/// Images that go through together, and where they stand in their batch.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) indices: &'a [u32],
    /// Images that come after them, for memory to send meanwhile.
    pub(super) next: &'a [u32],
    /// Whether the batch's gradient starts here.
    pub(super) first: bool,
    /// Whether the batch ends here, so that the step is due.
    pub(super) last: bool,
    /// Images of the whole batch.
    pub(super) batch: usize,
}

/// A network in the layout of its kernel, with room for one chunk's activations.
pub(super) trait Network: Default {
    /// Most images that go through together.
    const CHUNK: usize;

    fn arrange(pixels: &[u8]) -> Image;
    /// Takes a model in; nothing of the one before it stays.
    fn load(&mut self, inputs: Inputs, weights: &[f32], velocity: &[f32]);
    fn save(&self, weights: &mut [f32], velocity: &mut [f32]);

    /// The outputs of at most [`Self::CHUNK`] images, classes in lanes.
    fn outputs<S: Simd>(&mut self, s: S, images: &[Image], chunk: Chunk<'_>) -> &[Block];

    /// Learns from at most [`Self::CHUNK`] images; returns their squared errors, class by class.
    fn learn<S: Simd>(
        &mut self,
        s: S,
        sgd: &Sgd<S>,
        images: &[Image],
        labels: &[u8],
        chunk: Chunk<'_>,
    ) -> Block;
}

/// Writes the loss gradient at the outputs; returns the squared errors, class by class.
#[inline(always)]
pub(super) fn output_errors<S: Simd>(
    s: S,
    outputs: &[Block],
    labels: &[u8],
    chunk: Chunk<'_>,
    errors: &mut [Block],
) -> Block {
    let scale = s.splat(2.0 / (chunk.batch * CLASSES) as f32);
    let mut squares = s.splat(0.0);
    for ((output, &image), error) in outputs.iter().zip(chunk.indices).zip(errors) {
        let target = &ONE_HOT[usize::from(labels[image as usize]) % CLASSES];
        let difference = s.sub(s.load(output), s.load(target));
        squares = s.mul_add(difference, difference, squares);
        s.store(s.mul(difference, scale), error);
    }
    let mut loss = Block::default();
    s.store(squares, &mut loss);
    loss
}

const ONE_HOT: [Block; CLASSES] = {
    let mut targets = [Block([0.0; LANES]); CLASSES];
    let mut class = 0;
    while class < CLASSES {
        targets[class].0[class] = 1.0;
        class += 1;
    }
    targets
};

/// One epoch of one model.
pub(super) struct Epoch<'a, N> {
    pub(super) network: &'a mut N,
    pub(super) recipe: &'a Recipe,
    pub(super) data: &'a Arranged<'a>,
    pub(super) order: &'a [u32],
}

impl<N: Network> Kernel for Epoch<'_, N> {
    /// The mean loss.
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let Self {
            network,
            recipe,
            data,
            order,
        } = self;
        let sgd = Sgd::new(s, recipe);
        let mut squares = [0.0; LANES];
        let mut rest = order;
        for batch in order.chunks(recipe.batch_size) {
            let chunks = batch.len().div_ceil(N::CHUNK);
            for (number, indices) in batch.chunks(N::CHUNK).enumerate() {
                rest = &rest[indices.len()..];
                let chunk = Chunk {
                    indices,
                    next: &rest[..indices.len().min(rest.len())],
                    first: number == 0,
                    last: number + 1 == chunks,
                    batch: batch.len(),
                };
                let loss = network.learn(s, &sgd, &data.images, data.labels, chunk);
                for (sum, square) in squares.iter_mut().zip(loss.0) {
                    *sum += f64::from(square);
                }
            }
        }
        mean_loss(&squares, order.len())
    }
}

/// One model, tested.
pub(super) struct Test<'a, N> {
    pub(super) network: &'a mut N,
    pub(super) data: &'a Arranged<'a>,
}

impl<N: Network> Kernel for Test<'_, N> {
    type Output = Metrics;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Metrics {
        let Self { network, data } = self;
        let count = data.images.len();
        let indices: Vec<u32> = (0..count as u32).collect();
        let mut errors = vec![Block::default(); N::CHUNK];
        let mut squares = [0.0; LANES];
        let mut right = 0;
        for indices in indices.chunks(N::CHUNK) {
            let chunk = Chunk {
                indices,
                next: &[],
                first: true,
                last: true,
                batch: count,
            };
            let outputs = network.outputs(s, &data.images, chunk);
            let loss = output_errors(s, outputs, data.labels, chunk, &mut errors);
            for (sum, square) in squares.iter_mut().zip(loss.0) {
                *sum += f64::from(square);
            }
            for (output, &image) in outputs.iter().zip(indices) {
                right +=
                    usize::from(largest(&output.0) == usize::from(data.labels[image as usize]));
            }
        }
        Metrics {
            train_loss: f32::NAN,
            test_loss: mean_loss(&squares, count),
            test_accuracy: (right as f64 / count as f64) as f32,
        }
    }
}

fn mean_loss(squares: &[f64; LANES], images: usize) -> f32 {
    (squares.iter().sum::<f64>() / (images * CLASSES) as f64) as f32
}

/// The class of the largest output, the first of equals.
#[inline(always)]
fn largest(outputs: &[f32; LANES]) -> usize {
    let mut best = 0;
    for class in 1..CLASSES {
        if outputs[class] > outputs[best] {
            best = class;
        }
    }
    best
}
