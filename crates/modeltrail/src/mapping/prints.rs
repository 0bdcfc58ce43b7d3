//! What the values of a tensor look like: a hash that tells equal ones, and a sample that shows how
//! far two are from each other.

use super::axes::{self, Order};

/// Values of a tensor that are compared to see how near two are.
const SAMPLED: usize = 2048;

/// From this share of the distance of unrelated tensors on, two are taken for unrelated: as in
/// lineage and forks.
pub(crate) const RELATED: f64 = 0.65;

/// What is kept of the values of a tensor.
#[derive(Debug, Clone)]
pub(crate) struct Print {
    pub(crate) hash: blake3::Hash,
    /// Values at places that depend on their number alone.
    sample: Vec<f32>,
    /// The same without their mean.
    centred: Vec<f32>,
    /// Number of all values.
    count: usize,
    /// Whether all values are the same: such tensors are equal by accident.
    pub(crate) is_constant: bool,
}

impl Print {
    pub(crate) fn of(values: &[f32]) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = Vec::with_capacity(4096);
        for part in values.chunks(1024) {
            bytes.clear();
            bytes.extend(part.iter().flat_map(|value| value.to_le_bytes()));
            hasher.update(&bytes);
        }
        let taken = values.len().min(SAMPLED);
        let sample = (0..taken).filter_map(|index| {
            let place = index as u128 * values.len() as u128 / taken.max(1) as u128;
            values.get(place as usize).copied()
        });
        let sample: Vec<f32> = sample.collect();
        let first = values.first();
        Self {
            hash: hasher.finalize(),
            centred: centred(&sample),
            sample,
            count: values.len(),
            is_constant: values
                .iter()
                .all(|value| first.is_some_and(|first| first.to_bits() == value.to_bits())),
        }
    }

    /// How far two of the same shape are from each other, their means taken away: ‖b − a‖ / √(‖a‖² +
    /// ‖b‖²), 0 for equal ones and about 1 for unrelated ones. All scales of normalisations are near 1,
    /// and that shows no relation.
    pub(crate) fn apart(&self, other: &Self) -> f64 {
        if self.hash == other.hash {
            return 0.0;
        }
        apart(&self.centred, &other.centred)
    }

    /// Whether two of the same shape are as far from each other as unrelated ones, also with their means.
    pub(crate) fn is_far(&self, other: &Self) -> bool {
        self.hash != other.hash
            && self.near().is_some()
            && self.apart(other) > RELATED
            && apart(&self.sample, &other.sample) > RELATED
    }

    /// The least distance at which two of this size are no longer near each other beyond doubt; none
    /// where they are too small to tell.
    pub(crate) fn near(&self) -> Option<f64> {
        match self.count {
            0..32 => None,
            32..256 => Some(0.4),
            _ => Some(RELATED),
        }
    }
}

/// The values without their mean.
fn centred(values: &[f32]) -> Vec<f32> {
    let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
    let mean = sum / values.len().max(1) as f64;
    let values = values.iter();
    values
        .map(|&value| (f64::from(value) - mean) as f32)
        .collect()
}

/// ‖b − a‖ / √(‖a‖² + ‖b‖²); infinite if a value is not finite.
pub(crate) fn apart(a: &[f32], b: &[f32]) -> f64 {
    let (mut squares, mut norms) = (0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a), f64::from(b));
        squares += (b - a).powi(2);
        norms += a * a + b * b;
    }
    match squares {
        0.0 => 0.0,
        _ if squares.is_finite() && norms > 0.0 => (squares / norms).sqrt(),
        _ => f64::INFINITY,
    }
}

/// Whether the bits of `b`, a square matrix, are those of `a` transposed.
pub(crate) fn is_transposed(a: &[f32], b: &[f32], side: usize) -> bool {
    a.len() == side * side
        && b.len() == a.len()
        && a.iter().enumerate().all(|(place, value)| {
            let (row, column) = (place / side, place % side);
            b.get(column * side + row)
                .is_some_and(|other| other.to_bits() == value.to_bits())
        })
}

/// How far two tensors are from each other, the second with its axes in this order.
pub(crate) fn apart_turned(a: &[f32], b: &[f32], shape: &[u64], order: Order) -> f64 {
    apart(a, &axes::turned(b, shape, order))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(salt: u32, count: u32) -> Vec<f32> {
        let value = |i: u32| ((i * 7919 + salt * 104_729) % 1009) as f32 / 1009.0 - 0.5;
        (0..count).map(value).collect()
    }

    #[test]
    fn equal_values_have_no_distance_and_unrelated_ones_about_one() {
        let (a, b) = (values(1, 5000), values(2, 5000));
        assert_eq!(Print::of(&a).apart(&Print::of(&a)), 0.0);
        let apart = Print::of(&a).apart(&Print::of(&b));
        assert!((0.8..1.2).contains(&apart), "{apart}");
        let near: Vec<f32> = a.iter().map(|value| value * 1.01).collect();
        assert!(Print::of(&a).apart(&Print::of(&near)) < 0.01);
    }

    #[test]
    fn constants_and_small_tensors_prove_nothing() {
        assert!(Print::of(&[0.0; 64]).is_constant);
        assert!(Print::of(&[]).is_constant);
        assert!(!Print::of(&values(1, 64)).is_constant);
        assert_eq!(Print::of(&values(1, 8)).near(), None);
    }

    #[test]
    fn a_transposed_square_is_told_by_its_bits() {
        let a = values(3, 36);
        let turned = axes::turned(&a, &[6, 6], &[1, 0]);
        assert!(is_transposed(&a, &turned, 6));
        assert!(!is_transposed(&a, &a, 6));
    }
}
