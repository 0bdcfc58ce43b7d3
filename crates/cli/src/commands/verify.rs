//! `modeltrail verify`: every byte of a store; what is damaged, what is complete, what can be done.

use super::{print_json, print_text};
use crate::global::{Global, Outcome};
use anyhow::Result;
use checkpoint_store::{ASIDE, Error, Repair, Report, Status, Store, repair, verify};
use clap::Args;
use modeltrail::collection::printable;
use modeltrail::exchange::imported::Imported;
use modeltrail::text::{counted, laid_out};
use serde::Serialize;
use std::path::{Path, PathBuf};
use zoo::Zoo;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail verify zoos/mlp-small
  modeltrail verify zoos/mlp-small --repair

With --repair, damaged files are moved to the folder `damaged` in the store. Nothing is deleted; run the
command that filled the store again to fill the gap. Exit status: 0 = sound, 1 = something is wrong, or was
wrong before the repair; 2 = an error.")]
pub(crate) struct Command {
    /// Directory of the store.
    store: PathBuf,
    /// Move damaged files aside, so that the store opens and can be filled again.
    #[arg(long)]
    repair: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    schema: &'static str,
    #[serde(flatten)]
    report: &'a Report,
    /// Checkpoints that the recipe asks for, if it says.
    expected: Option<u64>,
    repair: Option<&'a Repair>,
    /// Whether anything is wrong still.
    sound: bool,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    run_on(&command.store, command.repair, global)
}

pub(super) fn run_on(directory: &Path, repairs: bool, global: &Global) -> Result<Outcome> {
    let found = verify(directory)?;
    let done = (repairs && !found.is_sound())
        .then(|| repair(directory))
        .transpose()?;
    let after = match done.as_ref().map(|_| verify(directory)).transpose() {
        // Nothing of a store is left but what was moved.
        Err(Error::NotAStore { .. }) => None,
        other => other?,
    };
    let now = after.as_ref().unwrap_or(&found);
    let filled = Filled::of(directory, now);
    if global.json {
        print_json(&Answer {
            schema: "modeltrail.verify/1",
            report: &found,
            expected: filled.expected,
            repair: done.as_ref(),
            sound: now.is_sound(),
        })?;
    } else {
        print_report(&found)?;
        if let Some(done) = &done {
            print_repair(done, after.as_ref())?;
        }
        if let Some(line) = filled.line() {
            print_text(&line)?;
        }
        if !repairs && found.files.iter().any(|file| is_damaged(&file.status)) {
            print_text(&format!(
                "`--repair` moves what is damaged to the folder `{ASIDE}`, so that the rest opens"
            ))?;
        }
    }
    Ok(if found.is_sound() {
        Outcome::Fine
    } else {
        Outcome::Finding
    })
}

fn is_damaged(status: &Status) -> bool {
    matches!(status, Status::Damaged { .. } | Status::Foreign { .. })
}

fn print_report(report: &Report) -> Result<()> {
    let rows = report
        .files
        .iter()
        .map(|file| [printable(&file.name), describe(&file.status)]);
    print_text(&laid_out(["file", "state"], rows, 0..0))?;
    for problem in &report.problems {
        print_text(&printable(problem))?;
    }
    print_text(&format!(
        "{} checkpoints, {} of them diverged",
        report.checkpoints, report.diverged
    ))
}

fn print_repair(done: &Repair, after: Option<&Report>) -> Result<()> {
    for moved in &done.moved {
        print_text(&format!(
            "moved {} to {}",
            printable(&moved.name),
            printable(&moved.to)
        ))?;
    }
    if done.described {
        print_text(&"wrote zoo.description anew, from what a sound segment says")?;
    }
    match after {
        None => print_text(&format!("nothing sound is left; the files are in {ASIDE}")),
        Some(after) if after.is_sound() => print_text(&"the store is sound now"),
        Some(_) => print_text(&"what is still wrong cannot be repaired: look at it yourself"),
    }
}

fn describe(status: &Status) -> String {
    match status {
        Status::Ok {
            kind, checkpoints, ..
        } => format!("sound: {kind}, {checkpoints} checkpoints"),
        Status::Damaged { what, offset, held } => {
            let held = held.map_or(String::new(), |held| {
                format!("; it held {held} checkpoints")
            });
            format!("DAMAGED at byte {offset}: {what}{held}")
        }
        Status::NewerFormat { version } => {
            format!("of format {version}, which needs a newer modeltrail")
        }
        Status::Foreign { what } => format!("FOREIGN: {}", printable(what)),
        Status::Unreadable { what } => format!("UNREADABLE: {}", printable(what)),
        Status::Unfinished => "being written, or left by a killed writer; ignored".to_owned(),
        _ => "not one of a store's files; ignored".to_owned(),
    }
}

/// How far a store is filled.
struct Filled {
    there: u64,
    expected: Option<u64>,
    is_imported: bool,
}

impl Filled {
    fn of(directory: &Path, report: &Report) -> Self {
        let store = Store::open(directory).ok();
        let zoo = store.as_ref().and_then(|store| Zoo::of(store).ok());
        Self {
            there: report.checkpoints,
            expected: zoo.map(|zoo| zoo.checkpoints()),
            is_imported: store.is_some_and(|store| Imported::of(&store).is_some()),
        }
    }

    fn line(&self) -> Option<String> {
        match self.expected {
            Some(expected) if expected > self.there => {
                let missing = usize::try_from(expected - self.there).unwrap_or(usize::MAX);
                Some(format!(
                    "{} of {expected} missing: the `zoo train` that began it fills the gap",
                    counted(missing, "checkpoint")
                ))
            }
            Some(expected) => Some(format!("complete: all {expected} that the recipe asks for")),
            None if self.is_imported => {
                Some("imported: the same `import` adds what is missing".to_owned())
            }
            None => None,
        }
    }
}
