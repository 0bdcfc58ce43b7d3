//! The engines on real digits: one epoch of the same models by `fused` and by Burn on the CPU.
//!
//! Both round to f32, in different orders, and the differences grow over thousands of steps: the
//! tolerances are measured ones.

#![cfg(any(feature = "ndarray", feature = "flex"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use zoo_training::{Backend, Dataset, Engine, Metrics, Population, Recipe};

const SEEDS: usize = 16;

/// What may differ after an epoch: ten times the largest that was measured over sixteen models, and
/// two of 10,000 answers, where none was measured.
struct Tolerance {
    /// Distance of two models, as a share of how far the epoch moved them.
    distance: f64,
    /// Of both losses, as a share.
    loss: f64,
    /// Of the share of right answers.
    accuracy: f64,
}

fn burn_engines() -> Vec<Box<dyn Engine>> {
    let mut backends = Vec::new();
    if cfg!(feature = "ndarray") {
        backends.push(Backend::Ndarray);
    }
    if cfg!(feature = "flex") {
        backends.push(Backend::Flex);
    }
    backends
        .into_iter()
        .map(|backend| backend.engine().unwrap())
        .collect()
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
        .sum::<f64>()
        .sqrt()
}

fn after_one_epoch(
    engine: &dyn Engine,
    initial: &Population,
    data: &Dataset,
) -> (Population, Vec<Metrics>) {
    let mut population = initial.clone();
    let metrics = engine.train_epoch(&mut population, data, &|_| ()).unwrap();
    (population, metrics)
}

fn compare(preset: &str, images: usize, tolerance: &Tolerance) {
    let recipe = Recipe {
        seeds: SEEDS,
        ..Recipe::preset(preset).unwrap()
    };
    let data = Dataset::mnist14().unwrap().take(images, 10_000);
    let initial = Population::initial(&recipe).unwrap();
    let (fused, fused_metrics) =
        after_one_epoch(&*Backend::Fused.engine().unwrap(), &initial, &data);
    for engine in burn_engines() {
        let (burn, burn_metrics) = after_one_epoch(&*engine, &initial, &data);
        let mut worst = Tolerance {
            distance: 0.0,
            loss: 0.0,
            accuracy: 0.0,
        };
        for model in 0..SEEDS {
            let moved = distance(fused.model(model), initial.model(model));
            let (a, b) = (fused_metrics[model], burn_metrics[model]);
            assert!(moved > 0.5, "model {model} stood still");
            let apart = distance(fused.model(model), burn.model(model)) / moved;
            worst.distance = worst.distance.max(apart);
            for (a, b) in [(a.train_loss, b.train_loss), (a.test_loss, b.test_loss)] {
                worst.loss = worst.loss.max((f64::from(a) / f64::from(b) - 1.0).abs());
            }
            let accuracies = f64::from(a.test_accuracy) - f64::from(b.test_accuracy);
            worst.accuracy = worst.accuracy.max(accuracies.abs());
        }
        let Tolerance {
            distance,
            loss,
            accuracy,
        } = worst;
        let what = format!(
            "{preset}, {images} images, fused and {}: distance {distance:.1e}, loss {loss:.1e}, \
             accuracy {accuracy:.1e}",
            engine.name()
        );
        println!("{what}");
        assert!(distance <= tolerance.distance, "{what}");
        assert!(loss <= tolerance.loss, "{what}");
        assert!(accuracy <= tolerance.accuracy, "{what}");
    }
}

#[test]
fn an_epoch_of_the_mlp_is_the_same_by_fused_and_by_burn() {
    compare(
        "mlp",
        60_000,
        &Tolerance {
            distance: 5e-6,
            loss: 2e-6,
            accuracy: 2e-4,
        },
    );
}

#[test]
fn an_epoch_of_the_cnn_is_the_same_by_fused_and_by_burn() {
    compare(
        "cnn",
        60_000,
        &Tolerance {
            distance: 3e-5,
            loss: 1e-5,
            accuracy: 2e-4,
        },
    );
}

/// Models share tensors, and groups share threads; neither may show.
#[test]
fn a_model_trains_to_the_same_bits_alone_and_among_others() {
    let data = Dataset::mnist14().unwrap().take(130, 50);
    for preset in ["mlp", "cnn"] {
        let recipe = Recipe {
            seeds: 67,
            ..Recipe::preset(preset).unwrap()
        };
        for engine in burn_engines() {
            let together = Population::initial(&recipe).unwrap();
            let (together, metrics) = after_one_epoch(&*engine, &together, &data);
            for seed in [0, 40, 66] {
                let alone = Population::of_seeds(&recipe, vec![seed]);
                let (alone, own) = after_one_epoch(&*engine, &alone, &data);
                assert_eq!(
                    alone.model(0),
                    together.model(seed as usize),
                    "{preset}, {seed}"
                );
                assert_eq!(own[0], metrics[seed as usize]);
            }
        }
    }
}

/// A model that diverges must not reach its neighbours through the summed loss.
#[test]
fn a_model_that_is_not_finite_leaves_its_neighbours_alone() {
    let data = Dataset::mnist14().unwrap().take(130, 50);
    for preset in ["mlp", "cnn"] {
        let recipe = Recipe {
            seeds: 3,
            ..Recipe::preset(preset).unwrap()
        };
        for engine in burn_engines() {
            let healthy = Population::initial(&recipe).unwrap();
            let mut ill = healthy.clone();
            ill.weights[healthy.parameters()..2 * healthy.parameters()].fill(f32::NAN);
            let (healthy, _) = after_one_epoch(&*engine, &healthy, &data);
            let (ill, metrics) = after_one_epoch(&*engine, &ill, &data);
            assert!(ill.model(1).iter().all(|weight| weight.is_nan()));
            assert!(metrics[1].train_loss.is_nan() && metrics[1].test_loss.is_nan());
            for model in [0, 2] {
                assert_eq!(ill.model(model), healthy.model(model), "{preset}");
            }
        }
    }
}
