//! `cargo xtask bench`: measurements, each beside its peers, written to results/bench/.

mod analysis;
mod environment;
mod headline;
mod large;
mod mirrored;
mod npy;
mod scaling;
mod train;

use anyhow::Result;
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use weightspace::statistics::median;
use zoo_training::Backend;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Microseconds per model-step of every training engine.
    Train(train::Options),
    /// Seconds and memory of the analysis and of its peers, and whether the answers agree.
    Analysis(analysis::Options),
    /// One turn of ours, in a process of its own.
    #[command(hide = true)]
    AnalysisTurn(analysis::OwnTurn),
    /// What tree, clusters and order of ever more checkpoints cost, up to two million.
    Scaling(scaling::Options),
    /// Seconds and memory of commands on models of 0.85 and 3 billion weights, and of their peers.
    Large(large::Options),
    /// One size, in a process of its own.
    #[command(hide = true)]
    ScalingTurn(scaling::Turn),
}

impl Bench {
    /// The engines that it measures.
    pub(crate) fn backends(&self) -> &[Backend] {
        match self {
            Self::Train(options) if !options.as_built => &train::BURN,
            _ => &[],
        }
    }
}

pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Train(options) => train::run(options),
        Bench::Analysis(options) => analysis::run(options),
        Bench::AnalysisTurn(turn) => turn.take(),
        Bench::Scaling(options) => scaling::run(options),
        Bench::ScalingTurn(turn) => turn.take(),
        Bench::Large(options) => large::run(options),
    }
}

/// The least: whatever else the machine does only adds.
fn least(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::INFINITY, f64::min)
}

/// How many times as long as ours another took, round by round: the turns of a round are near in time.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Rounds {
    median: f64,
    least: f64,
    most: f64,
}

impl Rounds {
    /// Of one round at least.
    fn of(ours: &[f64], other: &[f64]) -> Self {
        let ratios: Vec<f64> = other.iter().zip(ours).map(|(b, a)| b / a).collect();
        Self {
            least: least(ratios.iter().copied()),
            most: ratios.iter().copied().fold(0.0, f64::max),
            median: median(ratios),
        }
    }

    fn cell(self) -> String {
        let Self {
            median,
            least,
            most,
        } = self;
        format!("{median:.1} ({least:.1} to {most:.1})")
    }
}
