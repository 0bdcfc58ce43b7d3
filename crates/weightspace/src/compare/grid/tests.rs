use super::super::cases::normal;
use super::*;

const SHAPE: [usize; 2] = [40, 96];

fn found(a: &[f32], b: &[f32]) -> Option<Grid> {
    let (name, shape) = ("w", &SHAPE[..]);
    grid(&Pair { name, shape, a, b })
}

fn weights(seed: u64) -> Vec<f32> {
    normal(SHAPE[0] * SHAPE[1], seed)
        .iter()
        .map(|z| 0.05 * z)
        .collect()
}

/// Rounds each group to steps of its largest value divided by `most`.
fn symmetric(values: &[f32], size: usize, most: f32) -> Vec<f32> {
    let groups = values.chunks(size).flat_map(|group| {
        let step = group.iter().fold(0.0f32, |m, v| m.max(v.abs())) / most;
        group.iter().map(move |v| (v / step).round() * step)
    });
    groups.collect()
}

/// Rounds each group to `levels` steps between its least and largest value.
fn affine(values: &[f32], size: usize, levels: f32) -> Vec<f32> {
    let groups = values.chunks(size).flat_map(|group| {
        let least = group.iter().copied().fold(f32::INFINITY, f32::min);
        let most = group.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let step = (most - least) / (levels - 1.0);
        group
            .iter()
            .map(move |v| ((v - least) / step).round() * step + least)
    });
    groups.collect()
}

const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

fn coded(values: &[f32], size: usize, codes: &[f32]) -> Vec<f32> {
    let groups = values.chunks(size).flat_map(|group| {
        let most = group.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        group.iter().map(move |v| {
            let distance = |c: &f32| (c * most - v).abs();
            let nearest = codes
                .iter()
                .min_by(|x, y| distance(x).total_cmp(&distance(y)));
            nearest.unwrap() * most
        })
    });
    groups.collect()
}

#[test]
fn every_float_format_is_named() {
    for seed in 0..20 {
        let a = weights(seed);
        for format in NARROW {
            let b: Vec<f32> = a.iter().map(|&w| format.rounded(w)).collect();
            assert_eq!(found(&a, &b), Some(Grid::Float(format)));
        }
        let truncated: Vec<f32> = a
            .iter()
            .map(|w| f32::from_bits(w.to_bits() & 0xffff_0000))
            .collect();
        assert_eq!(found(&a, &truncated), Some(Grid::Float(Format::Bf16)));
    }
}

#[test]
fn uniform_grids_are_named_with_their_groups() {
    for seed in 0..20 {
        let a = weights(seed);
        for (size, per) in [
            (a.len(), Group::Tensor),
            (96, Group::Row),
            (32, Group::Block(32)),
        ] {
            for most in [7.0, 127.0] {
                for b in [
                    symmetric(&a, size, most),
                    affine(&a, size, 2.0 * most + 2.0),
                ] {
                    for format in [Format::F32, Format::Fp16] {
                        let b: Vec<f32> = b.iter().map(|&w| format.rounded(w)).collect();
                        let Some(Grid::Uniform { levels, per: found }) = found(&a, &b) else {
                            panic!("{per:?}, {most}, {format:?}: not recognised");
                        };
                        assert_eq!(found, per);
                        assert!(levels as f32 <= 2.0 * most + 2.0, "{levels}");
                        assert!(levels as f32 > most, "{levels}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_grid_per_column_is_found() {
    let a = weights(1);
    let turned: Vec<f32> = (0..a.len()).map(|i| a[i % 40 * 96 + i / 40]).collect();
    let rounded = symmetric(&turned, 40, 127.0);
    let b: Vec<f32> = (0..a.len())
        .map(|i| rounded[i % 96 * 40 + i / 96])
        .collect();
    let Some(Grid::Uniform { per, .. }) = found(&a, &b) else {
        panic!("not recognised");
    };
    assert_eq!(per, Group::Column);
}

#[test]
fn codebooks_are_named_in_f32_and_bf16() {
    for seed in 0..20 {
        let a = weights(seed);
        for (size, per) in [(64, Group::Block(64)), (32, Group::Block(32))] {
            for format in [Format::F32, Format::Bf16] {
                let b: Vec<f32> = coded(&a, size, &NF4)
                    .iter()
                    .map(|&w| format.rounded(w))
                    .collect();
                let expected = Grid::Codebook { values: 16, per };
                assert_eq!(found(&a, &b), Some(expected), "{format:?}");
            }
        }
    }
}

#[test]
fn weights_that_moved_off_any_grid_are_on_none() {
    for seed in 0..100 {
        let a = weights(seed);
        let noise = weights(1000 + seed);
        let moved: Vec<f32> = a.iter().zip(&noise).map(|(w, z)| w + 0.01 * z).collect();
        assert_eq!(found(&a, &moved), None);
        // From a narrow checkpoint to a narrow checkpoint: the format says nothing new.
        let [a, moved] = [&a, &moved].map(|w| {
            w.iter()
                .map(|&w| Format::Bf16.rounded(w))
                .collect::<Vec<f32>>()
        });
        assert_eq!(found(&a, &moved), None);
        // On a grid, but of another model.
        assert_eq!(found(&a, &symmetric(&noise, 96, 127.0)), None);
    }
}

#[test]
fn a_grid_that_was_there_before_is_no_news() {
    let a = symmetric(&weights(1), 96, 127.0);
    let mut b = a.clone();
    b[5] = 0.0;
    assert_eq!(found(&a, &b), None);
}
