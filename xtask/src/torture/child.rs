//! What this program does when it is started again, to be killed or kept in bounds.

use super::{attacks, broken, fuzz, together, training};
use anyhow::Result;
use clap::Subcommand;
use std::path::PathBuf;

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
