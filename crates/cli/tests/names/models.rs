//! Classifiers whose weights look random, and judging two of them.

use crate::support::{Folder, json};
use serde_json::Value;

/// A tensor: its name, its shape and its values.
pub(crate) type Owned = (String, Vec<usize>, Vec<f32>);

/// Numbers that look random, of mean 0.
pub(crate) fn noise(count: usize, salt: u64) -> Vec<f32> {
    let mut state = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut unit = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    (0..count).map(|_| unit()).collect()
}

/// A classifier after so many epochs of a training: every epoch moves it along the same way.
pub(crate) fn classifier(seed: u64, epoch: usize) -> Vec<Owned> {
    let shapes: [(&str, &[usize]); 6] = [
        ("fc1.weight", &[24, 16]),
        ("fc1.bias", &[24]),
        ("fc2.weight", &[24, 24]),
        ("fc2.bias", &[24]),
        ("head.weight", &[10, 24]),
        ("head.bias", &[10]),
    ];
    let tensors = shapes.iter().zip(1..);
    let tensors = tensors.map(|((name, shape), index)| {
        let count = shape.iter().product();
        let start = noise(count, 100 * seed + index);
        let along = noise(count, 100 * seed + 50 + index);
        let jitter = noise(count, 10_000 * seed + 100 * epoch as u64 + index);
        let moved = start.iter().zip(along).zip(jitter);
        let values = moved.map(|((w, a), j)| w + 0.03 * epoch as f32 * a + 0.01 * j);
        ((*name).to_owned(), shape.to_vec(), values.collect())
    });
    tensors.collect()
}

pub(crate) fn renamed(tensors: Vec<Owned>, name: impl Fn(&str) -> String) -> Vec<Owned> {
    let tensors = tensors.into_iter();
    tensors
        .map(|(own, shape, values)| (name(&own), shape, values))
        .collect()
}

pub(crate) fn write(folder: &Folder, name: &str, tensors: &[Owned]) -> String {
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, shape, values)| (name.as_str(), shape.as_slice(), values.as_slice()))
        .collect();
    folder.write(name, &tensors);
    folder.shown(name)
}

pub(crate) fn gate(accredited: &str, candidate: &str, status: i32) -> Value {
    json(
        &["gate", "--accredited", accredited, "--candidate", candidate],
        status,
    )
}
