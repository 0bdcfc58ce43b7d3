//! `cargo xtask bench large`: what commands take on models that are larger than the memory they may use.
//!
//! The models are generated: bf16 in shards with their index, shapes as Llama has them, weights drawn at
//! random, and a second one that moved by 2 % from the first. Everything is read from the page cache.

mod llama;

use crate::files::{write, write_json};
use crate::machine::{Machine, without_folders};
use crate::watched::{Took, watched};
use anyhow::{Context, Result, ensure};
use clap::Args;
use llama::{Llama, SERIES, SIZES};
use report::table::{Column, Table};
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    /// Where the table and its manifest go.
    #[arg(long, value_name = "DIR", default_value = "results/large")]
    out: PathBuf,
    /// Where the models are generated, unless they lie there: 22 GB.
    #[arg(long, value_name = "DIR", default_value = "target/large")]
    models: PathBuf,
    /// The command of version 0.1, to be measured beside this one.
    #[arg(long, value_name = "PROGRAM")]
    before: Option<PathBuf>,
    /// A Python with torch, safetensors and modeldelta, to be measured beside it.
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Only the smaller pair, once.
    #[arg(long)]
    quick: bool,
}

/// Memory that the commands are told they may use.
const MEMORY: &str = "512M";
/// Nothing is waited for any longer.
const MOST: Duration = Duration::from_secs(300);
/// Rounds of each command: the least counts, since whatever else the machine does only adds.
const ROUNDS: usize = 3;
/// Checkpoints of the series.
const SERIES_LENGTH: usize = 154;

/// One row of the table.
#[derive(Serialize)]
struct Row {
    what: String,
    /// Billions of weights of one model.
    size: String,
    seconds: f64,
    processor_seconds: f64,
    peak_mib: u64,
    /// Bytes of all files ÷ seconds, in GB/s.
    rate: f64,
    note: String,
}

#[derive(Serialize)]
struct Manifest {
    command: String,
    machine: Machine,
    rounds: usize,
    memory: &'static str,
    rows: Vec<Row>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let own = std::env::current_exe()?.with_file_name("modeltrail");
    ensure!(
        own.exists(),
        "{} is not there: cargo build --release",
        own.display()
    );
    let rounds = if options.quick { 1 } else { ROUNDS };
    let mut rows = vec![memory_copy()];
    let sizes = if options.quick {
        &SIZES[..1]
    } else {
        &SIZES[..]
    };
    for (place, size) in sizes.iter().enumerate() {
        rows.extend(pair(options, &own, size, rounds, place == 0)?);
    }
    if !options.quick {
        rows.extend(series(options, &own)?);
    }
    let manifest = Manifest {
        command: crate::machine::command(),
        machine: Machine::this(),
        rounds,
        memory: MEMORY,
        rows,
    };
    write(&options.out.join("large.md"), page(&manifest))?;
    write_json(&options.out.join("large.json"), &manifest)?;
    eprintln!("written to {}", options.out.display());
    Ok(())
}

/// Two models of one size; beside peers, if they are small enough for these.
fn pair(
    options: &Options,
    own: &Path,
    size: &Llama,
    rounds: usize,
    has_peers: bool,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let [a, b] = ["a", "b"].map(|name| options.models.join(size.name).join(name));
    let bytes = size.generate(&a, 0.0)?;
    size.generate(&b, 0.02)?;
    read_all(&a)?;
    read_all(&b)?;
    let [a, b] = [&a, &b].map(|path| path.to_string_lossy().into_owned());
    let (a, b) = (a.as_str(), b.as_str());
    let kept = options.models.join("kept.json");
    for (what, threads) in [("sketch, one thread", Some("1")), ("sketch", None)] {
        let mut command = Command::new(own);
        command.args(["sketch", a, "--out"]).arg(&kept);
        if let Some(threads) = threads {
            command.env("RAYON_NUM_THREADS", threads);
        }
        let written = Some(kept.as_path());
        rows.push(measured(
            what,
            size.name,
            &mut command,
            bytes,
            rounds,
            written,
        )?);
    }
    let compare = [
        ("diff", vec!["diff", a, b]),
        ("gate", vec!["gate", "--accredited", a, "--candidate", b]),
        ("lineage", vec!["lineage", b, "--against", a]),
    ];
    for (what, arguments) in &compare {
        let mut command = Command::new(own);
        command.args(arguments).args(["--memory", MEMORY]);
        rows.push(measured(
            what,
            size.name,
            &mut command,
            2 * bytes,
            rounds,
            None,
        )?);
    }
    if let (Some(before), true) = (&options.before, has_peers) {
        for (what, arguments) in &compare[..2] {
            let mut command = Command::new(before);
            command.args(arguments);
            let what = format!("{what}, modeltrail 0.1");
            rows.push(measured(
                &what,
                size.name,
                &mut command,
                2 * bytes,
                1,
                None,
            )?);
        }
    }
    if let (Some(python), true) = (&options.python, has_peers) {
        let mut command = Command::new(python);
        command.args(["-c", PYTHON, a, b]);
        let what = "distance in Python";
        rows.push(measured(what, size.name, &mut command, 2 * bytes, 1, None)?);
        let mut command = Command::new(python.with_file_name("modeldelta"));
        command.args([a, b, "--quiet"]);
        rows.push(measured(
            "modeldelta",
            size.name,
            &mut command,
            2 * bytes,
            1,
            None,
        )?);
    }
    Ok(rows)
}

