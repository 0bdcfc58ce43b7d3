//! The CNN: channels in lanes.
//!
//! Max-pooling makes the backward pass sparse: of each 2x2 window only the winner carries a
//! gradient, so each channel needs one of four positions, which it looks up. The first
//! convolution's seventh row and column never reach a pool, and half of the second's taps fall
//! on padding: neither is computed.
#![allow(
    clippy::needless_range_loop,
    reason = "one index walks through several arrays at once"
)]

use super::network::{Chunk, Image, Network, ROWS, output_errors};
use super::sgd::Sgd;
use super::simd::{Block, LANES, Simd};
use crate::Inputs;
use crate::dataset::{CLASSES, SIDE};

/// Channels of the first convolution.
const FIRST: usize = 16;
/// Channels of the second convolution.
const SECOND: usize = 8;
/// Weights of a kernel.
const TAPS: usize = 9;
/// Side of the first pool's output.
const POOLED: usize = 3;
/// Images that go through together.
const CHUNK: usize = 4;
/// Slope of the leaky ReLU below zero.
const LEAK: f32 = 0.01;
/// From one pooled pixel, or tap, to its right, lower and lower right neighbour.
const NEIGHBOURS: [usize; 4] = [0, 1, POOLED, POOLED + 1];

/// Vectors of weights, each with its velocity and its gradient.
#[derive(Clone)]
struct Weights<const N: usize> {
    weight: [Block; N],
    velocity: [Block; N],
    gradient: [Block; N],
}

impl<const N: usize> Default for Weights<N> {
    fn default() -> Self {
        let zero = [Block::default(); N];
        Self {
            weight: zero,
            velocity: zero,
            gradient: zero,
        }
    }
}

impl<const N: usize> Weights<N> {
    /// Steps, and starts the next gradient at zero.
    #[inline(always)]
    fn step<S: Simd>(&mut self, s: S, sgd: &Sgd<S>) {
        for n in 0..N {
            sgd.step(
                s,
                s.load(&self.gradient[n]),
                &mut self.weight[n],
                &mut self.velocity[n],
            );
            s.store(s.splat(0.0), &mut self.gradient[n]);
        }
    }
}

/// What one image leaves behind on its way forward.
#[derive(Clone, Copy, Default)]
struct Activations {
    /// Pixels, with a row and a column of padding before them.
    pixels: [Block; ROWS],
    /// After the first pool and leaky ReLU: pixel by pixel, channels in lanes.
    first: [Block; POOLED * POOLED],
    /// Where each channel found its maximum: 16 · row + 2 · column, in the window.
    winner: [[u32; LANES]; POOLED * POOLED],
    /// After the second pool and leaky ReLU: channels in the first eight lanes.
    second: Block,
    /// Which of the four positions each channel of the second pool took.
    position: [u32; LANES],
}

/// Weights, velocities, gradients, and one chunk's activations and errors.
#[derive(Clone, Default)]
pub(super) struct Cnn {
    /// By tap; channels in lanes.
    first: Weights<TAPS>,
    /// By channel and tap; input channels in lanes.
    second: Weights<{ SECOND * TAPS }>,
    /// By input; classes in lanes.
    linear: Weights<SECOND>,
    images: [Activations; CHUNK],
    outputs: [Block; CHUNK],
    errors: [Block; CHUNK],
}

/// Leaky ReLU; keeps the sign, so that its slope can be told from its result.
#[inline(always)]
fn leaky<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    s.select(s.greater(x, s.splat(0.0)), x, s.mul(x, s.splat(LEAK)))
}

/// What flows back through the leaky ReLU that gave `activation`, times `scale`.
#[inline(always)]
fn through_leaky<S: Simd>(s: S, error: S::Vector, activation: S::Vector, scale: f32) -> S::Vector {
    let positive = s.greater(activation, s.splat(0.0));
    s.mul(
        error,
        s.select(positive, s.splat(scale), s.splat(scale * LEAK)),
    )
}

/// The first pooled pixel under the given position of the second convolution; its tap is
/// the centre minus it.
#[inline(always)]
fn corner(position: usize) -> usize {
    [0, 1, POOLED, POOLED + 1][position % 4]
}

/// First convolution, pool and leaky ReLU.
#[inline(always)]
fn first_layer<S: Simd>(s: S, weights: &[Block; TAPS], image: &mut Activations) {
    let mut weight = [s.splat(0.0); TAPS];
    for tap in 0..TAPS {
        weight[tap] = s.load(&weights[tap]);
    }
    for row in 0..POOLED {
        for column in 0..POOLED {
            let mut sums = [s.splat(0.0); 4];
            for y in 0..5 {
                for x in 0..5 {
                    let pixel = s.splat(image.pixels[4 * row + y].0[4 * column + x]);
                    for (position, sum) in sums.iter_mut().enumerate() {
                        let (tap_y, tap_x) = (
                            y.wrapping_sub(position / 2 * 2),
                            x.wrapping_sub(position % 2 * 2),
                        );
                        if tap_y < 3 && tap_x < 3 {
                            *sum = s.mul_add(pixel, weight[tap_y * 3 + tap_x], *sum);
                        }
                    }
                }
            }
            let mut best = sums[0];
            let mut winner = s.splat_index(0);
            for (position, place) in [(1, 2), (2, 16), (3, 18)] {
                let better = s.greater(sums[position], best);
                best = s.select(better, sums[position], best);
                winner = s.select_index(better, s.splat_index(place), winner);
            }
            let pooled = row * POOLED + column;
            s.store(
                leaky(s, s.mul(best, s.splat(1.0 / 255.0))),
                &mut image.first[pooled],
            );
            image.winner[pooled] = s.store_index(winner);
        }
    }
}

