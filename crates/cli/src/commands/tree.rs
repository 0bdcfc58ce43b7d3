//! `modeltrail tree`: which of many models descends from which, and how each was made.

use super::limits::Reading;
use super::map::Mapping;
use super::{ended, print_json, print_text, report_unread, tell};
use crate::global::{Global, Outcome};
use crate::memory::Memory;
use crate::progress::Work;
use crate::publish::{check, publish};
use anyhow::Result;
use clap::Args;
use modeltrail::collection::Options;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail tree models/
  modeltrail tree base.safetensors 'tuned/*.safetensors' --svg family.svg
  modeltrail tree sketches.json --dot family.dot --json

Neighbours are found by distances; how one was made of the other (fine-tuned or continued, LoRA, quantised,
pruned, merged) in their weights. Directions are said only where something speaks for them: a quantised or
pruned model and a merge are children. Exit status: 0 = fine, 1 = something could not be read or is not finite,
2 = an error.")]
pub(crate) struct Command {
    /// Stores, files, folders, globs, and sketches (`.json`).
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Write the trees to this file in Graphviz's DOT language.
    #[arg(long, value_name = "FILE.dot")]
    dot: Option<PathBuf>,
    /// Write the trees to this file as a picture.
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Memory for weights; what needs more is sketched: distances to 2.2 %.
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    memory: Memory,
    /// Seed of the shuffle.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    mapping: Mapping,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    for path in [&command.dot, &command.svg].into_iter().flatten() {
        check(path)?;
    }
    let options = Options {
        memory: command.memory.0,
        seed: command.seed,
        map: command.mapping.map()?,
        ..command.reading.options()
    };
    let work = Work::new("reading", 0);
    let tree = modeltrail::tree(&command.paths, &options, &work)?;
    drop(work);
    report_unread(tree.problems())?;
    for note in tree.notes() {
        tell(&format!("note: {note}"))?;
    }
    if let Some(path) = &command.dot {
        publish(path, tree.to_dot().as_bytes())?;
    }
    if let Some(path) = &command.svg {
        publish(path, tree.to_svg().as_bytes())?;
    }
    if global.json {
        print_json(&tree)?;
    } else {
        print_text(&tree)?;
    }
    Ok(ended(tree.is_fine(), false, global))
}
