//! `modeltrail runs`: which of anybody's checkpoints belong together, and in which order they came.

mod dot;
mod json;
mod text;

use super::{print_json, print_text, report_left_out, report_unread};
use crate::cli::{Global, Outcome};
use crate::collection::{Collection, Group, Options, collect};
use crate::memory::Memory;
use crate::publish::{check, publish};
use crate::runs::{Answer, find};
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail runs checkpoints/
  modeltrail runs 'runs/*/epoch-*.pt' --dot trail.dot
  modeltrail runs zoos/mlp-small --json

Checkpoints with other tensors are groups of their own. The weights answer; what names and metadata
claim is held against the answer. Exit status: 0 = fine, 1 = something contradicts what is claimed, is
not finite, or could not be read, 2 = an error, or nothing could be read.")]
pub(crate) struct Command {
    #[command(flatten)]
    input: Input,
    /// Number of runs, if you know it; otherwise the weights have to tell.
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Show every checkpoint of long runs.
    #[arg(long)]
    all: bool,
    /// Write runs, orders and forks to this file as Graphviz DOT.
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
}

/// Anybody's checkpoints.
#[derive(Args)]
pub(crate) struct Input {
    /// Stores, files, folders, globs, and sketches (`.json`).
    #[arg(required = true, value_name = "PATHS")]
    pub(crate) paths: Vec<PathBuf>,
    /// Memory for weights; what needs more is sketched: distances to 2.2 %.
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    pub(crate) memory: Memory,
    /// Seed of the shuffle, and of ties.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

impl Input {
    pub(crate) fn options(&self) -> Options {
        Options {
            memory: self.memory.0,
            seed: self.seed,
            ..Options::default()
        }
    }

    /// Reads the checkpoints, and says on stderr what could not be read or is left out.
    ///
    /// # Errors
    /// When nothing is left.
    pub(crate) fn collect(&self) -> Result<Collection> {
        let collection = collect(&self.paths, &self.options());
        report_unread(&collection.problems)?;
        report_left_out(&collection)?;
        if collection.groups.is_empty() {
            bail!("no checkpoint could be read");
        }
        Ok(collection)
    }
}

/// A group, and what was found in it.
pub(crate) struct Found {
    group: Group,
    answer: Answer,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    if let Some(path) = &command.dot {
        check(path)?;
    }
    let mut collection = command.input.collect()?;
    let groups = std::mem::take(&mut collection.groups);
    let found = groups
        .into_iter()
        .map(|group| {
            let answer = find(&group, command.runs, command.input.seed)?;
            Ok(Found { group, answer })
        })
        .collect::<Result<Vec<Found>>>()?;
    if let Some(path) = &command.dot {
        publish(path, dot::graph(&found).as_bytes())?;
    }
    if global.json {
        print_json(&json::document(&found, &collection))?;
    } else {
        print_text(&text::page(&found, command.all))?;
    }
    let contradicts = |found: &Found| found.answer.runs.iter().any(|run| run.has_contradictions());
    let is_fine = collection.problems.is_empty()
        && collection.not_finite.is_empty()
        && !found.iter().any(contradicts);
    Ok(if is_fine {
        Outcome::Fine
    } else {
        Outcome::Finding
    })
}
