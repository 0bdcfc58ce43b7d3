//! One module a command: read, call, print.

pub(crate) mod audit;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod gate;
pub(crate) mod hash;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod limits;
pub(crate) mod lineage;
pub(crate) mod linkage;
pub(crate) mod manual;
pub(crate) mod map;
pub(crate) mod order;
mod passed;
mod points;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod sketch;
pub(crate) mod tree;
pub(crate) mod umap;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod zoo;

use crate::failure::limit_flag;
use crate::global::{Global, Outcome};
use crate::terminal::{self, Stream};
use anyhow::Result;
use modeltrail::collection::{Collection, Problem, printable};
use modeltrail::text::{beside_weights, counted};
use modeltrail::{Checkpoint, Unread};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};

fn print_json(value: &impl Serialize) -> Result<()> {
    print_raw(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Prints an answer, without the blanks that fill up a table's last column. That its reader goes away
/// early does not change how it ends: the exit status is part of it.
fn print_text(text: &impl std::fmt::Display) -> Result<()> {
    let text = text.to_string();
    let lines = text
        .lines()
        .map(|line| terminal::shown(line, Stream::Out) + "\n");
    print_raw(&lines.collect::<String>())
}

/// Prints what is for another program, as it is.
fn print_raw(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// One line on stderr, unless nothing but errors is wanted there.
fn tell(line: &str) -> Result<()> {
    if terminal::is_quiet() {
        return Ok(());
    }
    let line = terminal::shown(line, Stream::Err);
    unless_closed(writeln!(std::io::stderr().lock(), "{line}"))
}

/// What came of writing, but that a reader who went away is no error.
fn unless_closed(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// What is wrong with a path, and the flag that helps, if one does.
fn with_flag(problem: &Problem) -> String {
    match problem.limit {
        Some(limit) => format!(
            "{} ({})",
            problem.message,
            limit_flag(limit.name, limit.enough)
        ),
        None => problem.message.clone(),
    }
}

/// Paths of one reason that are named each by itself.
const ALIKE: usize = 3;

/// One line on stderr for each path that could not be read; of many for one reason a line for all.
fn report_unread(problems: &[Problem]) -> Result<()> {
    let mut reasons: Vec<(String, Vec<&Problem>)> = Vec::new();
    for problem in problems {
        let name = printable(&problem.path.to_string_lossy());
        let reason = problem.message.replace(&name, "");
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, alike)) => alike.push(problem),
            None => reasons.push((reason, vec![problem])),
        }
    }
    for (_, alike) in reasons {
        let named = if alike.len() > ALIKE { 1 } else { alike.len() };
        for problem in alike.iter().take(named) {
            tell(&format!("not read: {}", with_flag(problem)))?;
        }
        if let (Some(first), Some(last)) = (alike.get(named), alike.last()) {
            let [first, last] = [first, last].map(|one| printable(&one.path.to_string_lossy()));
            tell(&format!(
                "not read: {} for the same reason, {first} to {last}",
                counted(alike.len() - named, "more file")
            ))?;
        }
    }
    Ok(())
}

/// What an analysis skips, on stderr.
fn report_skipped(collection: &Collection) -> Result<()> {
    let bad = &collection.not_finite;
    let named = if bad.len() > ALIKE { ALIKE } else { bad.len() };
    for skipped in bad.iter().take(named) {
        let tensors = skipped.tensors.iter();
        let tensors: Vec<String> = tensors
            .map(|(name, count)| format!("{count} in {name}"))
            .collect();
        tell(&format!(
            "skipped: {} has weights that are NaN or infinite: {}",
            skipped.name,
            printable(&tensors.join(", "))
        ))?;
    }
    if bad.len() > named {
        let more = counted(bad.len() - named, "more checkpoint");
        tell(&format!(
            "skipped: {more} with weights that are NaN or infinite"
        ))?;
    }
    report_unread_tensors(&collection.unread)?;
    for note in &collection.notes {
        tell(&format!("note: {note}"))?;
    }
    for other in &collection.others {
        tell(&format!(
            "note: {} here, which are not supported: {} (the first is {}). {}",
            counted(other.count, "file"),
            other.what,
            printable(&other.first.to_string_lossy()),
            other.way_out
        ))?;
    }
    if let Some(note) = beside_weights(collection.left_out, collection.passed_over) {
        tell(&format!("note: {note}"))?;
    }
    Ok(())
}

/// Says of which formats checkpoints were converted from.
fn report_formats(checkpoints: &[&Checkpoint]) -> Result<()> {
    for note in checkpoints.iter().filter_map(|one| one.read_as()) {
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

/// The same, where there may be something that is no finding about the models.
fn ended(is_fine: bool, has_remarks: bool, global: &Global) -> Outcome {
    fine_or_finding(is_fine && !(global.strict && has_remarks))
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
