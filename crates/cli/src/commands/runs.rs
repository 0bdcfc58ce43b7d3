//! `modeltrail runs`: which of anybody's checkpoints belong together, and in which order they came.

use super::limits::Reading;
use super::map::Mapping;
use super::{ended, print_json, print_text, report_skipped, report_unread};
use crate::global::{Global, Outcome};
use crate::memory::Memory;
use crate::progress::Work;
use crate::publish::{check, publish};
use anyhow::{Result, bail};
use clap::Args;
use modeltrail::collection::{Collection, Options, collect_watched};
use modeltrail::runs::{CollectionRuns, RunOptions};
use modeltrail::text::Shown;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail runs checkpoints/
  modeltrail runs 'runs/*/epoch-*.pt' --dot trail.dot
  modeltrail runs checkpoints/ --html report.html
  modeltrail runs 'sketches/*.json'
  modeltrail runs zoos/mlp-small --json

Runs and orders are inferred from the weights alone; only then are they compared with what names and
metadata claim. Checkpoints of different architectures form separate groups. Exit status: 0 = fine, 1 =
something contradicts what is claimed, is not finite, or could not be read, 2 = an error, or nothing could
be read.")]
pub(crate) struct Command {
    #[command(flatten)]
    input: Input,
    /// Number of runs, if you know it; otherwise it is inferred from the weights.
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

/// Checkpoints of any program.
#[derive(Args)]
pub(crate) struct Input {
    /// Files, folders, globs, stores, files of sketches (`.json`), and what lies elsewhere (`hf://`, `https://`).
    #[arg(required = true, value_name = "PATHS")]
    pub(crate) paths: Vec<PathBuf>,
    /// Memory for weights. What needs more is sketched: its distances have a standard error of 2.2 %.
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    pub(crate) memory: Memory,
    /// Keep sketches of files in this folder: a second question about the same files reads no weights.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Seed of the random order in which checkpoints are read, and of how ties are broken.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    mapping: Mapping,
    #[command(flatten)]
    reading: Reading,
}

impl Input {
    /// # Errors
    /// When the map cannot be read.
    pub(crate) fn options(&self) -> Result<Options> {
        Ok(Options {
            memory: self.memory.0,
            seed: self.seed,
            cache: self.cache.clone(),
            map: self.mapping.map()?,
            ..self.reading.options()
        })
    }

    /// Reads the checkpoints, and says on stderr what could not be read or is skipped.
    ///
    /// # Errors
    /// When nothing is left.
    pub(crate) fn collect(&self) -> Result<Collection> {
        let options = self.options()?;
        let work = Work::new("reading", 0);
        let collection = collect_watched(&self.paths, &options, &work);
        drop(work);
        report_unread(&collection.problems)?;
        report_skipped(&collection)?;
        if collection.groups.is_empty() {
            bail!("no checkpoint could be read");
        }
        Ok(collection)
    }
}

impl Input {
    /// Finds the runs of a collection.
    ///
    /// # Errors
    /// As [`Collection::runs`].
    pub(crate) fn find(
        &self,
        collection: &Collection,
        runs: Option<usize>,
    ) -> Result<CollectionRuns> {
        let options = RunOptions {
            runs,
            seed: self.seed,
            ..RunOptions::default()
        };
        Ok(collection.runs(&options, &Work::new("comparing", 0))?)
    }

    /// Writes the page about what was found, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub(crate) fn write_page(
        &self,
        path: &Path,
        found: &CollectionRuns,
        collection: &Collection,
    ) -> Result<()> {
        let work = Work::new("drawing", 0);
        let page = found.to_html(collection, &self.paths, self.seed, &work)?;
        publish(path, page.as_bytes())
    }
}

/// How a reader asks for what is not shown.
pub(crate) fn shown(all: bool) -> Shown<'static> {
    Shown {
        all,
        ask_for_all: Some("--all"),
        ask_for_runs: Some("--runs N"),
    }
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    for path in [&command.dot, &command.html].into_iter().flatten() {
        check(path)?;
    }
    let collection = command.input.collect()?;
    let found = command.input.find(&collection, command.runs)?;
    if let Some(path) = &command.dot {
        publish(path, found.to_dot().as_bytes())?;
    }
    if let Some(path) = &command.html {
        command.input.write_page(path, &found, &collection)?;
    }
    if global.json {
        print_json(&found)?;
    } else {
        print_text(&found.to_text(shown(command.all)))?;
    }
    Ok(ended(!found.has_findings(), found.has_remarks(), global))
}