/// Second convolution, pool and leaky ReLU.
#[inline(always)]
fn second_layer<S: Simd>(s: S, weights: &[Block; SECOND * TAPS], image: &mut Activations) {
    let mut rows = [s.splat(0.0); 2];
    for row in 0..2 {
        let mut sums = [s.splat(0.0); LANES];
        for column in 0..2 {
            let corner = corner(row * 2 + column);
            for neighbour in NEIGHBOURS {
                let pixel = s.load(&image.first[corner + neighbour]);
                for channel in 0..SECOND {
                    let weight = s.load(&weights[channel * TAPS + 4 - corner + neighbour]);
                    let sum = &mut sums[column * SECOND + channel];
                    *sum = s.mul_add(pixel, weight, *sum);
                }
            }
        }
        rows[row] = s.sum_each(sums);
    }
    let lower = s.greater(rows[1], rows[0]);
    let best = s.select(lower, rows[1], rows[0]);
    let position = s.select_index(lower, s.splat_index(2), s.splat_index(0));
    let right = s.greater(s.swap_halves(best), best);
    let best = s.select(right, s.swap_halves(best), best);
    let right_position = s.add_index(s.swap_index_halves(position), s.splat_index(1));
    image.position = s.store_index(s.select_index(right, right_position, position));
    s.store(leaky(s, best), &mut image.second);
}

impl Cnn {
    #[inline(always)]
    fn forward<S: Simd>(&mut self, s: S, images: &[Image], chunk: Chunk<'_>) {
        for &image in chunk.next {
            s.prefetch(&images[image as usize]);
        }
        for (activations, &image) in self.images.iter_mut().zip(chunk.indices) {
            for (pixels, bytes) in activations.pixels.iter_mut().zip(&images[image as usize].0) {
                s.store(s.widen(bytes), pixels);
            }
            first_layer(s, &self.first.weight, activations);
        }
        for activations in &mut self.images[..chunk.indices.len()] {
            second_layer(s, &self.second.weight, activations);
        }
        for (activations, output) in self
            .images
            .iter()
            .zip(&mut self.outputs[..chunk.indices.len()])
        {
            let mut sum = s.splat(0.0);
            for channel in 0..SECOND {
                let input = s.splat(activations.second.0[channel]);
                sum = s.mul_add(input, s.load(&self.linear.weight[channel]), sum);
            }
            s.store(sum, output);
        }
    }

    #[inline(always)]
    fn backward<S: Simd>(&mut self, s: S, n: usize) {
        let mut first_errors = [[s.splat(0.0); POOLED * POOLED]; CHUNK];
        for b in 0..n {
            let second_error = self.linear_backward(s, b);
            first_errors[b] = self.second_backward(s, b, &second_error);
        }
        let mut gradient = [s.splat(0.0); TAPS];
        for tap in 0..TAPS {
            gradient[tap] = s.load(&self.first.gradient[tap]);
        }
        for b in 0..n {
            first_backward(s, &self.images[b], &first_errors[b], &mut gradient);
        }
        for tap in 0..TAPS {
            s.store(gradient[tap], &mut self.first.gradient[tap]);
        }
    }

    /// Gradient of the linear layer; returns the error at the second convolution's winners.
    #[inline(always)]
    fn linear_backward<S: Simd>(&mut self, s: S, b: usize) -> Block {
        let activation = &self.images[b].second;
        let error = s.load(&self.errors[b]);
        let mut products = [s.splat(0.0); LANES];
        for channel in 0..SECOND {
            let gradient = &mut self.linear.gradient[channel];
            let input = s.splat(activation.0[channel]);
            s.store(s.mul_add(input, error, s.load(gradient)), gradient);
            products[channel] = s.mul(error, s.load(&self.linear.weight[channel]));
        }
        let mut back = Block::default();
        let error = through_leaky(s, s.sum_each(products), s.load(activation), 1.0);
        s.store(error, &mut back);
        back
    }

