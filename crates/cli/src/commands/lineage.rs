//! `modeltrail lineage`: which of many checkpoints one comes from.

use super::limits::Reading;
use super::map::Mapping;
use super::{print_json, print_text, report_formats, report_skipped, report_unread};
use crate::global::{Global, Outcome};
use crate::memory::Memory;
use anyhow::{Context, Result};
use clap::Args;
use modeltrail::Checkpoint;
use modeltrail::collection::Options;
use modeltrail::lineage::{Candidates, Relation};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail lineage suspect.safetensors --against checkpoints/
  modeltrail lineage tuned.pt --against 'runs/*/epoch-*.pt' base.safetensors
  modeltrail lineage sketches.json:tuned.pt --against sketches.json --json

What only one has, such as a new head, is skipped and named.
Exit status: 0 = related to one of them, 1 = no relation found, 2 = an error, nothing to compare with,
or tensors could not be read and no relation was found in the others.")]
pub(crate) struct Command {
    /// One checkpoint: a file, a folder with one, STORE:RUN/EPOCH, or FILE.json[:NAME] for a sketch.
    suspect: PathBuf,
    /// Where it may come from: stores, files, folders, globs, and sketches (`.json`).
    #[arg(long, required = true, num_args = 1.., value_name = "PATHS")]
    against: Vec<PathBuf>,
    /// Number of runs among them, if you know it; otherwise it is inferred from the weights.
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Memory for weights; what needs more is sketched: distances to 2.2 %.
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    memory: Memory,
    /// Keep sketches of files in this folder: a second question about the same files reads no weights.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Seed of the shuffle, and of the test.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    mapping: Mapping,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let options = Options {
        memory: command.memory.0,
        seed: command.seed,
        cache: command.cache.clone(),
        map: command.mapping.map()?,
        ..command.reading.options()
    };
    let suspect = Checkpoint::open(&command.suspect, &options)
        .context("the suspect checkpoint cannot be read")?;
    report_formats(&[&suspect])?;
    let candidates = Candidates::read(&command.against, &suspect, &options);
    report_unread(&candidates.collection().problems)?;
    report_skipped(candidates.collection())?;
    let lineage = modeltrail::lineage(&suspect, candidates, command.runs, &options)?;
    if global.json {
        print_json(&lineage)?;
    } else {
        print_text(&lineage)?;
    }
    Ok(match lineage.relation() {
        Relation::Identical | Relation::Derived | Relation::SharedStart => Outcome::Fine,
        Relation::None => Outcome::Finding,
        Relation::CannotTell => Outcome::Unknown,
    })
}
