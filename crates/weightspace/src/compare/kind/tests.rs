use super::super::cases::{self, Model, Rule, normal};
use super::super::grid::Group;
use super::super::lines::Edit;
use super::super::{Paired, Tensor, compare};
use super::*;

fn verdict(a: &Model, b: &Model) -> Option<Kind> {
    let (a, b) = (a.views(), b.views());
    of(&Paired::new(&a, &b).unwrap()).unwrap()
}

fn of(paired: &Paired<'_>) -> Result<Option<Kind>, Error> {
    kind(paired, &compare(paired)?)
}

/// How many of so many models get a verdict for which `right` holds.
fn recognised(
    models: u64,
    change: impl Fn(&Model, u64) -> Model,
    right: impl Fn(&Kind) -> bool,
) -> u64 {
    (0..models)
        .filter(|&seed| {
            let model = cases::model(seed);
            let found = verdict(&model, &change(&model, seed));
            found.as_ref().is_some_and(&right)
        })
        .count() as u64
}

fn with_noise(model: &Model, seed: u64, scale: impl Fn(&[f32]) -> f32) -> Model {
    let mut place = 0;
    model.each(|_, values| {
        place += 1;
        let size = scale(values);
        let noise = normal(values.len(), 5_000_000 + 100 * seed + place);
        values
            .iter()
            .zip(noise)
            .map(|(w, z)| w + size * z)
            .collect()
    })
}

