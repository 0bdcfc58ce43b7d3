//! How far the running statistics of normalisation layers moved.

use crate::checkpoint::{Checkpoint, renamed};
use crate::collection::Buffer;
use crate::mapping::Mapping;
use std::collections::BTreeMap;

/// Names of a mean and of the variance beside it, by library.
const NAMES: [(&str, &str); 2] = [
    ("running_mean", "running_var"),
    ("moving_mean", "moving_variance"),
];

/// Least variance that is divided by, as batch normalisation does.
const LEAST: f64 = 1e-5;

/// What moved in the layer where it moved most.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MovedStatistics {
    /// The layer, and the root mean square of its channels' shift, in their standard deviations.
    pub(super) mean_shift: (String, f64),
    /// The layer, and the exponential of the root mean square of ln(new ÷ old variance).
    pub(super) variance_ratio: (String, f64),
}

/// What is known of the running statistics of two checkpoints.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Statistics {
    /// The accredited one has none.
    None,
    /// Not known: one is only a sketch, or some layers have none in the candidate that can be compared.
    Unknown,
    /// How far they moved.
    Moved(MovedStatistics),
}

/// Compares the layers of the accredited checkpoint with those of the candidate.
pub(super) fn between(
    accredited: &Checkpoint,
    candidate: &Checkpoint,
    mapping: Option<&Mapping>,
) -> Statistics {
    let (Some(own), Some(other)) = (accredited.weights(), candidate.weights()) else {
        return Statistics::Unknown;
    };
    of_buffers(own.buffers(), &renamed(own, other, mapping))
}

fn of_buffers(own: &BTreeMap<String, Buffer>, other: &BTreeMap<String, &Buffer>) -> Statistics {
    let mut found: Option<MovedStatistics> = None;
    for name in own.keys() {
        let variance = NAMES.iter().find_map(|(mean, variance)| {
            let layer = name.strip_suffix(mean)?;
            Some(format!("{layer}{variance}"))
        });
        let Some(variance) = variance else { continue };
        let in_a = |name: &str| own.get(name).and_then(values);
        let in_b = |name: &str| other.get(name).copied().and_then(values);
        // A mean without a variance beside it has no unit to be measured in.
        let (Some(mean_a), Some(variance_a)) = (in_a(name), in_a(&variance)) else {
            continue;
        };
        let (Some(mean_b), Some(variance_b)) = (in_b(name), in_b(&variance)) else {
            return Statistics::Unknown;
        };
        let channels = mean_a.len();
        let all = [&mean_b, &variance_a, &variance_b];
        if all.iter().any(|values| values.len() != channels) {
            return Statistics::Unknown;
        }
        if channels == 0 {
            continue;
        }
        let shifts = mean_a.iter().zip(&mean_b).zip(&variance_a);
        let shift = shifts
            .map(|((a, b), v)| (b - a).powi(2) / (v.max(0.0) + LEAST))
            .sum::<f64>();
        let ratios = variance_a.iter().zip(&variance_b);
        let ratio = ratios
            .map(|(a, b)| ((b.max(0.0) + LEAST) / (a.max(0.0) + LEAST)).ln().powi(2))
            .sum::<f64>();
        let root = |sum: f64| (sum / channels as f64).sqrt();
        let (shift, ratio) = (root(shift), root(ratio).exp());
        let moved = found.get_or_insert_with(|| MovedStatistics {
            mean_shift: (name.clone(), 0.0),
            variance_ratio: (variance.clone(), 1.0),
        });
        // What is not a number is more than any limit.
        let is_more = |new: f64, old: f64| new.is_nan() || new > old;
        if is_more(shift, moved.mean_shift.1) {
            moved.mean_shift = (name.clone(), shift);
        }
        if is_more(ratio, moved.variance_ratio.1) {
            moved.variance_ratio = (variance, ratio);
        }
    }
    found.map_or(Statistics::None, Statistics::Moved)
}

fn values(buffer: &Buffer) -> Option<Vec<f64>> {
    let bits = buffer.bits.as_ref()?;
    let values = bits.iter().map(|&bits| f64::from(f32::from_bits(bits)));
    Some(values.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(values: &[f32]) -> Buffer {
        Buffer {
            shape: vec![values.len() as u64],
            bits: Some(values.iter().map(|value| value.to_bits()).collect()),
        }
    }

    fn layer(mean: &[f32], variance: &[f32]) -> BTreeMap<String, Buffer> {
        BTreeMap::from([
            ("bn.running_mean".to_owned(), buffer(mean)),
            ("bn.running_var".to_owned(), buffer(variance)),
        ])
    }

    fn found(own: &BTreeMap<String, Buffer>, other: &BTreeMap<String, Buffer>) -> Statistics {
        let other = other.iter().map(|(name, buffer)| (name.clone(), buffer));
        of_buffers(own, &other.collect())
    }

    fn moved(own: &BTreeMap<String, Buffer>, other: &BTreeMap<String, Buffer>) -> MovedStatistics {
        match found(own, other) {
            Statistics::Moved(moved) => moved,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn shifts_count_in_standard_deviations_and_ratios_either_way() {
        let own = layer(&[1.0, 0.0], &[4.0, 1.0]);
        let far = moved(&own, &layer(&[3.0, 1.0], &[1.0, 4.0]));
        assert!((far.mean_shift.1 - 1.0).abs() < 1e-3, "{far:?}");
        assert!((far.variance_ratio.1 - 4.0).abs() < 1e-2, "{far:?}");
        let broken = moved(&own, &layer(&[f32::NAN, 0.0], &[4.0, 1.0]));
        assert!(broken.mean_shift.1.is_nan());
    }

    #[test]
    fn nothing_is_known_of_layers_that_the_candidate_lacks() {
        let own = layer(&[1.0, 0.0], &[4.0, 1.0]);
        assert_eq!(found(&own, &BTreeMap::new()), Statistics::Unknown);
        assert_eq!(found(&own, &layer(&[1.0], &[4.0])), Statistics::Unknown);
        assert_eq!(found(&BTreeMap::new(), &own), Statistics::None);
    }
}
