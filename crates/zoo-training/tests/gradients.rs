//! Every engine that is built in, against a plain forward pass in f64 and its finite differences.
//!
//! The public interface shows a gradient: after one step without momentum and weight decay, the
//! velocity is the gradient.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use rand_chacha::rand_core::Rng;
use zoo_training::dataset::{CLASSES, Images, PIXELS, SIDE};
use zoo_training::random::{Purpose, stream, visiting_order};
use zoo_training::{Architecture, Backend, Dataset, Engine, Inputs, Metrics, Population, Recipe};

/// Largest error of a gradient, as a share of the largest gradient of the same weight tensor. On
/// CPUs 3e-7 was measured; a GPU may round elementary functions more coarsely.
const GRADIENT_TOLERANCE: f64 = 1e-5;
/// Largest error of weights and velocity after three steps, on the same scale.
const UPDATE_TOLERANCE: f64 = 1e-5;
/// Largest relative error of a loss.
const LOSS_TOLERANCE: f64 = 1e-6;
/// Step of the central differences. In f64 it leaves an error of about 1e-9.
const STEP: f64 = 1e-6;
const SEEDS: std::ops::Range<u64> = 0..2;

/// How the oracle computes; its convolution has fields so that a test can get them wrong.
#[derive(Clone, Copy)]
struct Forward {
    inputs: Inputs,
    padding: isize,
    dropped_tap: Option<usize>,
}

const RIGHT: Forward = Forward {
    inputs: Inputs::UNIT,
    padding: 1,
    dropped_tap: None,
};

/// 3x3, stride 2: `side` x `side` of each input channel to half of that, rounded up.
fn convolve(
    input: &[f64],
    side: usize,
    channels: usize,
    weights: &[f64],
    kind: Forward,
) -> Vec<f64> {
    let half = side.div_ceil(2);
    let filters = weights.len() / (channels * 9);
    let mut output = vec![0.0; filters * half * half];
    for filter in 0..filters {
        for (row, column) in grid(half) {
            let mut sum = 0.0;
            for channel in 0..channels {
                for (tap, (down, right)) in grid(3).enumerate() {
                    let y = (2 * row + down) as isize - kind.padding;
                    let x = (2 * column + right) as isize - kind.padding;
                    let inside = (0..side as isize).contains(&y) && (0..side as isize).contains(&x);
                    if inside && kind.dropped_tap != Some(tap) {
                        let pixel = input[(channel * side + y as usize) * side + x as usize];
                        sum += weights[(filter * channels + channel) * 9 + tap] * pixel;
                    }
                }
            }
            output[(filter * half + row) * half + column] = sum;
        }
    }
    output
}

/// 2x2, stride 2; an odd last row and column are dropped.
fn max_pool(input: &[f64], side: usize) -> Vec<f64> {
    let half = side / 2;
    let planes = input.chunks_exact(side * side);
    let pooled = planes.flat_map(|plane| {
        grid(half).map(|(row, column)| {
            let window = grid(2).map(|(y, x)| plane[(2 * row + y) * side + 2 * column + x]);
            window.fold(f64::NEG_INFINITY, f64::max)
        })
    });
    pooled.collect()
}

fn grid(side: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..side * side).map(move |index| (index / side, index % side))
}

fn leaky_relu(values: Vec<f64>) -> Vec<f64> {
    values
        .into_iter()
        .map(|x| if x < 0.0 { 0.01 * x } else { x })
        .collect()
}

fn linear(input: &[f64], weights: &[f64]) -> Vec<f64> {
    let rows = weights.chunks_exact(input.len());
    rows.map(|row| row.iter().zip(input).map(|(w, x)| w * x).sum())
        .collect()
}

fn sigmoid(values: Vec<f64>) -> Vec<f64> {
    values
        .into_iter()
        .map(|x| 1.0 / (1.0 + (-x).exp()))
        .collect()
}