fn root_mean_square(values: &[f32]) -> f32 {
    (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt()
}

fn with_lora(model: &Model, seed: u64, rank: usize, narrow: bool) -> Model {
    let mut place = 0;
    model.each(|shape, values| {
        place += 1;
        if shape.len() != 2 {
            return values.to_vec();
        }
        let (rows, columns) = (shape[0], shape[1]);
        let left = normal(rows * rank, 7_000_000 + 100 * seed + place);
        let right = normal(columns * rank, 8_000_000 + 100 * seed + place);
        let mut changed = values.to_vec();
        for (i, value) in changed.iter_mut().enumerate() {
            for r in 0..rank {
                *value += 0.01 * left[i / columns * rank + r] * right[r * columns + i % columns];
            }
            if narrow {
                *value = Format::Bf16.rounded(*value);
            }
        }
        changed
    })
}

#[test]
fn identical_pruned_and_scaled_models_are_named() {
    let same = recognised(50, |m, _| m.clone(), |k| *k == Kind::Identical);
    let prune = |m: &Model, _| m.map(|w| if w.abs() < 0.05 { 0.0 } else { w });
    let pruned = recognised(50, prune, |k| matches!(k, Kind::Pruned { .. }));
    let is_scaled = |k: &Kind| matches!(k, Kind::Scaled { factor } if (factor - 0.9).abs() < 1e-3);
    let scaled = recognised(50, |m, _| m.map(|w| 0.9 * w), is_scaled);
    let narrow = |m: &Model, _| m.map(|w| Format::Bf16.rounded(0.9 * w));
    let scaled_narrow = recognised(50, narrow, is_scaled);
    println!("of 50: identical {same}, pruned {pruned}, scaled {scaled}, in bf16 {scaled_narrow}");
    assert_eq!((same, pruned, scaled, scaled_narrow), (50, 50, 50, 50));
}

#[test]
fn quantised_models_are_named() {
    for format in super::super::rounding::NARROW {
        let round = |m: &Model, _| m.map(|w| format.rounded(w));
        let right =
            |k: &Kind| matches!(k, Kind::Quantised { grid: Grid::Float(f), .. } if *f == format);
        let found = recognised(50, round, right);
        println!("{format:?}: {found} of 50");
        assert_eq!(found, 50);
    }
    for most in [7.0, 127.0] {
        // As usual, biases and norms are left alone.
        let per_row = |m: &Model, _| {
            m.each(|shape, values| {
                let columns = values.len() / shape[0];
                let rows = values.chunks(columns).flat_map(|row| {
                    let step = row.iter().fold(0.0f32, |m, v| m.max(v.abs())) / most;
                    let keep = columns == 1;
                    row.iter()
                        .map(move |w| if keep { *w } else { (w / step).round() * step })
                });
                rows.collect()
            })
        };
        let right = |k: &Kind| {
            matches!(
                k,
                Kind::Quantised {
                    grid: Grid::Uniform {
                        per: Group::Row,
                        ..
                    },
                    tensors: 3
                }
            )
        };
        let found = recognised(50, per_row, right);
        println!("per row to ±{most}: {found} of 50");
        assert_eq!(found, 50);
    }
}

#[test]
fn updates_of_low_rank_are_named_with_their_rank() {
    for rank in [1, 4, 16] {
        for narrow in [false, true] {
            let right = |k: &Kind| matches!(k, Kind::LowRank { rank: r, .. } if *r == rank);
            let change = |m: &Model, seed| with_lora(m, seed, rank, narrow);
            let found = (0..30)
                .filter(|&seed| {
                    let model = cases::model(seed);
                    let model = if narrow {
                        model.map(|w| Format::Bf16.rounded(w))
                    } else {
                        model
                    };
                    verdict(&model, &change(&model, seed))
                        .as_ref()
                        .is_some_and(right)
                })
                .count();
            println!(
                "rank {rank}, {}: {found} of 30",
                if narrow { "bf16" } else { "f32" }
            );
            assert!(found >= 28, "{rank}, {narrow}: {found}");
        }
    }
}

#[test]
fn added_noise_is_named_with_its_scale() {
    for size in [1e-3, 0.1] {
        let right = |k: &Kind| matches!(k, Kind::Noise { noise: Noise::Absolute(s) } if (s / f64::from(size) - 1.0).abs() < 0.03);
        let absolute = recognised(50, |m, seed| with_noise(m, seed, |_| size), right);
        let right = |k: &Kind| matches!(k, Kind::Noise { noise: Noise::Relative(s) } if (s / f64::from(size) - 1.0).abs() < 0.03);
        let scale = |values: &[f32]| size * root_mean_square(values);
        let relative = recognised(50, |m, seed| with_noise(m, seed, scale), right);
        println!("noise of {size}: absolute {absolute}, relative {relative} of 50");
        assert!(absolute >= 49 && relative >= 49);
    }
}

#[test]
fn what_training_does_gets_no_verdict() {
    let (mut steps, mut named) = (0, Vec::new());
    let mut judge = |what: String, a: &Model, b: &Model| {
        // As it is, and as a training in bf16 stores it.
        let narrow = |model: &Model| model.map(|w| Format::Bf16.rounded(w));
        for (a, b) in [(a.clone(), b.clone()), (narrow(a), narrow(b))] {
            steps += 1;
            // That few values changed says how it was stored, and not that it was no training.
            let named_kind = verdict(&a, &b).filter(|kind| !matches!(kind, Kind::Sparse { .. }));
            named.extend(named_kind.map(|kind| (what.clone(), kind)));
        }
    };
    for rule in [Rule::Sgd, Rule::Adam] {
        for seed in 0..10 {
            let run = cases::trained(seed, 8, rule);
            for (from, a) in run.iter().enumerate() {
                for b in &run[from + 1..] {
                    judge(format!("{rule:?}, seed {seed}, from {from}"), a, b);
                }
            }
        }
    }
    for seed in 0..50 {
        let model = cases::model(seed);
        for relative in [1e-4, 0.01, 0.3] {
            let tuned = cases::tuned(&model, relative, seed);
            judge(format!("tuned by {relative}, seed {seed}"), &model, &tuned);
        }
        judge(
            format!("unrelated model of seed {seed}"),
            &model,
            &cases::model(seed + 1),
        );
    }
    println!(
        "{} verdicts on {steps} changes by training: {named:?}",
        named.len()
    );
    assert!(named.is_empty());
}

#[test]
fn nothing_in_common_and_values_that_are_not_finite_are_refused() {
    let shape = &[1][..];
    let tensor = |name, values| {
        [Tensor {
            name,
            shape,
            values,
        }]
    };
    let paired = Paired::new(&tensor("a", &[1.0]), &tensor("b", &[1.0])).unwrap();
    assert_eq!(
        (&paired.only_a[..], &paired.only_b[..]),
        (&["a"][..], &["b"][..])
    );
    assert!(matches!(of(&paired), Err(Error::TooFewExamples { .. })));
    let paired = Paired::new(&tensor("a", &[1.0]), &tensor("a", &[f32::NAN])).unwrap();
    assert!(matches!(of(&paired), Err(Error::NonFiniteTensor { .. })));
    let bad = Tensor {
        name: "a",
        shape: &[2],
        values: &[1.0],
    };
    assert!(matches!(
        Paired::new(&[bad], &[]),
        Err(Error::TensorElements { .. })
    ));
    let twice = [tensor("a", &[1.0])[0]; 2];
    assert!(matches!(
        Paired::new(&[], &twice),
        Err(Error::DuplicateTensor { .. })
    ));
}

#[test]
fn an_edited_row_a_folded_scale_and_shifted_gains_are_named_as_such() {
    let base = cases::model(7);
    let change = |name: &str, edit: &dyn Fn(&mut Vec<f32>)| {
        let mut model = base.clone();
        let own = model
            .tensors
            .iter_mut()
            .filter(|tensor| tensor.name == name);
        own.for_each(|tensor| edit(&mut tensor.values));
        verdict(&base, &model)
    };
    let flipped = change("fc2.weight", &|values| {
        values[640..704].iter_mut().for_each(|x| *x = -*x);
    });
    let Some(Kind::Lines { tensors }) = flipped else {
        panic!("{flipped:?}")
    };
    assert_eq!(
        (tensors[0].edit, tensors[0].lines.as_slice()),
        (Edit::Flipped, &[10][..])
    );
    let folded = change("fc1.weight", &|values| {
        values.iter_mut().for_each(|x| *x *= 0.125)
    });
    assert!(matches!(folded, Some(Kind::Affine { tensors }) if tensors.len() == 1));
    let gains = change("norm.weight", &|values| {
        values.iter_mut().for_each(|x| *x -= 1.0)
    });
    assert!(matches!(
        gains,
        Some(Kind::Affine { tensors }) if matches!(tensors[0].1, Affine::Plus(s) if (s + 1.0).abs() < 1e-6)
    ));
}

#[test]
fn few_changed_values_all_over_are_sparse_and_of_full_rank() {
    let base = cases::model(8);
    let moved = base.each(|_, values| {
        let places = values.iter().enumerate();
        let moved = places.map(|(i, &w)| {
            if i * 7919 % 13 == 0 {
                w + 0.01 * (i % 5) as f32 + 0.001
            } else {
                w
            }
        });
        moved.collect()
    });
    let found = verdict(&base, &moved);
    assert!(
        matches!(found, Some(Kind::Sparse { share, .. }) if share < 0.1),
        "{found:?}"
    );
}

/// Pairs that are cut into slices of a few rows.
struct Cut<'a>(Paired<'a>);

