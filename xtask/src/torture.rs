//! `cargo xtask torture`: the promises of a store and of its readers, each tried many times over.
//!
//! A promise is a module, and a row of the table. What is tried runs the code that commands run; where
//! a process is to be killed or kept in bounds, it is this program again, as a `child`.

mod attacks;
mod broken;
pub(crate) mod child;
mod corruption;
mod errors;
mod fixtures;
mod fuzz;
mod harness;
mod kills;
mod memory;
mod power;
mod process;
mod remote;
mod results;
mod resumes;
mod tally;
mod together;
mod training;

use crate::machine::{Machine, peak_memory_mib};
use anyhow::{Result, bail, ensure};
use clap::Args;
use results::{Attempt, Results};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tally::Tally;

#[derive(Args)]
pub(crate) struct Options {
    /// Minutes in place of an hour, and written to target/quick/reliability.
    #[arg(long)]
    quick: bool,
    /// Where the results go; results/reliability when not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only these promises, as R1,R5 or harness. The results of the others stay.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
}

/// How much is tried.
#[derive(Clone, Copy)]
struct Effort {
    quick: bool,
}

impl Effort {
    /// One number for the full form, another one for the quick.
    fn of<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// A promise, and what tries it.
type Promise = (&'static str, fn(Effort) -> Result<Vec<Tally>>);

/// In the order of the table. One after the other: what is timed has the machine for itself.
const PROMISES: [Promise; 13] = [
    ("R1", kills::run),
    ("R2", power::run),
    ("R3", errors::run),
    ("R4", resumes::run),
    ("R5", corruption::run),
    ("R6", broken::run),
    ("R7", attacks::run),
    ("R8", fuzz::run),
    ("R9", together::run),
    ("R10", fixtures::run),
    ("R12", memory::run),
    ("R13", remote::run),
    ("harness", harness::run),
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let effort = Effort {
        quick: options.quick,
    };
    let names: Vec<&str> = PROMISES.iter().map(|(name, _)| *name).collect();
    for name in &options.only {
        ensure!(
            names.contains(&name.as_str()),
            "there is no promise {name}; there are {}",
            names.join(", ")
        );
    }
    let folder = options.out.clone().unwrap_or_else(|| {
        let folder = effort.of("results/reliability", "target/quick/reliability");
        folder.into()
    });
    let mut results = Results::read(&folder, &names, options.only.is_empty())?;
    // As it was when it began: half an hour is long enough for a work tree to change.
    let machine = Machine::this();
    let mut failed = 0;
    for (name, promise) in PROMISES {
        if !options.only.is_empty() && !options.only.iter().any(|only| only == name) {
            continue;
        }
        let start = Instant::now();
        let tallies = promise(effort)?;
        let attempt = attempt(name, &machine, &tallies, start.elapsed());
        failed += tallies.iter().map(Tally::failed).sum::<u64>();
        tell(&attempt, &tallies);
        results.replace(attempt, &tallies);
        // All that is known so far: it takes long, and may be interrupted.
        results.write()?;
    }
    eprintln!("written to {}", folder.display());
    if failed > 0 {
        bail!("{failed} failures: what is promised does not hold");
    }
    Ok(())
}

fn attempt(name: &str, machine: &Machine, tallies: &[Tally], took: Duration) -> Attempt {
    Attempt {
        promise: name.to_owned(),
        command: crate::machine::command(),
        machine: machine.clone(),
        threads: rayon::current_num_threads(),
        seconds: round(took.as_secs_f64()),
        peak_memory_mib: peak_memory_mib(),
        failures: tallies.iter().flat_map(Tally::failures).cloned().collect(),
        notes: tallies.iter().flat_map(Tally::notes).cloned().collect(),
    }
}

fn tell(attempt: &Attempt, tallies: &[Tally]) {
    for row in tallies.iter().map(|tally| tally.row(&attempt.promise)) {
        eprintln!(
            "{:7} {:>10} tried {:>5} failed  {}",
            row.promise, row.tried, row.failed, row.what
        );
    }
    for failure in &attempt.failures {
        eprintln!("        {failure}");
    }
    for note in &attempt.notes {
        eprintln!("{}: {note}", attempt.promise);
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
