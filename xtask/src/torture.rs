//! `cargo xtask torture`: the promises of a store and of its readers, each tried many times over.
//!
//! A promise is a module, and a row of the table. What is tried runs the code that commands run; where
//! a process is to be killed or kept in bounds, it is this program again, as a [`child`].

mod attacks;
mod broken;
pub(crate) mod child;
mod corruption;
mod errors;
mod fixtures;
mod fuzz;
mod harness;
mod kills;
mod power;
mod resumes;
mod tally;
mod together;
mod training;

use crate::files::{write, write_json};
use crate::machine::{Machine, peak_memory_mib};
use anyhow::{Result, bail};
use clap::Args;
use report::table::{Column, Table};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tally::{Row, Tally};

#[derive(Args)]
pub(crate) struct Options {
    /// Minutes in place of half an hour, and written to target/quick/reliability.
    #[arg(long)]
    quick: bool,
    /// Where the results go; results/reliability when not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only these promises, as R1,R5; nothing is written.
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

/// One group after the other; those of a group at the same time, for one of them mostly waits.
const PROMISES: [&[Promise]; 10] = [
    &[("R1", kills::run)],
    &[("R2", power::run)],
    &[("R3", errors::run)],
    &[("R4", resumes::run)],
    &[("R5", corruption::run)],
    &[("R6", broken::run)],
    &[("R7", attacks::run)],
    &[("R8", fuzz::run), ("R9", together::run)],
    &[("R10", fixtures::run)],
    &[("harness", harness::run)],
];

#[derive(Serialize)]
struct Manifest {
    command: String,
    machine: Machine,
    threads: usize,
    wall_s: f64,
    peak_memory_mib: Option<u64>,
    seconds: Vec<(String, f64)>,
    /// The first failures of each row.
    failures: Vec<String>,
    notes: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let effort = Effort {
        quick: options.quick,
    };
    let start = Instant::now();
    // As it was when it began: half an hour is long enough for a work tree to change.
    let machine = Machine::this();
    let (mut rows, mut seconds) = (Vec::new(), Vec::new());
    let (mut failures, mut notes) = (Vec::new(), Vec::new());
    let asked = |name: &str| options.only.is_empty() || options.only.iter().any(|of| of == name);
    for group in PROMISES {
        let group = group.iter().filter(|(name, _)| asked(name));
        for (name, tallies, took) in try_group(group, effort)? {
            for tally in tallies {
                let row = tally.row(name);
                eprintln!(
                    "{name:7} {:>10} tried {:>5} failed  {}",
                    row.tried, row.failed, row.what
                );
                for failure in tally.failures() {
                    eprintln!("        {failure}");
                    failures.push(format!("{name}: {failure}"));
                }
                notes.extend(tally.notes().map(|note| format!("{name}: {note}")));
                rows.push(row);
            }
            seconds.push((name.to_owned(), round(took.as_secs_f64())));
        }
    }
    for note in &notes {
        eprintln!("note: {note}");
    }
    let failed: u64 = rows.iter().map(|row| row.failed).sum();
    if options.only.is_empty() {
        let out = options.out.clone().unwrap_or_else(|| {
            effort
                .of("results/reliability", "target/quick/reliability")
                .into()
        });
        write_json(&out.join("summary.json"), &rows)?;
        write(&out.join("summary.md"), page(&rows, &notes))?;
        write_json(
            &out.join("manifest.json"),
            &Manifest {
                command: format!(
                    "cargo xtask {}",
                    std::env::args().skip(1).collect::<Vec<_>>().join(" ")
                ),
                machine,
                threads: rayon::current_num_threads(),
                wall_s: round(start.elapsed().as_secs_f64()),
                peak_memory_mib: peak_memory_mib(),
                seconds,
                failures,
                notes,
            },
        )?;
        eprintln!("written to {}", out.display());
    }
    if failed > 0 {
        bail!("{failed} failures: what is promised does not hold");
    }
    Ok(())
}

/// What a promise is called, what came of it, and how long it took.
type Tried = (&'static str, Vec<Tally>, Duration);

fn try_group<'a>(group: impl Iterator<Item = &'a Promise>, effort: Effort) -> Result<Vec<Tried>> {
    std::thread::scope(|scope| {
        let running: Vec<_> = group
            .map(|(name, promise)| {
                scope.spawn(move || {
                    let start = Instant::now();
                    promise(effort).map(|tallies| (*name, tallies, start.elapsed()))
                })
            })
            .collect();
        let ended = running.into_iter().map(|promise| promise.join());
        ended
            .map(|ended| ended.unwrap_or_else(|_| bail!("a check itself panicked")))
            .collect()
    })
}

fn page(rows: &[Row], notes: &[String]) -> String {
    let table = Table {
        caption: String::new(),
        columns: vec![
            Column::text("promise"),
            Column::text("what"),
            Column::number("", "tried"),
            Column::number("", "failed"),
        ],
        rows: rows
            .iter()
            .map(|row| {
                let numbers = [row.tried, row.failed].map(|number| number.to_string());
                let [tried, failed] = numbers;
                vec![row.promise.clone(), row.what.clone(), tried, failed]
            })
            .collect(),
    };
    let mut page = format!(
        "# What was tried, and what failed\n\nBy `cargo xtask torture`; the rows called harness break \
         something on purpose, and fail where that is not caught. manifest.json says on what, and how \
         long it took.\n\n{}",
        table.to_markdown()
    );
    for note in notes {
        page.push_str(&format!("\n{note}\n"));
    }
    page
}

fn round(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
