//! The commands of the workspace: orchestration only, no algorithm.
#![forbid(unsafe_code)]

mod api;
mod audit;
mod backends;
mod bench;
mod ci;
mod dataset;
mod experiments;
mod files;
mod gallery;
mod machine;
mod recipes;
mod regress;
mod reproduce;
/// Kills processes and limits their memory, which only Unix does this way.
#[cfg(unix)]
mod torture;
mod watched;
mod zoos;

use clap::Parser;
use std::process::ExitCode;
use zoo_training::Backend;

/// The commands of the modeltrail workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Repeat the paper: train both zoos, recover the trajectories, write tables and figures.
    Reproduce(reproduce::Options),
    /// Search for the recipe whose figures come nearest to the paper's tables.
    Recipes(recipes::Options),
    /// Settle how well order, direction, shifts and forks can be read, with controls.
    Experiments(experiments::Options),
    /// Train the gallery of trainings with events, and judge how well these are seen.
    Gallery(gallery::Options),
    /// Plant defects into trainings of the gallery, and say how often `modeltrail audit` names them.
    Audit(audit::Options),
    /// Whether answers moved: what the commands say, and how well order, runs, forks and shifts are
    /// read off small series. Exit status 1 if any did.
    Regress(regress::Options),
    /// Try every promise of the store and of the readers, many times over.
    #[cfg(unix)]
    Torture(torture::Options),
    /// Compare the public API of every published crate with its listing in docs/api/.
    Api(api::Options),
    /// What `torture` starts and kills.
    #[cfg(unix)]
    #[command(subcommand, hide = true)]
    Child(torture::child::Child),
    /// Make the files of datasets/ from their originals.
    #[command(subcommand)]
    Dataset(dataset::Source),
    /// Check what every change must keep; with --full, everything else too.
    Ci(ci::Options),
    /// Measure, and write what was measured to results/bench/.
    #[command(subcommand)]
    Bench(bench::Bench),
}

impl Command {
    /// The engines that it uses.
    fn backends(&self) -> &[Backend] {
        match self {
            Self::Reproduce(options) => std::slice::from_ref(&options.backend),
            Self::Experiments(options) => std::slice::from_ref(&options.backend),
            Self::Bench(bench) => bench.backends(),
            _ => &[],
        }
    }
}

fn main() -> ExitCode {
    let command = Command::parse();
    match backends::have(command.backends()) {
        Ok(None) => {}
        Ok(Some(status)) if status.success() => return ExitCode::SUCCESS,
        Ok(Some(_)) => return ExitCode::from(2),
        Err(error) => return modeltrail_cli::failure::fail(&error),
    }
    let done = match command {
        Command::Reproduce(options) => reproduce::run(&options),
        Command::Recipes(options) => recipes::run(&options),
        Command::Experiments(options) => experiments::run(&options),
        Command::Gallery(options) => gallery::run(&options),
        Command::Audit(options) => audit::run(&options),
        Command::Regress(options) => match regress::run(&options) {
            Ok(true) => return ExitCode::from(1),
            other => other.map(|_| ()),
        },
        #[cfg(unix)]
        Command::Torture(options) => torture::run(&options),
        Command::Api(options) => api::run(&options),
        #[cfg(unix)]
        Command::Child(child) => torture::child::run(&child),
        Command::Dataset(source) => dataset::run(&source),
        Command::Ci(options) => ci::run(&options),
        Command::Bench(bench) => bench::run(&bench),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => modeltrail_cli::failure::fail(&error),
    }
}
