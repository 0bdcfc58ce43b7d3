//! `modeltrail hash`: digests of models that do not depend on how they are stored.

use super::limits::Reading;
use super::runs::shown;
use super::{ended, print_json, print_text, report_unread, report_unread_tensors};
use crate::global::{Global, Outcome};
use crate::progress::Work;
use anyhow::Result;
use clap::Args;
use modeltrail::hash::{Expected, Verdict};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail hash model.safetensors
  modeltrail hash model/ --json > digests.json
  modeltrail hash model.pt --check digests.json

The same tensors (names, types, shapes and bits) have the same digests in any container, shard layout or
order. Each tensor is read once, in slices. Kept digests of one model are held against every PATH, those of
several against the model of the same name. Exit status: 0 = fine, or the same, 1 = not the same, or something
could not be read, 2 = an error, or a tensor could not be read, so that there is no root.")]
pub(crate) struct Command {
    /// Stores, files, folders, globs, and STORE:RUN/EPOCH.
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Hold the models against these digests: what `--json` printed.
    #[arg(long, value_name = "FILE.json")]
    check: Option<PathBuf>,
    /// Show every tensor of every model.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    // A mistake in the kept digests is reported before large files are read.
    let expected = command.check.as_deref().map(Expected::read).transpose()?;
    let work = Work::new("hashing", 0);
    let mut hashes = modeltrail::hash(&command.paths, &command.reading.options(), &work)?;
    drop(work);
    report_unread(hashes.problems())?;
    report_unread_tensors(&hashes.coverage().unread)?;
    if let Some(expected) = &expected {
        hashes = hashes.held_against(expected)?;
    }
    if global.json {
        print_json(&hashes)?;
    } else {
        print_text(&hashes.to_text(shown(command.all)))?;
    }
    Ok(match hashes.check().map(|check| check.verdict) {
        Some(Verdict::Differs) => Outcome::Finding,
        Some(Verdict::CannotTell) => Outcome::Unknown,
        None if !hashes.is_complete() => Outcome::Unknown,
        Some(Verdict::Same) | None => ended(hashes.problems().is_empty(), false, global),
    })
}
