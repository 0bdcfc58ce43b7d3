use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::compare::cases::{self, Model, Rule, normal};

fn random(shapes: &[(&'static str, &[usize])], seed: u64) -> Model {
    let tensors = shapes.iter().enumerate().map(|(i, &(name, shape))| {
        let count: usize = shape.iter().product();
        let inputs = (count / shape.first().unwrap_or(&1)).max(1) as f32;
        let values = normal(count, 1000 * seed + i as u64);
        (
            name,
            shape.to_vec(),
            values.iter().map(|z| z / inputs.sqrt()).collect(),
        )
    });
    Model::new(tensors.collect())
}

const MLP: &[(&str, &[usize])] = &[
    ("fc1.weight", &[48, 20]),
    ("fc1.bias", &[48]),
    ("fc2.weight", &[32, 48]),
    ("fc2.bias", &[32]),
    ("fc3.weight", &[40, 32]),
    ("fc3.bias", &[40]),
    ("fc4.weight", &[10, 40]),
    ("fc4.bias", &[10]),
];

const CNN: &[(&str, &[usize])] = &[
    ("conv1.weight", &[12, 3, 3, 3]),
    ("bn1.weight", &[12]),
    ("bn1.bias", &[12]),
    ("bn1.running_mean", &[12]),
    ("bn1.num_batches_tracked", &[]),
    ("conv2.weight", &[16, 12, 3, 3]),
    ("conv2.bias", &[16]),
    ("fc1.weight", &[24, 16 * 4]),
    ("fc1.bias", &[24]),
    ("fc2.weight", &[5, 24]),
];

fn shuffled(size: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..size).collect();
    for last in (1..size).rev() {
        order.swap(last, random.next_u32() as usize % (last + 1));
    }
    order
}

/// Renumbers hidden units, tensor by tensor: (weight, its vectors, reader) by name.
fn permute(model: &Model, layers: &[(&[&str], &str)], seed: u64) -> (Model, Vec<Vec<usize>>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut permuted = model.clone();
    let mut orders = Vec::new();
    for (writers, reader) in layers {
        let find = |m: &Model, name: &str| m.tensors.iter().position(|t| t.name == name).unwrap();
        let size = model.tensors[find(model, writers[0])].shape[0];
        let order = shuffled(size, &mut random);
        for writer in *writers {
            let tensor = &mut permuted.tensors[find(model, writer)];
            let width = tensor.values.len() / size;
            let rows = order
                .iter()
                .flat_map(|&u| tensor.values[u * width..(u + 1) * width].to_vec());
            tensor.values = rows.collect();
        }
        let tensor = &mut permuted.tensors[find(model, reader)];
        let width = tensor.values.len() / tensor.shape[0];
        let length = width / size;
        let rows = tensor.values.chunks(width).flat_map(|row| {
            order
                .iter()
                .flat_map(|&u| row[u * length..(u + 1) * length].to_vec())
        });
        tensor.values = rows.collect();
        orders.push(order);
    }
    (permuted, orders)
}

const MLP_LAYERS: &[(&[&str], &str)] = &[
    (&["fc1.weight", "fc1.bias"], "fc2.weight"),
    (&["fc2.weight", "fc2.bias"], "fc3.weight"),
    (&["fc3.weight", "fc3.bias"], "fc4.weight"),
];

const CNN_LAYERS: &[(&[&str], &str)] = &[
    (
        &["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean"],
        "conv2.weight",
    ),
    (&["conv2.weight", "conv2.bias"], "fc1.weight"),
    (&["fc1.weight", "fc1.bias"], "fc2.weight"),
];

fn aligned(a: &Model, b: &Model) -> Alignment {
    align(&a.views(), &b.views()).unwrap()
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    order
        .iter()
        .enumerate()
        .for_each(|(place, &unit)| inverse[unit] = place);
    inverse
}

#[test]
fn permutations_of_an_mlp_and_a_cnn_are_undone_exactly() {
    for seed in 0..20 {
        for (shapes, layers) in [(MLP, MLP_LAYERS), (CNN, CNN_LAYERS)] {
            let a = random(shapes, seed);
            let (b, orders) = permute(&a, layers, seed);
            let alignment = aligned(&a, &b);
            assert!(alignment.breaks.is_empty(), "{:?}", alignment.breaks);
            for (group, order) in alignment.groups.iter().zip(&orders) {
                assert_eq!(group.permutation, inverse(order), "{}", group.layer);
            }
            assert_eq!(alignment.after, 0.0);
            assert!(alignment.is_permuted());
            for ((_, values), tensor) in alignment.aligned.iter().zip(&a.tensors) {
                assert_eq!(values, &tensor.values);
            }
        }
    }
}

#[test]
fn weights_stored_as_inputs_by_outputs_are_aligned_too() {
    let turn = |model: &Model| {
        let mut turned = model.clone();
        for tensor in turned.tensors.iter_mut().filter(|t| t.shape.len() == 2) {
            let (rows, columns) = (tensor.shape[0], tensor.shape[1]);
            let at = |i: usize| tensor.values[i % rows * columns + i / rows];
            tensor.values = (0..rows * columns).map(at).collect();
            tensor.shape.reverse();
        }
        turned
    };
    let a = random(MLP, 1);
    let (b, orders) = permute(&a, MLP_LAYERS, 2);
    let alignment = aligned(&turn(&a), &turn(&b));
    assert_eq!(alignment.groups.len(), 3);
    assert_eq!(alignment.groups[2].permutation, inverse(&orders[2]));
    assert_eq!((alignment.after, alignment.breaks.len()), (0.0, 0));
    assert_eq!(alignment.aligned[2].1, turn(&a).tensors[2].values);
}

#[test]
fn a_permuted_and_changed_model_is_still_matched() {
    for (relative, least) in [(0.1, 20), (0.3, 20), (0.5, 18)] {
        let mut right = 0;
        for seed in 0..20 {
            let a = random(CNN, seed);
            let changed = cases::tuned(&a, relative, seed);
            let (b, orders) = permute(&changed, CNN_LAYERS, seed);
            let alignment = aligned(&a, &b);
            let mut all = alignment.groups.iter().zip(&orders);
            right += usize::from(all.all(|(g, order)| g.permutation == inverse(order)));
        }
        println!("changed by {relative}: {right} of 20 undone exactly");
        assert!(right >= least, "{relative}: {right}");
    }
}

#[test]
fn identical_and_near_models_are_left_as_they_are() {
    for seed in 0..10 {
        let a = random(MLP, seed);
        for b in [a.clone(), cases::tuned(&a, 0.1, seed)] {
            let alignment = aligned(&a, &b);
            assert!(alignment.groups.iter().all(|group| group.moved() == 0));
            assert_eq!(alignment.before, alignment.after);
            assert!(!alignment.is_permuted());
        }
    }
}

#[test]
fn unrelated_models_do_not_collapse() {
    let mut least = f64::INFINITY;
    for seed in 0..20 {
        for shapes in [MLP, CNN] {
            let alignment = aligned(&random(shapes, seed), &random(shapes, 100 + seed));
            assert!(alignment.after <= alignment.before);
            least = least.min(alignment.after / alignment.before);
            assert!(!alignment.is_permuted());
        }
    }
    for rule in [Rule::Sgd, Rule::Adam] {
        let runs: Vec<Model> = (0..6)
            .map(|seed| cases::trained(seed, 4, rule).pop().unwrap())
            .collect();
        for (i, a) in runs.iter().enumerate() {
            for b in &runs[..i] {
                let alignment = aligned(a, b);
                least = least.min(alignment.after / alignment.before);
                assert!(!alignment.is_permuted());
            }
        }
    }
    println!("unrelated models after alignment: {least:.3} of the distance before, at least");
}

#[test]
fn no_single_swap_of_two_units_brings_the_models_nearer() {
    let alignment = aligned(&random(MLP, 1), &random(MLP, 2));
    let a = random(MLP, 1);
    let mut best = random(MLP, 2);
    for (tensor, (_, values)) in best.tensors.iter_mut().zip(&alignment.aligned) {
        tensor.values = values.clone();
    }
    let distance = |m: &Model| -> f64 {
        m.tensors
            .iter()
            .zip(&a.tensors)
            .map(|(x, y)| squared_distance(&x.values, &y.values))
            .sum()
    };
    let own = distance(&best);
    assert!((own.sqrt() - alignment.after).abs() < 1e-9);
    for (first, second) in [(0, 1), (3, 40), (17, 29)] {
        let mut swapped = best.clone();
        let width = 20;
        for k in 0..width {
            swapped.tensors[0]
                .values
                .swap(first * width + k, second * width + k);
        }
        swapped.tensors[1].values.swap(first, second);
        for row in 0..32 {
            swapped.tensors[2]
                .values
                .swap(row * 48 + first, row * 48 + second);
        }
        assert!(distance(&swapped) >= own);
    }
}

#[test]
fn what_is_no_chain_is_said_so() {
    let shapes: &[(&str, &[usize])] = &[
        ("wte.embed", &[50, 8]),
        ("attn.qkv", &[24, 8]),
        ("attn.out", &[8, 8]),
    ];
    let model = random(shapes, 1);
    let alignment = aligned(&model, &random(shapes, 2));
    assert!(!alignment.is_aligned());
    assert_eq!(alignment.before, alignment.after);
    assert_eq!(alignment.breaks.len(), 3);
    assert!(
        alignment.breaks[1].why.contains("attn"),
        "{:?}",
        alignment.breaks
    );

    let single = random(&[("w", &[5, 3]), ("b", &[5])], 1);
    let alignment = aligned(&single, &single);
    assert!(!alignment.is_aligned());
    assert!(alignment.breaks[0].why.contains("no hidden layer"));

    // A gap in the middle: both sides are aligned, the units at the gap are not.
    let shapes: &[(&str, &[usize])] = &[
        ("a", &[8, 4]),
        ("b", &[6, 8]),
        ("c", &[9, 7]),
        ("d", &[3, 9]),
    ];
    let alignment = aligned(&random(shapes, 1), &random(shapes, 2));
    let layers: Vec<&str> = alignment
        .groups
        .iter()
        .map(|group| &group.layer[..])
        .collect();
    assert_eq!(layers, ["a", "c"]);
    assert_eq!(alignment.breaks.len(), 1);
    assert_eq!(alignment.breaks[0].tensor, "c");
    assert!(!aligned(&Model { tensors: vec![] }, &Model { tensors: vec![] }).is_aligned());
}
