//! The fused engine's promise: a model's weights depend on its recipe, its seed and the data,
//! and on nothing else.
#![allow(clippy::unwrap_used)]

use zoo_training::fused::{Fused, InstructionSet};
use zoo_training::{Dataset, Engine, Metrics, Population, Recipe};

fn recipe(preset: &str, batch_size: usize) -> Recipe {
    Recipe {
        batch_size,
        ..Recipe::preset(preset).unwrap()
    }
}

fn few_images() -> Dataset {
    Dataset::mnist14().unwrap().take(250, 100)
}

fn trained(
    engine: Fused,
    recipe: &Recipe,
    seeds: Vec<u64>,
    epochs: u32,
) -> (Population, Vec<Metrics>) {
    let data = few_images();
    let mut population = Population::of_seeds(recipe, seeds);
    let mut metrics = Vec::new();
    for _ in 0..epochs {
        metrics = engine.train_epoch(&mut population, &data, &|_| ()).unwrap();
    }
    (population, metrics)
}

fn bits(population: &Population) -> Vec<u32> {
    population
        .weights
        .iter()
        .chain(&population.velocity)
        .map(|w| w.to_bits())
        .collect()
}

/// Batches of one image, of less than, exactly and more than a chunk, and a ragged last one.
const BATCHES: [usize; 6] = [1, 3, 4, 12, 16, 39];

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for preset in ["mlp", "cnn"] {
        for batch in BATCHES {
            let recipe = recipe(preset, batch);
            let (portable, portable_metrics) =
                trained(Fused::on(InstructionSet::Portable), &recipe, vec![3, 4], 2);
            for set in InstructionSet::available() {
                let (population, metrics) = trained(Fused::on(set), &recipe, vec![3, 4], 2);
                assert_eq!(
                    bits(&population),
                    bits(&portable),
                    "{preset} {batch} {set:?}"
                );
                assert_eq!(metrics, portable_metrics, "{preset} {batch} {set:?}");
            }
        }
    }
}

#[test]
fn one_thread_and_two_give_the_same_bits() {
    for preset in ["mlp", "cnn"] {
        let recipe = recipe(preset, 12);
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| trained(Fused::new(), &recipe, (0..9).collect(), 2))
        };
        let ((one, one_metrics), (two, two_metrics)) = (with_threads(1), with_threads(2));
        assert_eq!(bits(&one), bits(&two));
        assert_eq!(one_metrics, two_metrics);
    }
}

#[test]
fn a_model_trains_the_same_alone_as_among_others() {
    for preset in ["mlp", "cnn"] {
        let recipe = recipe(preset, 12);
        let (together, _) = trained(Fused::new(), &recipe, (0..250).collect(), 1);
        let (alone, _) = trained(Fused::new(), &recipe, vec![117], 1);
        assert_eq!(together.model(117), alone.model(0));
    }
}

#[test]
fn a_resumed_run_continues_as_if_it_had_never_stopped() {
    for preset in ["mlp", "cnn"] {
        let recipe = recipe(preset, 12);
        let (straight, _) = trained(Fused::new(), &recipe, vec![0, 1], 3);
        let (stopped, _) = trained(Fused::new(), &recipe, vec![0, 1], 1);
        let Population {
            seeds,
            epoch,
            weights,
            velocity,
            ..
        } = stopped;
        let mut resumed = Population::resumed(&recipe, seeds, epoch, weights, velocity).unwrap();
        for _ in 0..2 {
            Fused::new()
                .train_epoch(&mut resumed, &few_images(), &|_| ())
                .unwrap();
        }
        assert_eq!(bits(&resumed), bits(&straight));
        assert_eq!(resumed.epoch, 3);
    }
}

#[test]
fn a_model_that_diverges_leaves_its_neighbours_alone() {
    for preset in ["mlp", "cnn"] {
        let recipe = recipe(preset, 12);
        let (healthy, _) = trained(Fused::new(), &recipe, vec![0, 1, 2], 1);
        let mut population = Population::of_seeds(&recipe, vec![0, 1, 2]);
        let parameters = population.parameters();
        population.weights[parameters..2 * parameters].fill(f32::INFINITY);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let metrics = pool
            .install(|| Fused::new().train_epoch(&mut population, &few_images(), &|_| ()))
            .unwrap();
        assert_eq!(population.model(0), healthy.model(0));
        assert!(population.model(1).iter().any(|w| !w.is_finite()));
        assert!(!metrics[1].test_loss.is_finite());
        assert_eq!(population.model(2), healthy.model(2));
    }
}

#[test]
fn progress_counts_every_step() {
    let steps = std::sync::atomic::AtomicU64::new(0);
    let mut population = Population::of_seeds(&recipe("cnn", 4), vec![0, 1, 2]);
    let count = |done| {
        steps.fetch_add(done, std::sync::atomic::Ordering::Relaxed);
    };
    Fused::new()
        .train_epoch(&mut population, &few_images(), &count)
        .unwrap();
    assert_eq!(steps.into_inner(), 3 * 63);
}

#[test]
fn training_learns() {
    let data = Dataset::mnist14().unwrap();
    for (preset, at_least) in [("mlp", 0.6), ("cnn", 0.15)] {
        let recipe = Recipe::preset(preset).unwrap();
        let mut population = Population::of_seeds(&recipe, vec![0, 1]);
        let before = Fused::new().test(&population, &data).unwrap();
        let after = Fused::new()
            .train_epoch(&mut population, &data, &|_| ())
            .unwrap();
        for (before, after) in before.iter().zip(&after) {
            let better = after.test_loss < before.test_loss && after.test_accuracy > at_least;
            assert!(better, "{preset}: {before:?}, {after:?}");
        }
    }
}
