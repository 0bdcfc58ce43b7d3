//! The MLP, 196 → 10 → 10 → 10: pixels, or units, in lanes.
//!
//! A chunk of images goes through layer by layer, so that the images' chains of arithmetic
//! overlap. The small layers are kept twice, by input and by output unit, so that neither
//! direction needs a sum across lanes; both copies see the same arithmetic and stay equal.
#![allow(
    clippy::needless_range_loop,
    reason = "one index walks through several arrays at once"
)]

use super::network::{Chunk, Image, Network, ROWS, output_errors};
use super::sgd::Sgd;
use super::sigmoid::sigmoid;
use super::simd::{Block, LANES, Simd};
use crate::Inputs;
use crate::dataset::PIXELS;
use std::array::{from_mut, from_ref};

/// Units of a layer.
const UNITS: usize = 10;
/// Most images that go through together.
const CHUNK: usize = 16;
/// Images, or rows of weights, that share what is loaded for them.
const PAIR: usize = 2;
/// Lanes that hold a unit.
const UNIT_LANES: Block = {
    let mut lanes = [0.0; LANES];
    let mut unit = 0;
    while unit < UNITS {
        lanes[unit] = 1.0;
        unit += 1;
    }
    Block(lanes)
};

/// A vector for each unit.
type Vectors = [Block; UNITS];

/// A 10x10 layer.
#[derive(Clone, Default)]
struct Square {
    by_input: Weights,
    by_output: Weights,
}

/// Ten vectors of weights, each with its velocity.
#[derive(Clone, Default)]
struct Weights {
    weight: Vectors,
    velocity: Vectors,
}

/// What a batch of several chunks keeps from one to the next: gradients so far, by input and by output.
/// Apart from the weights, so that a batch of one chunk has more of the nearest cache.
#[derive(Clone, Default)]
struct Gradients {
    first: [Vectors; ROWS],
    second: [Vectors; 2],
    third: [Vectors; 2],
}

/// Weights, velocities, and one chunk's activations and errors.
#[derive(Clone)]
pub(super) struct Mlp {
    /// By row of sixteen pixels.
    first: [Weights; ROWS],
    second: Square,
    third: Square,
    gradients: Box<Gradients>,
    /// What is taken from each grey value; 0 in the lanes that hold no pixel.
    centre: [Block; ROWS],
    /// What grey values are multiplied by after that.
    grey: f32,
    pixels: [[Block; CHUNK]; ROWS],
    hidden: [[Block; CHUNK]; 2],
    outputs: [Block; CHUNK],
    errors: [[Block; CHUNK]; 3],
}

impl Default for Mlp {
    fn default() -> Self {
        let images = [Block::default(); CHUNK];
        Self {
            first: Default::default(),
            second: Square::default(),
            third: Square::default(),
            gradients: Default::default(),
            centre: Default::default(),
            grey: 0.0,
            pixels: [images; ROWS],
            hidden: [images; 2],
            outputs: images,
            errors: [images; 3],
        }
    }
}

/// Σᵢ activation\[i\] · weights\[i\], over ten units i.
#[inline(always)]
fn combine<S: Simd>(s: S, activation: &Block, weights: &Vectors) -> S::Vector {
    let mut sum = s.splat(0.0);
    for (&activation, weights) in activation.0.iter().zip(weights) {
        sum = s.mul_add(s.splat(activation), s.load(weights), sum);
    }
    sum
}

/// σ′ times what flows back, where `activation` = σ(…).
#[inline(always)]
fn through_sigmoid<S: Simd>(s: S, error: S::Vector, activation: S::Vector) -> S::Vector {
    s.mul(error, s.mul(activation, s.sub(s.splat(1.0), activation)))
}

