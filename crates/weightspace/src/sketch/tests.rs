use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // A sum of four uniform numbers is normal enough, and exact on every machine.
    let mut uniform = || f64::from(rng.next_u32()) / 2f64.powi(31) - 1.0;
    (0..count)
        .map(|_| (uniform() + uniform() + uniform() + uniform()) as f32)
        .collect()
}

fn with(seed: u64, dimensions: usize, tensor_dimensions: usize) -> Parameters {
    Parameters {
        seed,
        dimensions,
        tensor_dimensions,
    }
}

fn sketched(parameters: Parameters, tensors: &[(&str, &[f32])], chunk: usize) -> Sketch {
    let mut sketcher = Sketcher::new(parameters).unwrap();
    for (name, values) in tensors {
        let mut tensor = sketcher.tensor(name, &[values.len()]);
        values.chunks(chunk).for_each(|chunk| tensor.feed(chunk));
        sketcher.add(tensor.finish()).unwrap();
    }
    sketcher.finish()
}

/// The definition, one value at a time.
fn oracle(parameters: Parameters, name: &str, values: &[f32]) -> Vec<f64> {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&parameters.seed.to_le_bytes());
    let mut hash: u128 = 0x6c62272e07bb014262b821756295c58d;
    for byte in name.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul((1 << 88) + 0x13b);
    }
    key[8..24].copy_from_slice(&hash.to_le_bytes());
    key[24..].copy_from_slice(b"sketch-1");
    let mut random = ChaCha8Rng::from_seed(key);
    let mut word = |position: usize| {
        random.set_word_pos(position as u128);
        random.next_u32()
    };
    let mut sums = vec![0.0; parameters.dimensions];
    for (i, &value) in values.iter().enumerate() {
        let (block, place) = (i / 256, i % 256);
        let offset = word(16 * block + 8) as usize;
        let negative = (word(16 * block + place / 32) >> (31 - place % 32)) & 1 == 1;
        let signed = f64::from(if negative { -value } else { value });
        sums[(offset + place) % parameters.dimensions] += signed;
    }
    sums
}

#[test]
fn it_is_what_its_definition_says() {
    for dimensions in [256, 1024] {
        for count in [0, 1, 255, 256, 257, 3000] {
            let values = noise(count, 5);
            let parameters = with(77, dimensions, 0);
            let ours = sketched(parameters, &[("block.0.weight", &values)], 1000);
            let plain = oracle(parameters, "block.0.weight", &values);
            for (a, b) in ours.values.iter().zip(&plain) {
                assert!((f64::from(*a) - b).abs() <= 1e-6, "{a} {b}");
            }
        }
    }
}

#[test]
fn the_stream_and_the_layout_never_change() {
    let values: Vec<f32> = (0..1000).map(|i| ((i * 37) % 101) as f32 - 50.0).collect();
    let sketch = sketched(Parameters::default(), &[("a.weight", &values)], 1000);
    // Sums of whole numbers: exact, so pinned without tolerance.
    assert_eq!(sketch.values[..8], PINNED);
    assert_eq!(sketch.tensors[0].values[..4], PINNED_TENSOR);
    assert_eq!(sketch.tensors[0].fingerprint, PINNED_FINGERPRINT);
    assert_eq!(sketch.tensors[0].zeros, 10);
}

const PINNED: [f32; 8] = [16.0, -21.0, 43.0, 6.0, 31.0, 33.0, 4.0, -41.0];
const PINNED_TENSOR: [f32; 4] = [54.0, 206.0, 144.0, -123.0];
const PINNED_FINGERPRINT: u64 = 938_610_485_281_090_465;

