//! `modeltrail inspect`: what lies in files and folders.

use super::limits::Reading;
use super::runs::shown;
use super::{ended, print_json, print_text, report_unread};
use crate::global::{Global, Outcome};
use anyhow::Result;
use clap::Args;
use modeltrail::Error;
use modeltrail::inspect::inspect;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail inspect model.safetensors
  modeltrail inspect checkpoints/ --all
  modeltrail inspect out/ --match 'checkpoint-*' --json

Only descriptions are read, no weights. The answer lists formats; tensors with types, shapes and roles; what
cannot be read, and why; what a checkpoint claims to be, and where that is written; what is skipped; and
files of other formats, with what to do about them. Exit status: 0 = fine, 1 = something could not be
described, 2 = an error, or nothing is there.")]
pub(crate) struct Command {
    /// Files, folders, globs, stores, files of sketches (`.json`), and what lies elsewhere (`hf://`, `https://`).
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Show every tensor of every checkpoint.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let found = inspect(&command.paths, &command.reading.options())?;
    report_unread(found.problems())?;
    let is_nothing = found.checkpoints().is_empty() && found.other_formats().is_empty();
    if is_nothing {
        return Err(Error::NothingRead.into());
    }
    if global.json {
        print_json(&found)?;
    } else {
        print_text(&found.to_text(shown(command.all)))?;
    }
    let has_remarks = !found.other_formats().is_empty() || !found.skipped().is_empty();
    Ok(ended(found.problems().is_empty(), has_remarks, global))
}
