//! Other libraries on the same models, images and orders, each turn in a process of its own on one CPU.

use super::Round;
use crate::bench::{environment, npy};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use zoo_training::fused::Fused;
use zoo_training::random::visiting_order;
use zoo_training::{Architecture, Dataset, Engine, Population, Recipe};

const SCRIPT: &str = include_str!("../peers/training.py");
const REQUIREMENTS: &str = include_str!("../peers/training-requirements.txt");

/// Where scripts, points and answers are kept.
const HOME: &str = "target/bench/training";

/// Distance of a peer's weights from ours, as a share of how far training moved them, beyond which
/// it did something else.
const AGREEMENT: f64 = 1e-3;

/// A way to train the zoo's models.
pub(super) struct Way {
    architecture: Architecture,
    name: &'static str,
    /// Name in the script.
    method: &'static str,
    /// Models side by side: the number at which it is fastest.
    models: usize,
    steps: usize,
}

const fn mlp(name: &'static str, method: &'static str, models: usize, steps: usize) -> Way {
    Way {
        architecture: Architecture::Mlp,
        name,
        method,
        models,
        steps,
    }
}

const fn cnn(name: &'static str, method: &'static str, models: usize, steps: usize) -> Way {
    Way {
        architecture: Architecture::Cnn,
        ..mlp(name, method, models, steps)
    }
}

pub(super) const WAYS: [Way; 8] = [
    mlp("NumPy, by hand, 50 models", "numpy", 50, 1000),
    mlp("JAX vmap + scan", "jax-mlp", 250, 200),
    mlp("PyTorch vmap", "torch-vmap", 250, 100),
    mlp("PyTorch eager", "torch-eager", 1, 2000),
    cnn("JAX vmap + scan, unfolded", "jax-unfolded", 10, 2000),
    cnn("JAX vmap + scan, lax.conv", "jax-conv", 10, 500),
    cnn("PyTorch vmap", "torch-vmap", 250, 30),
    cnn("PyTorch eager", "torch-eager", 1, 1000),
];

/// A peer with all that it works on.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) recipe: Recipe,
    /// Known after the first turn.
    pub(super) version: String,
    /// Distance from our weights, as a share of how far training moved them.
    pub(super) off_by: f64,
    pub(super) rounds: Vec<Round>,
    method: &'static str,
    steps: usize,
    folder: PathBuf,
    /// Weights before and, by our own engine, after.
    initial: Vec<f32>,
    trained: Vec<f32>,
}

/// What the script says.
#[derive(Deserialize)]
struct Cost {
    cpu_s: f64,
    wall_s: f64,
    version: String,
}

/// Makes the environment; says where its interpreter is.
pub(super) fn prepare() -> Result<PathBuf> {
    let environment = Path::new(HOME).join("venv");
    environment::make(&environment, REQUIREMENTS)?;
    Ok(environment::python(&environment))
}

impl Peer {
    pub(super) fn new(way: &Way, data: &Dataset) -> Result<Self> {
        let recipe = Recipe {
            seeds: way.models,
            ..Recipe::preset(way.architecture.name())?
        };
        let data = data.take(way.steps * recipe.batch_size, 1);
        let mut population = Population::initial(&recipe)?;
        let initial = population.weights.clone();
        Fused::new().train_epoch(&mut population, &data, &|_| ())?;
        let peer = Self {
            name: way.name,
            version: String::new(),
            off_by: f64::NAN,
            rounds: Vec::new(),
            method: way.method,
            steps: way.steps,
            folder: Path::new(HOME).join(format!("{}-{}", way.architecture.name(), way.method)),
            initial,
            trained: population.weights,
            recipe,
        };
        peer.write_inputs(&data)?;
        Ok(peer)
    }

    fn write_inputs(&self, data: &Dataset) -> Result<()> {
        let images = &data.train;
        let pixels: Vec<f32> = images
            .pixels
            .iter()
            .map(|&x| f32::from(x) / 255.0)
            .collect();
        let targets: Vec<f32> = images
            .labels
            .iter()
            .flat_map(|&label| (0..10).map(move |class| f32::from(u8::from(class == label))))
            .collect();
        let orders: Vec<i32> = self
            .recipe
            .seed_range()
            .flat_map(|seed| visiting_order(seed, 1, images.len()))
            .map(|image| image as i32)
            .collect();
        let parameters = self.recipe.architecture.parameters();
        let write = |name: &str, bytes: Vec<u8>| std::fs::write(self.folder.join(name), bytes);
        std::fs::create_dir_all(&self.folder)?;
        write(
            "images.npy",
            npy::bytes(&pixels, pixels.len() / images.len())?,
        )?;
        write("targets.npy", npy::bytes(&targets, 10)?)?;
        write("weights.npy", npy::bytes(&self.initial, parameters)?)?;
        write("orders.npy", npy::bytes(&orders, images.len())?)?;
        write("recipe.json", serde_json::to_vec(&self.recipe)?)?;
        write("training.py", SCRIPT.into())?;
        Ok(())
    }

    pub(super) fn take_turn(&mut self, python: &Path) -> Result<()> {
        let answer = self.folder.join("answer.npy");
        let output = environment::unhindered(Command::new(python))
            .arg(self.folder.join("training.py"))
            .arg(self.method)
            .arg(&self.folder)
            .arg(&answer)
            .output()
            .with_context(|| format!("{} cannot be run", python.display()))?;
        ensure!(
            output.status.success(),
            "{} ended with {}: {}",
            self.name,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let said = String::from_utf8_lossy(&output.stdout);
        let cost: Cost = serde_json::from_str(said.lines().last().unwrap_or(""))
            .with_context(|| format!("{} did not say what it cost: {said}", self.name))?;
        let trained = npy::read::<f32>(&answer)?.values;
        let moved = distance(&self.trained, &self.initial);
        self.off_by = distance(&trained, &self.trained) / moved;
        ensure!(
            self.off_by < AGREEMENT,
            "{} trained other weights: off by {:.1e} of the way",
            self.name,
            self.off_by
        );
        self.version = cost.version;
        let micros = |seconds: f64| seconds * 1e6 / (self.steps * self.recipe.seeds) as f64;
        self.rounds.push(Round {
            cpu_us: micros(cost.cpu_s),
            wall_us: micros(cost.wall_s),
        });
        Ok(())
    }
}

/// Infinite if the lengths differ.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    if a.len() != b.len() {
        return f64::INFINITY;
    }
    let squares = std::iter::zip(a, b).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2));
    squares.sum::<f64>().sqrt()
}
