//! This program again, as a process that can be killed or kept in bounds.

use super::{attacks, broken, fuzz, together, training};
use anyhow::{Context, Result};
use clap::Subcommand;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a child does.
#[derive(Subcommand)]
pub(crate) enum Child {
    /// Trains a store, and prints every epoch that is acknowledged.
    Train(training::Train),
    /// Imports a folder of checkpoints.
    Import { from: PathBuf, out: PathBuf },
    /// Reads a file, and says what it took.
    Read {
        reader: broken::Reader,
        path: PathBuf,
        /// Without any limit: what the harness must notice.
        #[arg(long)]
        unlimited: bool,
    },
    /// Reads an attack, imports it, and exports what came of it.
    Attacked { path: PathBuf, out: PathBuf },
    /// Reads mutated files.
    Fuzz(fuzz::Fuzz),
    /// Writes one shard of store after store.
    Write {
        root: PathBuf,
        shard: u32,
        seconds: u64,
    },
    /// Reads store after store.
    Watch { root: PathBuf, seconds: u64 },
}

pub(crate) fn run(child: &Child) -> Result<()> {
    match child {
        Child::Train(options) => training::train(options),
        Child::Import { from, out } => training::import(from, out),
        Child::Read {
            reader,
            path,
            unlimited,
        } => broken::read_as_child(*reader, path, *unlimited),
        Child::Attacked { path, out } => attacks::open_as_child(path, out),
        Child::Fuzz(options) => fuzz::fuzz_as_child(options),
        Child::Write {
            root,
            shard,
            seconds,
        } => together::write(root, *shard, *seconds),
        Child::Watch { root, seconds } => together::watch(root, *seconds),
    }
}

/// This program, as a child, with its output to be read.
pub(super) fn command() -> Result<Command> {
    let program = std::env::current_exe().context("where this program is")?;
    let mut command = Command::new(program);
    command
        .arg("child")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// As [`command`], of so many KiB of address space and seconds of processor at most, where the shell
/// can limit that.
pub(super) fn bounded(memory_kib: u64, seconds: u64) -> Result<Command> {
    let program = std::env::current_exe().context("where this program is")?;
    let mut command = Command::new("sh");
    let script = format!(
        "ulimit -t {seconds}; ulimit -v {memory_kib} 2>/dev/null; exec \"$0\" child \"$@\""
    );
    command
        .args([Path::new("-c"), Path::new(&script)])
        .arg(program)
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}