impl Pairs for Cut<'_> {
    type Error = Error;

    fn count(&self) -> usize {
        self.0.count()
    }

    fn header(&self, pair: usize) -> (&str, &[usize]) {
        self.0.header(pair)
    }

    fn read(
        &self,
        pair: usize,
        range: std::ops::Range<usize>,
        look: &mut dyn FnMut(&[f32], &[f32]),
    ) -> Result<(), Error> {
        self.0.read(pair, range, look)
    }

    fn longest_slice(&self) -> usize {
        3000
    }
}

#[test]
fn tensors_in_slices_get_the_verdicts_of_whole_ones() {
    let shape = [160, 120];
    let model = Model::new(vec![("w", shape.to_vec(), normal(160 * 120, 3))]);
    let row = |place: usize| place / 120;
    let edited = |edit: &dyn Fn(usize, f32) -> f32| {
        model.each(|_, values| {
            let places = values.iter().enumerate();
            places.map(|(place, w)| edit(place, *w)).collect()
        })
    };
    let changes = [
        ("identical", model.clone()),
        ("pruned", model.map(|w| if w.abs() < 0.3 { 0.0 } else { w })),
        ("scaled", model.map(|w| 1.5 * w)),
        ("added to", model.map(|w| w + 0.5)),
        (
            "rows",
            edited(&|place, w| {
                if [7, 130].contains(&row(place)) {
                    -w
                } else {
                    w
                }
            }),
        ),
        (
            "a column",
            edited(&|place, w| if place % 120 == 5 { -w } else { w }),
        ),
        (
            "sparse",
            edited(&|place, w| if place % 7 == 0 { w + 0.1 } else { w }),
        ),
        ("rounded", model.map(|w| Format::Bf16.rounded(w))),
        ("levels", model.map(|w| (w * 2.0).round() / 2.0)),
        ("of low rank", with_lora(&model, 5, 4, false)),
        ("noise", with_noise(&model, 6, |_| 0.01)),
        ("trained", cases::tuned(&model, 0.1, 8)),
    ];
    for (what, b) in changes {
        let (a, b) = (model.views(), b.views());
        let paired = Paired::new(&a, &b).unwrap();
        let whole = of(&paired).unwrap();
        let cut = Cut(paired);
        let comparison = compare(&cut).unwrap();
        let mut sliced = kind(&cut, &comparison).unwrap();
        assert_eq!(whole.is_none(), what == "trained", "{what}: {whole:?}");
        // Last digits differ, as sums are added up in another order.
        match (&whole, &mut sliced) {
            (Some(Kind::Scaled { factor }), Some(Kind::Scaled { factor: found })) => {
                assert!((*factor - *found).abs() < 1e-9);
                *found = *factor;
            }
            (Some(Kind::Affine { tensors }), Some(Kind::Affine { tensors: found })) => {
                assert_eq!(format!("{:.3?}", tensors), format!("{:.3?}", found));
                found.clone_from(tensors);
            }
            (Some(Kind::LowRank { energy, .. }), Some(Kind::LowRank { energy: found, .. })) => {
                assert!((*energy - *found).abs() < 1e-6, "{energy} {found}");
                *found = *energy;
            }
            (Some(Kind::Noise { noise }), Some(Kind::Noise { noise: found })) => {
                assert_eq!(format!("{noise:.3?}"), format!("{found:.3?}"));
                *found = *noise;
            }
            // Few rows may not reach the farthest level.
            (Some(Kind::Quantised { grid, .. }), Some(Kind::Quantised { grid: found, .. }))
                if what == "levels" =>
            {
                *found = *grid;
            }
            _ => {}
        }
        assert_eq!(whole, sliced, "{what}");
    }
}
