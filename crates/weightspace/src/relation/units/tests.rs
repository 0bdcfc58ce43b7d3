use super::*;
use crate::compare::Tensor;
use crate::compare::cases::{Model, Rule, normal, trained};

fn p(a: &Model, b: &Model) -> f64 {
    let (a, b) = (a.views(), b.views());
    test(&Paired::new(&a, &b).unwrap(), 7).unwrap().ln_p.exp()
}

/// Layers of so many units, normal weights.
fn net(sides: &[usize], seed: u64) -> Model {
    let names = ["fc0.weight", "fc1.weight", "fc2.weight", "fc3.weight"];
    let layers = sides.windows(2).zip(names).zip(0..);
    let tensors = layers.map(|((pair, name), layer)| {
        let values = normal(pair[0] * pair[1], 100 * seed + layer);
        (name, vec![pair[1], pair[0]], values)
    });
    Model::new(tensors.collect())
}

/// The hidden units of a layer turned around by some places, in the layer and in its reader.
fn turned(model: &Model, layer: usize, by: usize) -> Model {
    let mut model = model.clone();
    let width = model.tensors[layer].shape[1];
    model.tensors[layer].values.rotate_left(by * width);
    let inputs = model.tensors[layer + 1].shape[1];
    for row in model.tensors[layer + 1].values.chunks_exact_mut(inputs) {
        row.rotate_left(by);
    }
    model
}

#[test]
fn p_values_of_independent_models_are_conservative() {
    // 400 pairs of random nets: at most as many below each level as chance allows (3 sigma).
    let ps: Vec<f64> = (0..400)
        .map(|seed| {
            p(
                &net(&[6, 12, 8, 4], seed),
                &net(&[6, 12, 8, 4], 10_000 + seed),
            )
        })
        .collect();
    for level in [0.5, 0.1, 0.05, 0.01] {
        let below = ps.iter().filter(|&&p| p <= level).count() as f64;
        let most = 400.0 * level + 3.0 * (400.0 * level * (1.0 - level)).sqrt();
        assert!(below <= most, "{below} of 400 at {level}");
    }
}

#[test]
fn p_values_of_independent_trainings_on_the_same_data_are_conservative() {
    let runs: Vec<Model> = (0..24)
        .filter_map(|seed| trained(seed, 4, Rule::Sgd).pop())
        .collect();
    let mut below = 0;
    let mut pairs = 0;
    for (i, a) in runs.iter().enumerate() {
        for b in &runs[i + 1..] {
            pairs += 1;
            below += usize::from(p(a, b) <= 0.05);
        }
    }
    assert_eq!(pairs, 276);
    assert!(below <= 25, "{below} of 276 at 0.05");
}

#[test]
fn later_checkpoints_noise_rounding_and_pruning_are_related() {
    for seed in 0..10 {
        let run = trained(seed, 8, Rule::Adam);
        let noise = normal(4096, 900 + seed);
        let mut noise = noise.iter().cycle();
        let changed = [
            run[7].clone(),
            run[0].map(|w| w + 0.3 * w.abs() * noise.next().unwrap()),
            run[0].map(|w| (8.0 * w).round() / 8.0),
            run[0].map(|w| if w.abs() < 0.2 { 0.0 } else { w }),
            run[0].map(|w| 0.1 * w),
        ];
        for other in &changed {
            assert!(p(&run[0], other) < 1e-8);
            assert!(p(other, &run[0]) < 1e-8);
        }
    }
}

#[test]
fn permuted_units_hide_a_relation() {
    let model = net(&[6, 30, 20, 4], 1);
    assert!(p(&model, &model) < 1e-30);
    let hidden = turned(&turned(&model, 0, 7), 1, 3);
    assert!(p(&model, &hidden) > 0.01);
}

#[test]
fn a_layer_that_is_left_in_place_is_enough() {
    let model = net(&[6, 30, 20, 4], 1);
    assert!(p(&model, &turned(&model, 1, 3)) < 1e-20);
}

#[test]
fn scale_of_a_model_does_not_matter() {
    let (a, b) = (net(&[6, 12, 4], 1), net(&[6, 12, 4], 2));
    let larger = b.map(|w| 8.0 * w);
    assert_eq!(p(&a, &b), p(&a, &larger));
}

#[test]
fn the_bound_holds_against_all_orders_of_small_layers() {
    for seed in 0..60 {
        let size = 3 + seed as usize % 5;
        let mut values = normal(size * size, seed);
        // From unrelated to clearly related.
        for i in 0..size {
            values[i * size + i] += 0.1 * seed as f32;
        }
        let matrix = MatRef::from_row_major_slice(&values, size, size);
        let exact = exact(matrix);
        assert!(bound(matrix) >= exact.ln() - 1e-9, "seed {seed}");
        let sampled = sampled(matrix, stream(seed, "unit orders", 0)).exp();
        let deviation = (exact * (1.0 - exact) / ORDERS as f64).sqrt();
        assert!(
            (sampled - exact).abs() <= 4.0 * deviation + 2e-4,
            "seed {seed}"
        );
    }
}

#[test]
fn the_bound_reaches_the_least_p_value_there_is() {
    let size = 9;
    let mut values = normal(size * size, 3);
    for i in 0..size {
        values[i * size + i] += 100.0;
    }
    let matrix = MatRef::from_row_major_slice(&values, size, size);
    assert!((bound(matrix) + ln_factorial(size)).abs() < 1e-6);
}

/// The share of all orders with as much as the one that is there.
fn exact(matrix: MatRef<'_, f32>) -> f64 {
    fn visit(order: &mut Vec<usize>, size: usize, each: &mut dyn FnMut(&[usize])) {
        if order.len() == size {
            return each(order);
        }
        for next in 0..size {
            if !order.contains(&next) {
                order.push(next);
                visit(order, size, each);
                order.pop();
            }
        }
    }
    let sum = |order: &[usize]| -> f64 {
        let places = order.iter().enumerate();
        places.map(|(i, &j)| f64::from(matrix[(i, j)])).sum()
    };
    let size = matrix.nrows();
    let found = sum(&(0..size).collect::<Vec<_>>()) - ROUNDING * size as f64;
    let (mut all, mut as_much) = (0u32, 0u32);
    visit(&mut Vec::new(), size, &mut |order| {
        all += 1;
        as_much += u32::from(sum(order) >= found);
    });
    f64::from(as_much) / f64::from(all)
}

#[test]
fn equal_units_say_nothing() {
    let flat = net(&[6, 12, 4], 1).map(|_| 0.5);
    assert_eq!(p(&flat, &flat), 1.0);
}

#[test]
fn without_hidden_layers_nothing_is_tested() {
    let a = [Tensor {
        name: "w",
        shape: &[2, 2],
        values: &[1.0, 2.0, 3.0, 4.0],
    }];
    let found = test(&Paired::new(&a, &a).unwrap(), 0).unwrap();
    assert!(found.layers.is_empty());
    assert_eq!(found.ln_p, 0.0);
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let a = [Tensor {
        name: "w",
        shape: &[2],
        values: &[1.0, f32::NAN],
    }];
    let refused = test(&Paired::new(&a, &a).unwrap(), 0);
    assert!(matches!(refused, Err(Error::NonFiniteTensor { .. })));
}