/// Distance of two checkpoints, tensor by tensor, as one would write it.
const PYTHON: &str = "
import glob, os, sys
from safetensors import safe_open
a, b = sys.argv[1:]
total = 0.0
for file in sorted(glob.glob(os.path.join(a, '*.safetensors'))):
    with safe_open(file, 'pt') as one, safe_open(os.path.join(b, os.path.basename(file)), 'pt') as two:
        for name in one.keys():
            change = two.get_tensor(name).float() - one.get_tensor(name).float()
            total += change.pow(2).sum().item()
print(total ** 0.5)
";

/// `runs` of a series of checkpoints: at first, and with its sketches kept.
fn series(options: &Options, own: &Path) -> Result<Vec<Row>> {
    let folder = options.models.join("series");
    let mut bytes = 0;
    for step in 0..SERIES_LENGTH {
        let place = folder.join(format!("step-{step}"));
        bytes += SERIES.generate(&place, 0.002 * step as f32)?;
        read_all(&place)?;
    }
    let cache = options.models.join("cache");
    if cache.exists() {
        std::fs::remove_dir_all(&cache)?;
    }
    let mut rows = Vec::new();
    for what in ["runs", "runs, asked again"] {
        let mut command = Command::new(own);
        let memory = ["--memory", MEMORY, "--cache"];
        command.arg("runs").arg(&folder).args(memory).arg(&cache);
        rows.push(measured(what, SERIES.name, &mut command, bytes, 1, None)?);
    }
    Ok(rows)
}

fn measured(
    what: &str,
    size: &str,
    command: &mut Command,
    bytes: u64,
    rounds: usize,
    written: Option<&Path>,
) -> Result<Row> {
    let mut best: Option<Took> = None;
    let mut note = String::new();
    let mut peak = 0;
    for _ in 0..rounds {
        if let Some(written) = written {
            let _ = std::fs::remove_file(written);
        }
        let (output, took) = watched(command, MOST)?;
        peak = peak.max(took.resident_kib / 1024);
        match output {
            None => note = format!("ended after {} s", MOST.as_secs()),
            Some(output) if !matches!(output.status.code(), Some(0 | 1)) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                note = format!(
                    "failed: {}",
                    without_folders(said.lines().last().unwrap_or_default())
                );
            }
            Some(_) => {}
        }
        if best.is_none_or(|best| took.wall < best.wall) {
            best = Some(took);
        }
    }
    let took = best.context("no round was made")?;
    let seconds = took.wall.as_secs_f64();
    eprintln!("{what}, {size} billion: {seconds:.2} s, {peak} MiB {note}");
    Ok(Row {
        what: what.to_owned(),
        size: size.to_owned(),
        seconds,
        processor_seconds: took.processor.as_secs_f64(),
        peak_mib: peak,
        rate: bytes as f64 / seconds / 1e9,
        note,
    })
}

/// Copies a gigabyte: what the machine can do at most.
fn memory_copy() -> Row {
    let source = vec![1_u8; 1 << 30];
    let mut target = vec![2_u8; 1 << 30];
    let start = Instant::now();
    target.copy_from_slice(&source);
    let seconds = start.elapsed().as_secs_f64();
    std::hint::black_box(&target);
    Row {
        what: "memory copy, one thread".to_owned(),
        size: "–".to_owned(),
        seconds,
        processor_seconds: seconds,
        peak_mib: 2048,
        rate: source.len() as f64 / seconds / 1e9,
        note: String::new(),
    }
}

fn page(manifest: &Manifest) -> String {
    let numbers = [
        "billion weights",
        "seconds",
        "processor seconds",
        "GB/s of files",
        "peak MiB",
    ];
    let numbers = numbers.map(|title| Column::number("", title));
    let table = Table {
        caption: String::new(),
        columns: std::iter::once(Column::text("command"))
            .chain(numbers)
            .chain([Column::text("note")])
            .collect(),
        rows: manifest
            .rows
            .iter()
            .map(|row| {
                vec![
                    row.what.clone(),
                    row.size.clone(),
                    format!("{:.2}", row.seconds),
                    format!("{:.2}", row.processor_seconds),
                    format!("{:.2}", row.rate),
                    row.peak_mib.to_string(),
                    row.note.clone(),
                ]
            })
            .collect(),
    };
    let machine = &manifest.machine;
    format!(
        "# Models larger than memory\n\nTwo generated models of each size, bf16 in shards, and a series of \
         {SERIES_LENGTH}, read from the page cache; the commands were told to use {} of memory. Least time \
         and most memory of {} rounds; of peers and of the series one round, ended after {} s.\n\n{}\n\
         Commit {}. {}.\n",
        manifest.memory,
        manifest.rounds,
        MOST.as_secs(),
        table.to_markdown(),
        machine.commit,
        machine.line()
    )
}

/// Reads files once, so that they lie in the page cache.
fn read_all(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        std::io::copy(&mut File::open(entry?.path())?, &mut std::io::sink())?;
    }
    Ok(())
}