fn outputs(architecture: Architecture, weights: &[f64], image: &[u8], kind: Forward) -> Vec<f64> {
    let pixels: Vec<f64> = image
        .iter()
        .map(|&pixel| f64::from(pixel) / 255.0 - f64::from(kind.inputs.mean))
        .map(|centred| centred / f64::from(kind.inputs.standard_deviation))
        .collect();
    let mut rest = weights;
    let tensors: Vec<&[f64]> = architecture
        .layout()
        .iter()
        .map(|tensor| rest.split_off(..tensor.parameters()).unwrap())
        .collect();
    match architecture {
        Architecture::Mlp => {
            let hidden = sigmoid(linear(&pixels, tensors[0]));
            linear(&sigmoid(linear(&hidden, tensors[1])), tensors[2])
        }
        Architecture::Cnn => {
            let hidden = leaky_relu(max_pool(&convolve(&pixels, SIDE, 1, tensors[0], kind), 7));
            let hidden = leaky_relu(max_pool(&convolve(&hidden, 3, 16, tensors[1], kind), 2));
            linear(&hidden, tensors[2])
        }
    }
}

/// Squared error of one image, averaged over the outputs.
fn error(outputs: &[f64], label: u8) -> f64 {
    let wanted = |class| f64::from(u8::from(class == usize::from(label)));
    outputs
        .iter()
        .enumerate()
        .map(|(class, y)| (y - wanted(class)).powi(2))
        .sum::<f64>()
        / CLASSES as f64
}

fn loss(
    architecture: Architecture,
    weights: &[f64],
    images: &Images,
    batch: &[u32],
    kind: Forward,
) -> f64 {
    let errors = batch.iter().map(|&index| {
        let index = index as usize;
        error(
            &outputs(architecture, weights, images.image(index), kind),
            images.labels[index],
        )
    });
    errors.sum::<f64>() / batch.len() as f64
}

fn gradient(
    architecture: Architecture,
    weights: &[f64],
    images: &Images,
    batch: &[u32],
    kind: Forward,
) -> Vec<f64> {
    let mut weights = weights.to_vec();
    let derivative = |index: usize| {
        let centre = weights[index];
        let mut at = |weight| {
            weights[index] = weight;
            loss(architecture, &weights, images, batch, kind)
        };
        let slope = (at(centre + STEP) - at(centre - STEP)) / (2.0 * STEP);
        weights[index] = centre;
        slope
    };
    (0..architecture.parameters()).map(derivative).collect()
}

/// Images of noise: no two pixels alike, none of the ties and of the black border of real digits.
fn noise(train: usize, test: usize) -> Dataset {
    let mut random = stream(0, Purpose::Shuffle, u32::MAX);
    let mut images = |count: usize| {
        let mut pixels = vec![0; count * PIXELS];
        random.fill_bytes(&mut pixels);
        Images {
            pixels,
            labels: (0..count)
                .map(|index| (index * 7 % CLASSES) as u8)
                .collect(),
        }
    };
    Dataset {
        name: "noise".to_owned(),
        train: images(train),
        test: images(test),
    }
}

fn engines() -> Vec<Box<dyn Engine>> {
    let built_in = |backend: Backend| match backend {
        Backend::Fused => true,
        Backend::Ndarray => cfg!(feature = "ndarray"),
        Backend::Flex => cfg!(feature = "flex"),
        Backend::Wgpu => cfg!(feature = "wgpu"),
    };
    let engine = |backend: Backend| match backend.engine() {
        // tests/wgpu.rs says so, and fails where there must be a device.
        Err(_) if backend == Backend::Wgpu => None,
        engine => Some(engine.unwrap()),
    };
    let backends = Backend::ALL.into_iter();
    backends
        .filter(|&backend| built_in(backend))
        .filter_map(engine)
        .collect()
}

fn recipe(architecture: Architecture, batch_size: usize) -> Recipe {
    Recipe {
        learning_rate: 0.1,
        momentum: 0.0,
        weight_decay: 0.0,
        batch_size,
        seeds: SEEDS.count(),
        ..Recipe::preset(architecture.name()).unwrap()
    }
}

