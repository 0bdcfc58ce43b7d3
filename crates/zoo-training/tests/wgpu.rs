//! A few steps of both networks on whatever device wgpu finds, beside `fused`.
//!
//! Without a device the test says so and passes, unless `CI=true`: there a software Vulkan is
//! installed, and its absence is a failure.

#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use zoo_training::{Backend, Dataset, Engine, Error, Metrics, Population, Recipe};

/// Largest difference of two weights after four steps, as a share of the largest step of any
/// weight; of a loss, as a share. The f32 of a GPU may round elementary functions coarsely.
const TOLERANCE: f64 = 1e-3;

fn device() -> Option<Box<dyn Engine>> {
    match Backend::Wgpu.engine() {
        Ok(engine) => Some(engine),
        Err(error @ Error::Backend { .. }) => {
            assert!(error.to_string().contains("--backend fused"), "{error}");
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{error}");
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
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

fn largest(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a - b).abs())
        .fold(0.0, f64::max)
}

#[test]
fn a_few_steps_on_the_gpu_are_those_of_fused() {
    let Some(gpu) = device() else { return };
    println!("on {}", gpu.name());
    let fused = Backend::Fused.engine().unwrap();
    for preset in ["mlp", "cnn"] {
        let recipe = Recipe {
            seeds: 3,
            ..Recipe::preset(preset).unwrap()
        };
        let data = Dataset::mnist14()
            .unwrap()
            .take(3 * recipe.batch_size + 1, 30);
        let initial = Population::initial(&recipe).unwrap();
        let (expected, expected_metrics) = after_one_epoch(&*fused, &initial, &data);
        let (found, metrics) = after_one_epoch(&*gpu, &initial, &data);
        let apart = largest(&found.weights, &expected.weights);
        let error = apart / largest(&expected.weights, &initial.weights);
        println!("{preset}: {error:.1e} of the largest step");
        assert!(error < TOLERANCE, "{preset}: {error:e}");
        for (found, expected) in metrics.iter().zip(&expected_metrics) {
            let losses = [
                (found.train_loss, expected.train_loss),
                (found.test_loss, expected.test_loss),
            ];
            for (found, expected) in losses {
                assert!(
                    (f64::from(found / expected) - 1.0).abs() < TOLERANCE,
                    "{found} {expected}"
                );
            }
            // One of the thirty test images may lie on the edge of two classes.
            assert!((found.test_accuracy - expected.test_accuracy).abs() < 0.04);
        }
        let tested = gpu.test(&found, &data).unwrap();
        assert_eq!(tested[0].test_loss, metrics[0].test_loss);
    }
}
