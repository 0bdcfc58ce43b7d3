//! `cargo xtask bench train`: every engine and its peers in one run, beside the machine's peak.

mod peers;

use super::{Rounds, least};
use crate::files::{write, write_json};
use crate::machine::Machine;
use anyhow::{Result, ensure};
use clap::Args;
use cpu_time::ProcessTime;
use peers::Peer;
use report::table::{Column, Table};
use serde::Serialize;
use std::path::{Path, PathBuf};
use zoo_training::fused::{Fused, InstructionSet, multiply_add};
use zoo_training::{Architecture, Backend, Dataset, Engine, Population, Recipe};

/// The engines that are measured where they are built in.
pub(crate) const BURN: [Backend; 2] = [Backend::Ndarray, Backend::Flex];

#[derive(Args)]
pub(crate) struct Options {
    /// Where `train.json` and `train.md` go.
    #[arg(long, value_name = "DIR", default_value = "results/bench")]
    out: PathBuf,
    /// Times that every engine takes its turn; the least that it took is reported.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Models that train side by side.
    #[arg(long, value_name = "N", default_value_t = 250)]
    models: usize,
    /// Only our own engines.
    #[arg(long)]
    alone: bool,
    /// An interpreter that has the peers, in place of a virtual environment made for them.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Only the engines that this build has, in place of building Burn's.
    #[arg(long)]
    pub(crate) as_built: bool,
}

/// One engine or peer on one architecture.
#[derive(Serialize)]
struct Measurement {
    engine: String,
    /// Of a peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Distance of a peer's weights from those of `fused` after the same steps, as a share of how
    /// far the steps moved them.
    #[serde(skip_serializing_if = "Option::is_none")]
    off_by: Option<f64>,
    architecture: Architecture,
    models: usize,
    threads: usize,
    /// Processor time, all threads together, of the round in which it was least.
    cpu_us_per_model_step: f64,
    cpu_us_at_most: f64,
    wall_us_per_model_step: f64,
    /// How many times as long as our fastest engine it took, round by round.
    times_fastest: Rounds,
    /// Nominal operations (nothing skipped) per second of processor time.
    gflops: f64,
    fma_peak_gflops: f64,
    rounds: usize,
}

#[derive(Serialize)]
struct Manifest {
    command: String,
    machine: Machine,
}

struct Contender {
    engine: Box<dyn Engine>,
    recipe: Recipe,
    threads: usize,
    /// Training images, so that a round takes about a second.
    images: usize,
    rounds: Vec<Round>,
}

struct Round {
    cpu_us: f64,
    wall_us: f64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        options.rounds > 0 && options.models > 0,
        "give at least 1 round and 1 model"
    );
    let data = Dataset::mnist14()?;
    let mut contenders = contenders(options)?;
    let (python, mut peers) = match options.alone {
        true => (PathBuf::new(), Vec::new()),
        false => with_peers(options.python.as_deref(), &data)?,
    };
    let mut peak = 0.0f64;
    for round in 0..options.rounds {
        peak = peak.max(peak_gflops(InstructionSet::available()[0]));
        for contender in &mut contenders {
            let name = contender.engine.name();
            eprintln!(
                "round {}: {name} {}",
                round + 1,
                contender.recipe.architecture.name()
            );
            contender.take_turn(&data)?;
        }
        for peer in &mut peers {
            let architecture = peer.recipe.architecture.name();
            eprintln!("round {}: {} {architecture}", round + 1, peer.name);
            peer.take_turn(&python)?;
        }
    }
    let ours = contenders
        .iter()
        .map(|contender| contender.measurement(fastest(&contenders, &contender.recipe), peak));
    let theirs = peers
        .iter()
        .map(|peer| Measurement::of_peer(peer, fastest(&contenders, &peer.recipe), peak));
    let mut measurements: Vec<Measurement> = ours.chain(theirs).collect();
    // Ours as they come, then the peers, the best first.
    measurements.sort_by(|a, b| {
        let place = |one: &Measurement| (one.architecture.name() == "cnn", one.version.is_some());
        let cost = |one: &Measurement| {
            one.version
                .as_ref()
                .map_or(0.0, |_| one.cpu_us_per_model_step)
        };
        (place(a).cmp(&place(b))).then(cost(a).total_cmp(&cost(b)))
    });
    write_json(&options.out.join("train.json"), &measurements)?;
    let table = table(&measurements, peak).to_markdown();
    write(&options.out.join("train.md"), &table)?;
    super::headline::update(&options.out)?;
    let manifest = Manifest {
        command: format!(
            "cargo xtask bench train --rounds {}{}",
            options.rounds,
            if options.as_built { " --as-built" } else { "" }
        ),
        machine: Machine::this(),
    };
    write_json(&options.out.join("train.manifest.json"), &manifest)?;
    print!("{table}");
    Ok(())
}