fn widened(weights: &[f32]) -> Vec<f64> {
    weights.iter().map(|&weight| f64::from(weight)).collect()
}

/// The largest difference, as a share of the largest value of the same weight tensor.
fn distance(architecture: Architecture, found: &[f32], expected: &[f64]) -> f64 {
    let mut start = 0;
    let of_tensors = architecture.layout().iter().map(|tensor| {
        let range = start..start + tensor.parameters();
        start = range.end;
        let largest = expected[range.clone()]
            .iter()
            .fold(0.0, |most: f64, x| most.max(x.abs()));
        let pairs = found[range.clone()].iter().zip(&expected[range]);
        pairs
            .map(|(&f, e)| (f64::from(f) - e).abs())
            .fold(0.0, f64::max)
            / largest
    });
    of_tensors.fold(0.0, f64::max)
}

fn assert_close(engine: &dyn Engine, what: &str, distance: f64, tolerance: f64) {
    println!("{} {what}: {distance:.1e}", engine.name());
    assert!(
        distance <= tolerance,
        "{} {what}: {distance:e} > {tolerance:e}",
        engine.name()
    );
}

fn one_step(
    engine: &dyn Engine,
    architecture: Architecture,
    data: &Dataset,
) -> (Population, Vec<Metrics>) {
    let mut population = Population::initial(&recipe(architecture, data.train.len())).unwrap();
    let metrics = engine.train_epoch(&mut population, data, &|_| ()).unwrap();
    (population, metrics)
}

#[test]
fn the_velocity_after_one_step_is_the_gradient() {
    let data = noise(5, 4);
    let batch: Vec<u32> = (0..5).collect();
    for architecture in [Architecture::Mlp, Architecture::Cnn] {
        let initial = Population::initial(&recipe(architecture, 5)).unwrap();
        let gradients: Vec<_> = (0..initial.models())
            .map(|model| {
                gradient(
                    architecture,
                    &widened(initial.model(model)),
                    &data.train,
                    &batch,
                    RIGHT,
                )
            })
            .collect();
        for engine in engines() {
            let (trained, metrics) = one_step(&*engine, architecture, &data);
            for (model, gradient) in gradients.iter().enumerate() {
                let parameters = architecture.parameters();
                let velocity = &trained.velocity[model * parameters..][..parameters];
                let error = distance(architecture, velocity, gradient);
                assert_close(
                    &*engine,
                    &format!("{architecture:?} gradient"),
                    error,
                    GRADIENT_TOLERANCE,
                );

                let before = widened(initial.model(model));
                let loss = loss(architecture, &before, &data.train, &batch, RIGHT);
                let error = (f64::from(metrics[model].train_loss) / loss - 1.0).abs();
                assert_close(
                    &*engine,
                    &format!("{architecture:?} training loss"),
                    error,
                    LOSS_TOLERANCE,
                );
            }
        }
    }
}

/// What the tolerance is worth: an engine with one of these faults would be far outside it.
#[test]
fn the_tolerance_would_show_a_dropped_tap_and_a_wrong_padding() {
    let data = noise(1, 1);
    let initial = Population::initial(&recipe(Architecture::Cnn, 1)).unwrap();
    let weights = widened(initial.model(0));
    let slope = |kind| gradient(Architecture::Cnn, &weights, &data.train, &[0], kind);
    let right = slope(RIGHT);
    let mut faults = vec![Forward {
        padding: 0,
        ..RIGHT
    }];
    faults.extend((0..9).map(|tap| Forward {
        dropped_tap: Some(tap),
        ..RIGHT
    }));
    for fault in faults {
        let faulty: Vec<f32> = slope(fault).iter().map(|&slope| slope as f32).collect();
        assert!(distance(Architecture::Cnn, &faulty, &right) > 1000.0 * GRADIENT_TOLERANCE);
    }
}

