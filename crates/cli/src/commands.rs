//! One module a command: read, call, print.

pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod gate;
pub(crate) mod import;
pub(crate) mod limits;
pub(crate) mod lineage;
pub(crate) mod linkage;
pub(crate) mod manual;
pub(crate) mod order;
mod passed;
mod points;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod sketch;
pub(crate) mod umap;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod zoo;

use crate::cli::Outcome;
use anyhow::Result;
use modeltrail::Unread;
use modeltrail::collection::{Collection, Problem};
use modeltrail::text::{beside_weights, counted};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};

fn print_json(value: &impl Serialize) -> Result<()> {
    print_text(&serde_json::to_string_pretty(value)?)
}

/// Prints an answer, without the blanks that fill up a table's last column. That its reader goes away
/// early does not change how it ends: the exit status is part of it.
fn print_text(text: &impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let lines: String = text
        .to_string()
        .lines()
        .flat_map(|line| [line.trim_end(), "\n"])
        .collect();
    unless_closed(out.write_all(lines.as_bytes()).and_then(|()| out.flush()))
}

/// One line on stderr.
fn tell(line: &str) -> Result<()> {
    unless_closed(writeln!(std::io::stderr().lock(), "{line}"))
}

/// What came of writing, but that a reader who went away is no error.
fn unless_closed(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// One line on stderr for each path that could not be read.
fn report_unread(problems: &[Problem]) -> Result<()> {
    for problem in problems {
        tell(&format!("not read: {}", problem.message))?;
    }
    Ok(())
}

/// What an analysis skips, on stderr.
fn report_skipped(collection: &Collection) -> Result<()> {
    for skipped in &collection.not_finite {
        let tensors = skipped.tensors.iter();
        let tensors: Vec<String> = tensors
            .map(|(name, count)| format!("{count} in {name}"))
            .collect();
        tell(&format!(
            "skipped: {} has weights that are NaN or infinite: {}",
            skipped.name,
            modeltrail::collection::printable(&tensors.join(", "))
        ))?;
    }
    report_unread_tensors(&collection.unread)?;
    for note in &collection.notes {
        tell(&format!("note: {note}"))?;
    }
    if let Some(note) = beside_weights(collection.left_out, collection.passed_over) {
        tell(&format!("note: {note}"))?;
    }
    Ok(())
}

/// How a command ends that found nothing to look at, or something.
fn fine_or_finding(is_fine: bool) -> Outcome {
    if is_fine {
        Outcome::Fine
    } else {
        Outcome::Finding
    }
}

/// One line on stderr about tensors that could not be read, if there are any.
fn report_unread_tensors(unread: &[Unread]) -> Result<()> {
    let Some(first) = unread.first() else {
        return Ok(());
    };
    let checkpoints: BTreeSet<&str> = unread.iter().map(|one| one.checkpoint.as_str()).collect();
    let types: BTreeSet<&str> = unread.iter().map(|one| one.dtype.as_str()).collect();
    let types: Vec<&str> = types.into_iter().collect();
    tell(&format!(
        "not read: {} in {} ({}), the first of them {} in {}: {}. The answer does not rest on them",
        counted(unread.len(), "tensor"),
        counted(checkpoints.len(), "checkpoint"),
        types.join(", "),
        first.tensor,
        first.checkpoint,
        first.reason
    ))
}
