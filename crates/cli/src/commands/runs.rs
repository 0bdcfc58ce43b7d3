//! `modeltrail runs`: which of anybody's checkpoints belong together, and in which order they came.

mod dot;
pub(crate) mod json;
pub(crate) mod text;

use super::limits::Reading;
use super::{print_json, print_text, report_left_out, report_unread};
use crate::cli::{Global, Outcome};
use crate::collection::{Collection, Group, Options, collect_watched};
use crate::memory::Memory;
use crate::page;
use crate::progress::Work;
use crate::publish::{check, publish};
use crate::runs::{Answer, STAGES, Wanted, find_watched};
use anyhow::{Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail runs checkpoints/
  modeltrail runs 'runs/*/epoch-*.pt' --dot trail.dot
  modeltrail runs checkpoints/ --html report.html
  modeltrail runs 'sketches/*.json'
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
    /// Write the page of `modeltrail report` to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
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
    #[command(flatten)]
    reading: Reading,
}

impl Input {
    pub(crate) fn options(&self) -> Options {
        Options {
            memory: self.memory.0,
            seed: self.seed,
            limits: self.reading.limits(),
        }
    }

    /// Reads the checkpoints, and says on stderr what could not be read or is left out.
    ///
    /// # Errors
    /// When nothing is left.
    pub(crate) fn collect(&self) -> Result<Collection> {
        let work = Work::new("reading", 0);
        let collection = collect_watched(&self.paths, &self.options(), &work);
        drop(work);
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
    pub(crate) group: Group,
    pub(crate) answer: Answer,
}

/// Finds the runs of every group.
///
/// # Errors
/// As [`find_watched`].
pub(crate) fn find_all(groups: Vec<Group>, wanted: &Wanted) -> Result<Vec<Found>> {
    let work = Work::new("comparing", groups.len() as u64 * STAGES);
    let found = groups.into_iter().map(|group| {
        let answer = find_watched(&group, wanted, &work)?;
        Ok(Found { group, answer })
    });
    found.collect()
}

/// Writes the page about what was found, whole or not at all.
///
/// # Errors
/// When it cannot be made or written.
pub(crate) fn write_page(
    path: &Path,
    found: &[Found],
    collection: &Collection,
    input: &Input,
) -> Result<()> {
    let work = Work::new("drawing", found.len() as u64 * page::STAGES);
    let page = page::page(found, collection, &input.paths, input.seed, &work)?;
    publish(path, page.to_html().as_bytes())
}

/// Whether there is anything to look at.
pub(crate) fn outcome(found: &[Found], collection: &Collection) -> Outcome {
    let contradicts = |found: &Found| found.answer.runs.iter().any(|run| run.has_contradictions());
    let is_fine = collection.problems.is_empty()
        && collection.not_finite.is_empty()
        && !found.iter().any(contradicts);
    if is_fine {
        Outcome::Fine
    } else {
        Outcome::Finding
    }
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    for path in [&command.dot, &command.html].into_iter().flatten() {
        check(path)?;
    }
    let mut collection = command.input.collect()?;
    let wanted = Wanted {
        runs: command.runs,
        seed: command.input.seed,
        ..Wanted::default()
    };
    let found = find_all(std::mem::take(&mut collection.groups), &wanted)?;
    if let Some(path) = &command.dot {
        publish(path, dot::graph(&found).as_bytes())?;
    }
    if let Some(path) = &command.html {
        write_page(path, &found, &collection, &command.input)?;
    }
    if global.json {
        print_json(&json::document(&found, &collection))?;
    } else {
        print_text(&text::page(&found, command.all))?;
    }
    Ok(outcome(&found, &collection))
}