/// Adds Σ scalar\[i\] ⊗ vector over the chunk's images to each of `N` gradients, which share the
/// scalars, then steps if the batch is complete.
#[inline(always)]
fn learn<S: Simd, const N: usize>(
    s: S,
    sgd: &Sgd<S>,
    chunk: Chunk<'_>,
    scalars: &[Block; CHUNK],
    vectors: &[[Block; CHUNK]; N],
    weights: &mut [Weights; N],
    so_far: &mut [Vectors; N],
) {
    let mut gradients = [[s.splat(0.0); UNITS]; N];
    if !chunk.first {
        for row in 0..N {
            for unit in 0..UNITS {
                gradients[row][unit] = s.load(&so_far[row][unit]);
            }
        }
    }
    for b in 0..chunk.indices.len() {
        for unit in 0..UNITS {
            let scalar = s.splat(scalars[b].0[unit]);
            for row in 0..N {
                let vector = s.load(&vectors[row][b]);
                gradients[row][unit] = s.mul_add(scalar, vector, gradients[row][unit]);
            }
        }
    }
    for ((weights, so_far), gradients) in weights.iter_mut().zip(so_far).zip(gradients) {
        for unit in 0..UNITS {
            if chunk.last {
                sgd.step(
                    s,
                    gradients[unit],
                    &mut weights.weight[unit],
                    &mut weights.velocity[unit],
                );
            } else {
                s.store(gradients[unit], &mut so_far[unit]);
            }
        }
    }
}

impl Square {
    #[inline(always)]
    fn learn<S: Simd>(
        &mut self,
        s: S,
        sgd: &Sgd<S>,
        chunk: Chunk<'_>,
        inputs: &[Block; CHUNK],
        errors: &[Block; CHUNK],
        [by_input, by_output]: &mut [Vectors; 2],
    ) {
        let (weights, so_far) = (from_mut(&mut self.by_input), from_mut(by_input));
        learn(s, sgd, chunk, inputs, from_ref(errors), weights, so_far);
        let (weights, so_far) = (from_mut(&mut self.by_output), from_mut(by_output));
        learn(s, sgd, chunk, errors, from_ref(inputs), weights, so_far);
    }

    /// Both copies of a row-major 10x10 matrix (output, input).
    fn load(matrix: &[f32], pick: impl Fn(&mut Weights) -> &mut Vectors, to: &mut Self) {
        for output in 0..UNITS {
            for input in 0..UNITS {
                let value = matrix[output * UNITS + input];
                pick(&mut to.by_input)[input].0[output] = value;
                pick(&mut to.by_output)[output].0[input] = value;
            }
        }
    }
}

fn save_square(rows: &Vectors, matrix: &mut [f32]) {
    for (row, values) in rows.iter().zip(matrix.chunks_exact_mut(UNITS)) {
        values.copy_from_slice(&row.0[..UNITS]);
    }
}

impl Mlp {
    #[inline(always)]
    fn forward<S: Simd>(&mut self, s: S, images: &[Image], chunk: Chunk<'_>) {
        let n = chunk.indices.len();
        for (b, &image) in chunk.indices.iter().enumerate() {
            for (row, bytes) in images[image as usize].0.iter().enumerate() {
                let centred = s.sub(s.widen(bytes), s.load(&self.centre[row]));
                s.store(centred, &mut self.pixels[row][b]);
            }
        }
        for pair in (0..n).step_by(PAIR) {
            for &image in chunk.next.iter().skip(pair).take(PAIR) {
                s.prefetch(&images[image as usize]);
            }
            let mut sums = [[s.splat(0.0); LANES]; PAIR];
            for (first, pixels) in self.first.iter().zip(&self.pixels) {
                for unit in 0..UNITS {
                    let weight = s.load(&first.weight[unit]);
                    for b in 0..PAIR {
                        let pixels = s.load(&pixels[pair + b]);
                        sums[b][unit] = s.mul_add(pixels, weight, sums[b][unit]);
                    }
                }
            }
            for b in 0..PAIR {
                s.store(s.sum_each(sums[b]), &mut self.hidden[0][pair + b]);
            }
        }
        let grey = s.splat(self.grey);
        let units = s.load(&UNIT_LANES);
        for hidden in &mut self.hidden[0][..n] {
            let activation = sigmoid(s, s.mul(s.load(hidden), grey));
            s.store(s.mul(activation, units), hidden);
        }
        for b in 0..n {
            let sum = combine(s, &self.hidden[0][b], &self.second.by_input.weight);
            s.store(sum, &mut self.hidden[1][b]);
        }
        for hidden in &mut self.hidden[1][..n] {
            s.store(s.mul(sigmoid(s, s.load(hidden)), units), hidden);
        }
        for b in 0..n {
            let sum = combine(s, &self.hidden[1][b], &self.third.by_input.weight);
            s.store(sum, &mut self.outputs[b]);
        }
    }

