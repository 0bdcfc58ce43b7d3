//! `cargo xtask ci`: the check of every change, and with `--full` everything that does not fit in it.

mod commands;
mod engines;
mod remote;
mod steps;
mod summary;

use anyhow::{Result, bail, ensure};
use clap::Args;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;
use steps::STEPS;
use summary::{Step, Summary};

#[derive(Args)]
pub(crate) struct Options {
    /// What takes too long for every change: other engines, packages, installs, full samples.
    #[arg(long)]
    full: bool,
    /// Only these steps of the full check; the results of the others stay.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "full")]
    only: Vec<String>,
    /// Where `summary.md` and `summary.json` of the full check go.
    #[arg(long, value_name = "DIR", default_value = "results/ci")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.full {
        return commands::run(&mut Command::new(".ci/run"));
    }
    let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    for name in &options.only {
        ensure!(
            names.contains(&name.as_str()),
            "there is no step {name}; there are {}",
            names.join(", ")
        );
    }
    let mut summary = Summary::read(&options.out)?;
    for step in STEPS {
        if !options.only.is_empty() && !options.only.iter().any(|only| only == step.name) {
            continue;
        }
        eprintln!("== {}: {}", step.name, step.what);
        let start = Instant::now();
        let done = (step.run)();
        let seconds = start.elapsed().as_secs_f64();
        if let Err(error) = &done {
            eprintln!("{} failed: {error:#}", step.name);
        }
        // What is known so far is kept: it takes long, and may be interrupted.
        summary.replace(Step::new(step, seconds, done));
        summary.write(&options.out, &names)?;
    }
    print!("{}", summary.to_markdown());
    if !summary.is_passed() {
        bail!("the full check did not pass: see {}", options.out.display());
    }
    Ok(())
}