/// Relative errors of the squared norm over many seeds: mean and standard deviation.
fn errors(values: &[f32], parameters: impl Fn(u64) -> Parameters, of_tensor: bool) -> (f64, f64) {
    let truth: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
    let seeds = 1000;
    let errors: Vec<f64> = (0..seeds)
        .map(|seed| {
            let sketch = sketched(parameters(seed), &[("w", values)], values.len());
            let values = if of_tensor {
                &sketch.tensors[0].values
            } else {
                &sketch.values
            };
            values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / truth - 1.0
        })
        .collect();
    let mean = errors.iter().sum::<f64>() / seeds as f64;
    let variance = errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / seeds as f64;
    (mean, variance.sqrt())
}

fn shapes_of_change() -> Vec<(&'static str, Vec<f32>)> {
    let every = |step: usize| {
        let mut values = vec![0.0; 20_000];
        values.iter_mut().step_by(step).for_each(|v| *v = 1.0);
        values
    };
    let mut heavy = noise(20_000, 3);
    heavy.iter_mut().step_by(1999).for_each(|v| *v *= 100.0);
    let mut two_blocks = vec![0.0; 20_000];
    two_blocks[512..768].fill(1.0);
    two_blocks[5120..5376].fill(-1.0);
    vec![
        ("noise", noise(20_000, 1)),
        ("one input unit of 32", every(32)),
        ("one value per block", every(256)),
        ("heavy tails", heavy),
        ("constant", vec![0.5; 20_000]),
        ("two blocks", two_blocks),
        ("few values", noise(10, 2)),
    ]
}

#[test]
fn squared_norms_are_unbiased_and_within_the_stated_error() {
    for (what, values) in shapes_of_change() {
        for dimensions in [256, 1024] {
            let bound = (2.0 / dimensions as f64).sqrt();
            let (mean, deviation) = errors(&values, |seed| with(seed, dimensions, 0), false);
            println!(
                "{what}, {dimensions}: mean {mean:.4}, deviation {deviation:.4}, bound {bound:.4}"
            );
            // Four standard errors of the mean of 1000; a deviation is known to a few percent.
            assert!(mean.abs() < 4.0 * bound / 1000f64.sqrt(), "{what}: {mean}");
            assert!(
                deviation < 1.12 * bound,
                "{what}: {deviation} above {bound}"
            );
        }
    }
}

#[test]
fn the_sketch_of_a_single_tensor_is_unbiased_too() {
    for (what, values) in shapes_of_change() {
        let bound = (2.0 / 32.0 + 2.0 / 1024.0f64).sqrt();
        let (mean, deviation) = errors(&values, |seed| with(seed, 1024, 32), true);
        println!("{what}: mean {mean:.4}, deviation {deviation:.4}, bound {bound:.4}");
        assert!(mean.abs() < 4.0 * bound / 1000f64.sqrt(), "{what}: {mean}");
        assert!(
            deviation < 1.12 * bound,
            "{what}: {deviation} above {bound}"
        );
    }
}

#[test]
fn steps_far_shorter_than_the_weights_are_measured_as_well_as_long_ones() {
    let weights = noise(100_000, 1);
    let direction = noise(100_000, 2);
    for (size, allowed) in [(1e-1, 1.0), (1e-4, 1.0), (1e-6, 1.1)] {
        let moved: Vec<f32> = weights
            .iter()
            .zip(&direction)
            .map(|(w, d)| w + size * d)
            .collect();
        let truth = crate::distance::distance(&weights, &moved);
        let squares: f64 = (0..100)
            .map(|seed| {
                let [a, b] =
                    [&weights, &moved].map(|w| sketched(with(seed, 1024, 0), &[("w", w)], 1 << 20));
                (distance(&a, &b).unwrap() / truth - 1.0).powi(2)
            })
            .sum();
        let error = (squares / 100.0).sqrt();
        println!("step {size:e} of the weights: relative error {error:.4}");
        assert!(
            error < 1.25 * allowed * relative_error(1024),
            "{size}: {error}"
        );
    }
}

#[test]
fn it_is_linear() {
    let (a, b) = (noise(5000, 1), noise(5000, 2));
    let sum: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    let [a, b, sum] = [&a, &b, &sum].map(|w| sketched(with(1, 256, 0), &[("w", w)], 5000).values);
    for ((a, b), sum) in a.iter().zip(&b).zip(&sum) {
        assert!((a + b - sum).abs() < 1e-4);
    }
}