/// SGD as PyTorch documents it, every gradient by finite differences.
fn train(
    recipe: &Recipe,
    seed: u64,
    images: &Images,
    weights: &mut [f64],
    velocity: &mut [f64],
) -> f64 {
    let order = visiting_order(seed, 1, images.len());
    let kind = Forward {
        inputs: recipe.inputs,
        ..RIGHT
    };
    let mut errors = 0.0;
    for batch in order.chunks(recipe.batch_size) {
        errors += loss(recipe.architecture, weights, images, batch, kind) * batch.len() as f64;
        let gradient = gradient(recipe.architecture, weights, images, batch, kind);
        for ((w, v), g) in weights.iter_mut().zip(&mut *velocity).zip(gradient) {
            *v = f64::from(recipe.momentum) * *v + g + f64::from(recipe.weight_decay) * *w;
            *w -= f64::from(recipe.learning_rate) * *v;
        }
    }
    errors / images.len() as f64
}

#[test]
fn three_steps_with_momentum_decay_and_a_smaller_last_batch_are_the_oracles() {
    let data = noise(7, 4);
    for (architecture, inputs) in [
        (Architecture::Mlp, Inputs::UNIT),
        (Architecture::Mlp, Inputs::STANDARDISED),
        (Architecture::Cnn, Inputs::UNIT),
    ] {
        let recipe = Recipe {
            momentum: 0.9,
            weight_decay: 0.05,
            inputs,
            ..recipe(architecture, 3)
        };
        let initial = Population::initial(&recipe).unwrap();
        let oracle: Vec<_> = SEEDS
            .map(|seed| {
                let mut weights = widened(initial.model(seed as usize));
                let mut velocity = vec![0.0; weights.len()];
                let loss = train(&recipe, seed, &data.train, &mut weights, &mut velocity);
                (weights, velocity, loss)
            })
            .collect();
        for engine in engines() {
            let mut trained = initial.clone();
            let metrics = engine.train_epoch(&mut trained, &data, &|_| ()).unwrap();
            assert_eq!(trained.epoch, 1);
            for (model, (weights, velocity, train_loss)) in oracle.iter().enumerate() {
                let close = |what: &str, distance, tolerance| {
                    assert_close(
                        &*engine,
                        &format!("{architecture:?} {what}"),
                        distance,
                        tolerance,
                    );
                };
                let own = &trained.velocity[model * weights.len()..][..weights.len()];
                close(
                    "weights",
                    distance(architecture, trained.model(model), weights),
                    UPDATE_TOLERANCE,
                );
                close(
                    "velocity",
                    distance(architecture, own, velocity),
                    UPDATE_TOLERANCE,
                );
                let relative =
                    |found: f32, expected: f64| (f64::from(found) / expected - 1.0).abs();
                close(
                    "training loss",
                    relative(metrics[model].train_loss, *train_loss),
                    LOSS_TOLERANCE,
                );

                let (test_loss, test_accuracy) =
                    test(&recipe, &widened(trained.model(model)), &data.test);
                close(
                    "test loss",
                    relative(metrics[model].test_loss, test_loss),
                    LOSS_TOLERANCE,
                );
                assert_eq!(metrics[model].test_accuracy, test_accuracy as f32);
            }
            let tested = engine.test(&trained, &data).unwrap();
            for (again, first) in tested.iter().zip(&metrics) {
                assert!(again.train_loss.is_nan());
                assert_eq!(again.test_loss, first.test_loss);
                assert_eq!(again.test_accuracy, first.test_accuracy);
            }
        }
    }
}

fn test(recipe: &Recipe, weights: &[f64], images: &Images) -> (f64, f64) {
    let kind = Forward {
        inputs: recipe.inputs,
        ..RIGHT
    };
    let (mut errors, mut right) = (0.0, 0.0);
    for (index, &label) in images.labels.iter().enumerate() {
        let outputs = outputs(recipe.architecture, weights, images.image(index), kind);
        errors += error(&outputs, label);
        let best = (0..CLASSES)
            .max_by(|&a, &b| outputs[a].total_cmp(&outputs[b]))
            .unwrap();
        right += f64::from(u8::from(best == usize::from(label)));
    }
    (errors / images.len() as f64, right / images.len() as f64)
}