/// The peers with their rounds, and the interpreter that runs them.
fn with_peers(python: Option<&Path>, data: &Dataset) -> Result<(PathBuf, Vec<Peer>)> {
    let python = match python {
        Some(python) => python.to_owned(),
        None => peers::prepare()?,
    };
    let peers = peers::WAYS.iter().map(|way| Peer::new(way, data));
    Ok((python, peers.collect::<Result<_>>()?))
}

/// The rounds of the fastest of our engines on one thread.
fn fastest<'a>(contenders: &'a [Contender], recipe: &Recipe) -> &'a [Round] {
    contenders
        .iter()
        .filter(|one| one.threads == 1 && one.recipe.architecture == recipe.architecture)
        .map(|one| &one.rounds[..])
        .min_by(|a, b| {
            let cost = |rounds: &[Round]| least(rounds.iter().map(|round| round.cpu_us));
            cost(a).total_cmp(&cost(b))
        })
        .unwrap_or(&[])
}

fn contenders(options: &Options) -> Result<Vec<Contender>> {
    let mut contenders = Vec::new();
    for preset in ["mlp", "cnn"] {
        let recipe = Recipe {
            seeds: options.models,
            ..Recipe::preset(preset)?
        };
        let mut add = |engine: Box<dyn Engine>, threads, steps: usize| {
            contenders.push(Contender {
                engine,
                threads,
                images: steps * recipe.batch_size,
                recipe: recipe.clone(),
                rounds: Vec::new(),
            });
        };
        for set in InstructionSet::available() {
            let steps = if set == InstructionSet::Portable {
                20
            } else {
                2000
            };
            add(Box::new(Fused::on(set)), 1, steps);
        }
        add(Box::new(Fused::new()), 2, 4000);
        for backend in BURN {
            if backend.is_built_in() {
                add(backend.engine()?, 1, 60);
            }
        }
    }
    Ok(contenders)
}

impl Contender {
    fn take_turn(&mut self, data: &Dataset) -> Result<()> {
        let data = data.take(self.images, 1);
        let mut population = Population::initial(&self.recipe)?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build()?;
        let wall = std::time::Instant::now();
        let cpu = ProcessTime::now();
        pool.install(|| self.engine.train_epoch(&mut population, &data, &|_| ()))?;
        let steps = self.recipe.steps_per_epoch(self.images) * self.recipe.seeds;
        let micros = |seconds: f64| seconds * 1e6 / steps as f64;
        self.rounds.push(Round {
            cpu_us: micros(cpu.elapsed().as_secs_f64()),
            wall_us: micros(wall.elapsed().as_secs_f64()),
        });
        Ok(())
    }

    fn measurement(&self, fastest: &[Round], fma_peak_gflops: f64) -> Measurement {
        Measurement {
            engine: self.engine.name(),
            threads: self.threads,
            ..Measurement::of(&self.recipe, &self.rounds, fastest, fma_peak_gflops)
        }
    }
}