proptest! {
    #[test]
    fn chunks_do_not_show(
        cuts in prop::collection::vec(1usize..600, 1..20), bad in 0usize..2000, odd in any::<f32>()
    ) {
        let mut values = noise(2000, 4);
        values[bad] = odd;
        let sketcher = Sketcher::new(with(3, 256, 16)).unwrap();
        let mut whole = sketcher.tensor("w", &[2000]);
        whole.feed(&values);
        let mut pieces = sketcher.tensor("w", &[2000]);
        let mut rest = &values[..];
        for cut in cuts.into_iter().cycle() {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.feed(piece);
            pieces.feed(&[]);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let (whole, pieces) = (whole.finish(), pieces.finish());
        prop_assert_eq!(whole.sums, pieces.sums);
        prop_assert_eq!(whole.sketch, pieces.sketch);
    }
}

#[test]
fn the_order_of_tensors_does_not_show() {
    let tensors: Vec<(String, Vec<f32>)> = (0..40)
        .map(|i| (format!("layer.{i}"), noise(300 + i, i as u64)))
        .collect();
    let mut views: Vec<(&str, &[f32])> = tensors.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    let forward = sketched(Parameters::default(), &views, 512);
    views.reverse();
    let backward = sketched(Parameters::default(), &views, 512);
    assert_eq!(forward.values, backward.values);
    assert_eq!(distance(&forward, &backward), Ok(0.0));
    let each = tensor_distances(&forward, &backward).unwrap();
    assert!(each.iter().all(|t| t.identical && t.distance == Some(0.0)));
}

#[test]
fn tensors_of_other_names_and_other_seeds_are_projected_elsewhere() {
    let values = noise(500, 1);
    let sketch = |seed, name| sketched(with(seed, 256, 0), &[(name, &values)], 500).values;
    assert_ne!(sketch(0, "a"), sketch(0, "b"));
    assert_ne!(sketch(0, "a"), sketch(1, "a"));
}

#[test]
fn norms_and_counts_are_exact() {
    let values = [3.0, -4.0, 0.0, -0.0, f32::NAN, f32::INFINITY, 0.5];
    let sketch = sketched(Parameters::default(), &[("w", &values), ("none", &[])], 2);
    let tensor = &sketch.tensors[0];
    assert_eq!(tensor.norm, 25.25f64.sqrt());
    assert_eq!((tensor.zeros, tensor.non_finite), (2, 2));
    assert_eq!(tensor.range, Some((-4.0, 3.0)));
    assert_eq!(sketch.tensors[1].range, None);
    assert_eq!((sketch.norm(), sketch.elements()), (25.25f64.sqrt(), 7));
    assert!(sketch.values.iter().all(|v| v.is_finite()));
    let refused = Error::NonFiniteTensor {
        name: "w".to_owned(),
        count: 2,
    };
    assert_eq!(distance(&sketch, &sketch), Err(refused));
}

#[test]
fn a_change_of_one_bit_changes_the_fingerprint() {
    let values = noise(1000, 1);
    let fingerprint =
        |values: &[f32]| sketched(with(0, 256, 0), &[("w", values)], 1000).tensors[0].fingerprint;
    let own = fingerprint(&values);
    for place in [0, 31, 32, 500, 999] {
        for bit in 0..32 {
            let mut changed = values.clone();
            changed[place] = f32::from_bits(changed[place].to_bits() ^ (1 << bit));
            assert_ne!(fingerprint(&changed), own, "bit {bit} of value {place}");
            // A second change in the same lane must not undo the first.
            let other = (place + 320) % 992;
            changed[other] = f32::from_bits(changed[other].to_bits() ^ (1 << bit));
            assert_ne!(
                fingerprint(&changed),
                own,
                "bit {bit} of {place} and {other}"
            );
        }
    }
    assert_ne!(fingerprint(&[0.0; 3]), fingerprint(&[0.0; 4]));
}

#[test]
fn each_tensor_has_a_distance_of_its_own() {
    let (kept, moved) = (noise(4000, 1), noise(4000, 2));
    let step: Vec<f32> = moved.iter().map(|w| w * 1.5).collect();
    let a = sketched(
        with(0, 1024, 256),
        &[("kept", &kept), ("moved", &moved)],
        4000,
    );
    let b = sketched(
        with(0, 1024, 256),
        &[("moved", &step), ("kept", &kept)],
        4000,
    );
    let each = tensor_distances(&a, &b).unwrap();
    assert_eq!((each[0].identical, each[0].distance), (true, Some(0.0)));
    assert!(!each[1].identical);
    let relative = each[1].distance.unwrap() / each[1].norm_a;
    assert!(
        (relative / 0.5 - 1.0).abs() < 4.0 * relative_error(256),
        "{relative}"
    );
    assert!((each[1].norm_b / each[1].norm_a - 1.5).abs() < 1e-6);
    // All that moved is in one tensor.
    let all = distance(&a, &b).unwrap();
    assert!((all / each[1].distance.unwrap() - 1.0).abs() < 4.0 * relative_error(256));
    let points = matrix(&[&a, &b]).unwrap();
    assert_eq!(points.shape(), (1024, 2));
    assert_eq!((points.column(0) - points.column(1)).norm(), all as f32);
}

#[test]
fn sketches_that_cannot_be_compared_are_refused() {
    let values = noise(6, 1);
    let make = |parameters, name| sketched(parameters, &[(name, &values)], 6);
    let own = make(Parameters::default(), "w");
    let refused = |other: &Sketch| match matrix(&[&own, &own, other]) {
        Err(Error::SketchesDiffer { right: 2, what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert!(refused(&make(with(1, 1024, 32), "w")).contains("seed"));
    assert!(refused(&make(Parameters::default(), "v")).contains("\"v\""));
    let mut reshaped = own.clone();
    reshaped.tensors[0].shape = vec![2, 3];
    assert!(refused(&reshaped).contains("[2, 3]"));
    let mut newer = own.clone();
    newer.version = 2;
    assert!(refused(&newer).contains("version"));
    let mut cut = own.clone();
    cut.values.pop();
    assert!(refused(&cut).contains("1023 values"));
    let mut bare = own.clone();
    bare.tensors.clear();
    assert!(refused(&bare).contains("only one"));
    assert!(matches!(matrix(&[]), Err(Error::TooFewCheckpoints { .. })));
}

#[test]
fn wrong_parameters_and_tensors_are_refused() {
    for (all, each) in [
        (0, 0),
        (128, 0),
        (1000, 0),
        (1 << 17, 0),
        (1024, 24),
        (256, 512),
    ] {
        let refused = Sketcher::new(with(0, all, each));
        assert!(matches!(refused, Err(Error::SketchParameter { .. })));
    }
    let mut sketcher = Sketcher::new(Parameters::default()).unwrap();
    let short = sketcher.tensor("w", &[2]).finish();
    assert!(matches!(
        sketcher.add(short),
        Err(Error::TensorElements { elements: 0, .. })
    ));
    let huge = sketcher.tensor("w", &[usize::MAX, 2]).finish();
    assert!(matches!(
        sketcher.add(huge),
        Err(Error::TensorElements { .. })
    ));
    for expected in [true, false] {
        let mut scalar = sketcher.tensor("w", &[]);
        scalar.feed(&[1.0]);
        assert_eq!(sketcher.add(scalar.finish()).is_ok(), expected);
    }
}

#[test]
fn it_survives_serialisation() {
    let sketch = sketched(
        Parameters::default(),
        &[("w", &noise(777, 1)), ("b", &[])],
        100,
    );
    let text = serde_json::to_string(&sketch).unwrap();
    assert_eq!(serde_json::from_str::<Sketch>(&text).unwrap(), sketch);
}
