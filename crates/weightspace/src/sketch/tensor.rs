//! One tensor's part of a sketch, fed chunk by chunk.

use pulp::Arch;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::kept::{Parameters, TensorSketch};
use super::kernel::{AddBlock, BLOCK, SIGN_WORDS, Tally};

/// Words of the ChaCha stream per block: its signs, its offset, and the rest unused, so that a
/// block of values uses exactly one block of ChaCha.
const WORDS: usize = 16;

/// The stream that signs and offsets are drawn from.
const PROJECTION: u64 = 0;
/// The stream that folds a tensor's sums into its own small sketch.
const FOLDING: u64 = 1;

/// Takes one tensor's values in order, cut into chunks at will.
///
/// Made by [`Sketcher::tensor`](super::Sketcher::tensor), given back by
/// [`Sketcher::add`](super::Sketcher::add). Tensors know nothing of each other, so they may be fed
/// on different threads. Holds 8·(dimensions + 256) bytes.
#[derive(Debug, Clone)]
pub struct TensorSketcher {
    name: String,
    shape: Vec<usize>,
    parameters: Parameters,
    random: ChaCha8Rng,
    arch: Arch,
    words: [u32; WORDS],
    /// Accumulators; the last [`BLOCK`] wrap around to the first.
    sums: Vec<f64>,
    tally: Tally,
    elements: u64,
}

/// What [`TensorSketcher::finish`] hands back.
#[derive(Debug, Clone)]
pub struct TensorPart {
    pub(super) sums: Vec<f64>,
    pub(super) sketch: TensorSketch,
}

impl TensorSketcher {
    pub(super) fn new(name: &str, shape: &[usize], parameters: Parameters) -> Self {
        Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
            parameters,
            random: stream(parameters.seed, name),
            arch: Arch::new(),
            words: [0; WORDS],
            sums: vec![0.0; parameters.dimensions + BLOCK],
            tally: Tally::new(),
            elements: 0,
        }
    }

    /// The next values of the tensor.
    ///
    /// About a nanosecond per value when chunks are multiples of 256 values; odd ends cost
    /// some nanoseconds per value.
    pub fn feed(&mut self, mut chunk: &[f32]) {
        let place = (self.elements % BLOCK as u64) as usize;
        if place > 0 {
            let (head, rest) = chunk.split_at(chunk.len().min(BLOCK - place));
            self.feed_slowly(place, head);
            chunk = rest;
        }
        let (blocks, rest) = chunk.as_chunks::<BLOCK>();
        for values in blocks {
            self.next_block();
            let offset = self.offset();
            let signs = self.words.first_chunk::<SIGN_WORDS>();
            let sums = self.sums[offset..].first_chunk_mut::<BLOCK>();
            if let (Some(signs), Some(sums)) = (signs, sums) {
                let tally = &mut self.tally;
                AddBlock {
                    tally,
                    sums,
                    signs,
                    values,
                }
                .run(self.arch);
            }
        }
        self.elements += (blocks.len() * BLOCK) as u64;
        if !rest.is_empty() {
            self.next_block();
            self.feed_slowly(0, rest);
        }
    }

    /// Values of one block only, from `place` in it on.
    fn feed_slowly(&mut self, place: usize, values: &[f32]) {
        let offset = self.offset();
        let sums = &mut self.sums[offset..offset + BLOCK];
        for (place, &value) in (place..).zip(values) {
            self.tally.add_one(sums, &self.words, place, value);
        }
        self.elements += values.len() as u64;
    }

    fn next_block(&mut self) {
        self.words.fill_with(|| self.random.next_u32());
    }

    /// The block's offset: uniform below the dimension, which is a power of two.
    fn offset(&self) -> usize {
        self.words[SIGN_WORDS] as usize % self.parameters.dimensions
    }

    /// Number of values fed so far.
    pub fn elements(&self) -> u64 {
        self.elements
    }

    /// Ends the tensor.
    pub fn finish(mut self) -> TensorPart {
        let dimensions = self.parameters.dimensions;
        let (sums, wrapped) = self.sums.split_at_mut(dimensions);
        for (sum, wrapped) in sums.iter_mut().zip(wrapped) {
            *sum += *wrapped;
        }
        self.sums.truncate(dimensions);
        let tally = &self.tally;
        let sketch = TensorSketch {
            norm: tally.square().sqrt(),
            range: tally.range(),
            zeros: tally.zeros,
            non_finite: tally.non_finite,
            grids: Some(tally.grids),
            fingerprint: tally.fingerprint(self.elements),
            values: self.folded(),
            name: self.name,
            shape: self.shape,
            elements: self.elements,
        };
        TensorPart {
            sums: self.sums,
            sketch,
        }
    }

    /// The tensor's own sketch: every accumulator goes to a random one of `tensor_dimensions`.
    fn folded(&self) -> Vec<f32> {
        let mut folded = vec![0.0f64; self.parameters.tensor_dimensions];
        if !folded.is_empty() {
            let mut random = stream(self.parameters.seed, &self.name);
            random.set_stream(FOLDING);
            for &sum in &self.sums {
                let place = random.next_u32() as usize % folded.len();
                folded[place] += sum;
            }
        }
        folded.into_iter().map(|sum| sum as f32).collect()
    }
}

/// ChaCha8 keyed by the seed, the name and what it is for. It must never change: sketches are kept
/// after the weights are gone.
fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..24].copy_from_slice(&name_hash(name).to_le_bytes());
    key[24..].copy_from_slice(b"sketch-1");
    let mut random = ChaCha8Rng::from_seed(key);
    random.set_stream(PROJECTION);
    random
}

/// FNV-1a in 128 bits (Fowler, Noll and Vo).
fn name_hash(name: &str) -> u128 {
    name.bytes()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_name_is_the_published_one() {
        // Test vectors of the FNV reference code.
        assert_eq!(name_hash(""), 0x6c62272e07bb014262b821756295c58d);
        assert_eq!(name_hash("a"), 0xd228cb696f1a8caf78912b704e4a8964);
        assert_eq!(name_hash("foobar"), 0x343e1662793c64bf6f0d3597ba446f18);
    }
}
