//! `cargo xtask bench`: measurements, each beside its peers, written to results/bench/.

mod analysis;
mod environment;
mod headline;
mod mirrored;
mod npy;
mod scaling;
mod train;

use anyhow::Result;
use clap::Subcommand;

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
    /// One size, in a process of its own.
    #[command(hide = true)]
    ScalingTurn(scaling::Turn),
}

pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Train(options) => train::run(options),
        Bench::Analysis(options) => analysis::run(options),
        Bench::AnalysisTurn(turn) => turn.take(),
        Bench::Scaling(options) => scaling::run(options),
        Bench::ScalingTurn(turn) => turn.take(),
    }
}

/// The middle one, or the mean of the two in the middle; at least one value.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}