    #[inline(always)]
    fn backward<S: Simd>(&mut self, s: S, sgd: &Sgd<S>, chunk: Chunk<'_>, n: usize) {
        for b in 0..n {
            let error = combine(s, &self.errors[2][b], &self.third.by_output.weight);
            let error = through_sigmoid(s, error, s.load(&self.hidden[1][b]));
            s.store(error, &mut self.errors[1][b]);
        }
        let grey = s.splat(self.grey);
        for b in 0..n {
            let error = combine(s, &self.errors[1][b], &self.second.by_output.weight);
            let error = through_sigmoid(s, error, s.load(&self.hidden[0][b]));
            s.store(s.mul(error, grey), &mut self.errors[0][b]);
        }
        let Gradients {
            first,
            second,
            third,
        } = &mut *self.gradients;
        let [_, after_second, at_outputs] = &self.errors;
        self.third
            .learn(s, sgd, chunk, &self.hidden[1], at_outputs, third);
        self.second
            .learn(s, sgd, chunk, &self.hidden[0], after_second, second);
        let errors = &self.errors[0];
        let (pairs, last) = self.first.as_chunks_mut::<PAIR>();
        let (pixels, last_pixels) = self.pixels.as_chunks::<PAIR>();
        let (so_far, last_so_far) = first.as_chunks_mut::<PAIR>();
        for ((weights, pixels), so_far) in pairs.iter_mut().zip(pixels).zip(so_far) {
            learn(s, sgd, chunk, errors, pixels, weights, so_far);
        }
        for ((weights, pixels), so_far) in last.iter_mut().zip(last_pixels).zip(last_so_far) {
            let (weights, so_far) = (from_mut(weights), from_mut(so_far));
            learn(s, sgd, chunk, errors, from_ref(pixels), weights, so_far);
        }
    }
}

impl Network for Mlp {
    const CHUNK: usize = CHUNK;

    fn arrange(pixels: &[u8]) -> Image {
        let mut image = Image::default();
        image.0.as_flattened_mut()[..PIXELS].copy_from_slice(pixels);
        image
    }

    fn load(&mut self, inputs: Inputs, weights: &[f32], velocity: &[f32]) {
        *self = Self::default();
        self.grey = 1.0 / (255.0 * inputs.standard_deviation);
        for pixel in 0..PIXELS {
            let (row, lane) = (pixel / LANES, pixel % LANES);
            self.centre[row].0[lane] = 255.0 * inputs.mean;
            for unit in 0..UNITS {
                self.first[row].weight[unit].0[lane] = weights[unit * PIXELS + pixel];
                self.first[row].velocity[unit].0[lane] = velocity[unit * PIXELS + pixel];
            }
        }
        let (second, third) = (UNITS * PIXELS, UNITS * PIXELS + UNITS * UNITS);
        for (start, square) in [(second, &mut self.second), (third, &mut self.third)] {
            Square::load(&weights[start..], |weights| &mut weights.weight, square);
            Square::load(&velocity[start..], |weights| &mut weights.velocity, square);
        }
    }

    fn save(&self, weights: &mut [f32], velocity: &mut [f32]) {
        for pixel in 0..PIXELS {
            for unit in 0..UNITS {
                let (row, lane) = (pixel / LANES, pixel % LANES);
                weights[unit * PIXELS + pixel] = self.first[row].weight[unit].0[lane];
                velocity[unit * PIXELS + pixel] = self.first[row].velocity[unit].0[lane];
            }
        }
        let (second, third) = (UNITS * PIXELS, UNITS * PIXELS + UNITS * UNITS);
        for (start, square) in [(second, &self.second), (third, &self.third)] {
            let end = start + UNITS * UNITS;
            save_square(&square.by_output.weight, &mut weights[start..end]);
            save_square(&square.by_output.velocity, &mut velocity[start..end]);
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
        let loss = output_errors(s, &self.outputs[..n], labels, chunk, &mut self.errors[2]);
        self.backward(s, sgd, chunk, n);
        loss
    }
}
