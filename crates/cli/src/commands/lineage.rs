//! `modeltrail lineage`: which of many checkpoints one comes from.

use super::limits::Reading;
use super::{fine_or_finding, print_json, print_text, report_skipped, report_unread};
use crate::cli::{Global, Outcome};
use crate::memory::Memory;
use anyhow::Result;
use clap::Args;
use modeltrail::collection::Options;
use modeltrail::lineage::Lineage;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail lineage suspect.safetensors --against checkpoints/
  modeltrail lineage tuned.pt --against 'runs/*/epoch-*.pt' base.safetensors
  modeltrail lineage sketches.json:tuned.pt --against sketches.json --json

Tensors are matched by name and shape; what only one has, such as a new head, is left out and named.
Exit status: 0 = related to one of them, 1 = no relation found, 2 = an error, or nothing to compare with.")]
pub(crate) struct Command {
    /// One checkpoint: a file, a folder with one, STORE:RUN/EPOCH, or FILE.json[:NAME] for a sketch.
    suspect: PathBuf,
    /// Where it may come from: stores, files, folders, globs, and sketches (`.json`).
    #[arg(long, required = true, num_args = 1.., value_name = "PATHS")]
    against: Vec<PathBuf>,
    /// Number of runs among them, if you know it; otherwise the weights have to tell.
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Memory for weights; what needs more is sketched: distances to 2.2 %.
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    memory: Memory,
    /// Seed of the shuffle, and of the test.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let options = Options {
        memory: command.memory.0,
        seed: command.seed,
        ..command.reading.options()
    };
    let lineage = Lineage::find(&command.suspect, &command.against, command.runs, &options)?;
    report_unread(&lineage.collection().problems)?;
    report_skipped(lineage.collection())?;
    lineage.check()?;
    if global.json {
        print_json(&lineage)?;
    } else {
        print_text(&lineage)?;
    }
    Ok(fine_or_finding(lineage.is_related()))
}