impl Measurement {
    fn of(recipe: &Recipe, rounds: &[Round], fastest: &[Round], fma_peak_gflops: f64) -> Self {
        let cpu_us =
            |rounds: &[Round]| -> Vec<f64> { rounds.iter().map(|round| round.cpu_us).collect() };
        let cpu_us_per_model_step = least(cpu_us(rounds));
        Self {
            engine: String::new(),
            version: None,
            off_by: None,
            architecture: recipe.architecture,
            models: recipe.seeds,
            threads: 1,
            cpu_us_per_model_step,
            cpu_us_at_most: cpu_us(rounds).into_iter().fold(0.0, f64::max),
            wall_us_per_model_step: least(rounds.iter().map(|round| round.wall_us)),
            times_fastest: Rounds::of(&cpu_us(fastest), &cpu_us(rounds)),
            gflops: operations(recipe) / cpu_us_per_model_step / 1e3,
            fma_peak_gflops,
            rounds: rounds.len(),
        }
    }

    fn of_peer(peer: &Peer, fastest: &[Round], fma_peak_gflops: f64) -> Self {
        Self {
            engine: peer.name.to_owned(),
            version: Some(peer.version.clone()),
            off_by: Some(peer.off_by),
            ..Self::of(&peer.recipe, &peer.rounds, fastest, fma_peak_gflops)
        }
    }
}

/// Nominal floating-point operations of a model-step: every multiply-add of the forward pass, of
/// the weight gradient and, but for the first layer, of the input gradient counts two.
fn operations(recipe: &Recipe) -> f64 {
    let forward: &[f64] = match recipe.architecture {
        Architecture::Mlp => &[1960.0, 100.0, 100.0],
        Architecture::Cnn => &[49.0 * 144.0, 4.0 * 1152.0, 80.0],
    };
    let first = forward[0];
    let per_image = 2.0 * (3.0 * forward.iter().sum::<f64>() - first);
    per_image * recipe.batch_size as f64
}

fn peak_gflops(set: InstructionSet) -> f64 {
    multiply_add(set, 1_000_000);
    let cpu = ProcessTime::now();
    let operations = multiply_add(set, 20_000_000);
    operations as f64 / cpu.elapsed().as_secs_f64() / 1e9
}

fn table(measurements: &[Measurement], peak: f64) -> Table {
    let best = |architecture: Architecture| {
        measurements
            .iter()
            .filter(|one| one.architecture == architecture && one.threads == 1)
            .map(|one| one.cpu_us_per_model_step)
            .fold(f64::INFINITY, f64::min)
    };
    let rows = measurements.iter().map(|one| {
        vec![
            one.architecture.name().to_owned(),
            match &one.version {
                Some(version) => format!("{} ({version})", one.engine),
                None => one.engine.clone(),
            },
            one.models.to_string(),
            one.threads.to_string(),
            format!("{:.2}", one.cpu_us_per_model_step),
            format!("{:.2}", one.cpu_us_at_most),
            format!("{:.2}", one.wall_us_per_model_step),
            format!("{:.1}", one.gflops),
            format!("{:.1}", one.cpu_us_per_model_step / best(one.architecture)),
            one.times_fastest.cell(),
        ]
    });
    Table {
        caption: format!(
            "Microseconds per model-step, the least of the rounds; one core's peak of fused multiply-add \
             is {peak:.0} GFLOP/s"
        ),
        columns: vec![
            Column::text("network"),
            Column::text("engine"),
            Column::number("", "models"),
            Column::number("", "threads"),
            Column::number("", "CPU µs"),
            Column::number("", "at most"),
            Column::number("", "wall µs"),
            Column::number("", "nominal GFLOP/s"),
            Column::number("", "times the fastest"),
            Column::number("", "in each round: median (least to most)"),
        ],
        rows: rows.collect(),
    }
}