    /// Gradient of the second convolution; returns the error at the first pool's outputs.
    #[inline(always)]
    fn second_backward<S: Simd>(
        &mut self,
        s: S,
        b: usize,
        error: &Block,
    ) -> [S::Vector; POOLED * POOLED] {
        let image = &self.images[b];
        let mut back = [Block::default(); POOLED * POOLED];
        for channel in 0..SECOND {
            let corner = corner(image.position[channel] as usize);
            let error = s.splat(error.0[channel]);
            for neighbour in NEIGHBOURS {
                let (pixel, tap) = (corner + neighbour, channel * TAPS + 4 - corner + neighbour);
                let gradient = &mut self.second.gradient[tap];
                s.store(
                    s.mul_add(error, s.load(&image.first[pixel]), s.load(gradient)),
                    gradient,
                );
                let sum = s.mul_add(
                    error,
                    s.load(&self.second.weight[tap]),
                    s.load(&back[pixel]),
                );
                s.store(sum, &mut back[pixel]);
            }
        }
        let mut errors = [s.splat(0.0); POOLED * POOLED];
        for pixel in 0..POOLED * POOLED {
            errors[pixel] = through_leaky(
                s,
                s.load(&back[pixel]),
                s.load(&image.first[pixel]),
                1.0 / 255.0,
            );
        }
        errors
    }
}

/// Gradient of the first convolution: each channel looks its winner's pixels up.
#[inline(always)]
fn first_backward<S: Simd>(
    s: S,
    image: &Activations,
    errors: &[S::Vector; POOLED * POOLED],
    gradient: &mut [S::Vector; TAPS],
) {
    for row in 0..POOLED {
        for column in 0..POOLED {
            let pooled = row * POOLED + column;
            let winner = s.load_index(&image.winner[pooled]);
            for x in 0..3 {
                let place = s.add_index(winner, s.splat_index((4 * column + x) as u32));
                for y in 0..3 {
                    let upper = s.load(&image.pixels[4 * row + y]);
                    let lower = s.load(&image.pixels[4 * row + y + 2]);
                    let pixels = s.lookup(upper, lower, place);
                    let sum = &mut gradient[y * 3 + x];
                    *sum = s.mul_add(errors[pooled], pixels, *sum);
                }
            }
        }
    }
}

impl Network for Cnn {
    const CHUNK: usize = CHUNK;

    fn arrange(pixels: &[u8]) -> Image {
        let mut image = Image::default();
        for (row, pixels) in image.0[1..].iter_mut().zip(pixels.chunks_exact(SIDE)) {
            row[1..=SIDE].copy_from_slice(pixels);
        }
        image
    }

    fn load(&mut self, _: Inputs, weights: &[f32], velocity: &[f32]) {
        *self = Self::default();
        for (place, (block, lane)) in places().enumerate() {
            self.block_mut(block).0.0[lane] = weights[place];
            self.block_mut(block).1.0[lane] = velocity[place];
        }
    }

    fn save(&self, weights: &mut [f32], velocity: &mut [f32]) {
        let mut own = self.clone();
        for (place, (block, lane)) in places().enumerate() {
            weights[place] = own.block_mut(block).0.0[lane];
            velocity[place] = own.block_mut(block).1.0[lane];
        }
    }

    #[inline(always)]
    fn outputs<S: Simd>(&mut self, s: S, images: &[Image], chunk: Chunk<'_>) -> &[Block] {
        self.forward(s, images, chunk);
        &self.outputs[..chunk.indices.len()]
    }

    #[inline(always)]
    fn learn<S: Simd>(
        &mut self,
        s: S,
        sgd: &Sgd<S>,
        images: &[Image],
        labels: &[u8],
        chunk: Chunk<'_>,
    ) -> Block {
        self.forward(s, images, chunk);
        let n = chunk.indices.len();
        let loss = output_errors(s, &self.outputs[..n], labels, chunk, &mut self.errors);
        self.backward(s, n);
        if chunk.last {
            self.first.step(s, sgd);
            self.second.step(s, sgd);
            self.linear.step(s, sgd);
        }
        loss
    }
}

/// One vector of weights.
#[derive(Clone, Copy)]
enum Place {
    First(usize),
    Second(usize),
    Linear(usize),
}

/// Vector and lane of every parameter, in the order of a checkpoint.
fn places() -> impl Iterator<Item = (Place, usize)> {
    let first =
        (0..FIRST).flat_map(|channel| (0..TAPS).map(move |tap| (Place::First(tap), channel)));
    let second = (0..SECOND).flat_map(|channel| {
        (0..FIRST).flat_map(move |input| {
            (0..TAPS).map(move |tap| (Place::Second(channel * TAPS + tap), input))
        })
    });
    let linear =
        (0..CLASSES).flat_map(|class| (0..SECOND).map(move |input| (Place::Linear(input), class)));
    first.chain(second).chain(linear)
}

impl Cnn {
    /// Weights and velocities of one vector.
    fn block_mut(&mut self, place: Place) -> (&mut Block, &mut Block) {
        match place {
            Place::First(n) => (&mut self.first.weight[n], &mut self.first.velocity[n]),
            Place::Second(n) => (&mut self.second.weight[n], &mut self.second.velocity[n]),
            Place::Linear(n) => (&mut self.linear.weight[n], &mut self.linear.velocity[n]),
        }
    }
}
