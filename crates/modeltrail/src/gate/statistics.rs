//! How far the running statistics of normalisation layers moved.

use crate::checkpoint::Checkpoint;
use crate::collection::Buffer;
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

/// Compares the layers that both have; none if there are none, or one is only a sketch.
pub(super) fn between(accredited: &Checkpoint, candidate: &Checkpoint) -> Option<MovedStatistics> {
    of_buffers(
        accredited.weights()?.buffers(),
        candidate.weights()?.buffers(),
    )
}

fn of_buffers(
    own: &BTreeMap<String, Buffer>,
    other: &BTreeMap<String, Buffer>,
) -> Option<MovedStatistics> {
    let mut found: Option<MovedStatistics> = None;
    for (name, mean) in own {
        let variance = NAMES.iter().find_map(|(mean, variance)| {
            let layer = name.strip_suffix(mean)?;
            Some(format!("{layer}{variance}"))
        });
        let Some(variance) = variance else { continue };
        let both = [
            values(own, name),
            values(other, name),
            values(own, &variance),
            values(other, &variance),
        ];
        let [
            Some(mean_a),
            Some(mean_b),
            Some(variance_a),
            Some(variance_b),
        ] = both
        else {
            continue;
        };
        let channels = mean.bits.as_ref().map_or(0, Vec::len);
        if channels == 0
            || [&mean_b, &variance_a, &variance_b]
                .iter()
                .any(|all| all.len() != channels)
        {
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
    found
}

fn values(buffers: &BTreeMap<String, Buffer>, name: &str) -> Option<Vec<f64>> {
    let bits = buffers.get(name)?.bits.as_ref()?;
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

    #[test]
    fn shifts_count_in_standard_deviations_and_ratios_either_way() {
        let both = |mean: &[f32], variance: &[f32]| {
            BTreeMap::from([
                ("bn.running_mean".to_owned(), buffer(mean)),
                ("bn.running_var".to_owned(), buffer(variance)),
            ])
        };
        let own = both(&[1.0, 0.0], &[4.0, 1.0]);
        let moved = of_buffers(&own, &both(&[3.0, 1.0], &[1.0, 4.0])).unwrap();
        assert!((moved.mean_shift.1 - 1.0).abs() < 1e-3, "{moved:?}");
        assert!((moved.variance_ratio.1 - 4.0).abs() < 1e-2, "{moved:?}");
        let broken = of_buffers(&own, &both(&[f32::NAN, 0.0], &[4.0, 1.0])).unwrap();
        assert!(broken.mean_shift.1.is_nan());
        assert_eq!(of_buffers(&BTreeMap::new(), &own), None);
    }
}
