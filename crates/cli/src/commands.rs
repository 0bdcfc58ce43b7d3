//! One module a command: read, call, print.

pub(crate) mod diff;
pub(crate) mod gate;
pub(crate) mod linkage;
pub(crate) mod order;
pub(crate) mod runs;
pub(crate) mod sketch;
pub(crate) mod umap;
pub(crate) mod watch;
pub(crate) mod zoo;

use crate::analysis::{Analysis, analyse};
use crate::cli::Points;
use crate::collection::{Collection, LeftOut, Problem};
use crate::shuffled::Shuffled;
use anyhow::Result;
use checkpoint_store::Store;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// The shuffled checkpoints, and what is found in them: in as many clusters as asked for, or as
/// there are runs.
fn read_and_analyse(points: &Points, clusters: Option<usize>) -> Result<(Shuffled, Analysis)> {
    let shuffled = read(points)?;
    let projected = points.space.project(shuffled.matrix())?;
    let clusters = clusters.unwrap_or(shuffled.runs().len());
    let found = analyse(projected.matrix(), shuffled.truth(), clusters, points.seed)?;
    Ok((shuffled, found))
}

/// The shuffled checkpoints that a command was asked about.
fn read(points: &Points) -> Result<Shuffled> {
    let shuffled = Shuffled::of(&Store::open(&points.store)?.load()?, points.seed)?;
    if !shuffled.diverged().is_empty() {
        let (left_out, runs) = (shuffled.diverged().len(), shuffled.runs().len());
        tell(&format!(
            "note: {left_out} diverged run(s) left out (weights that are not finite); {runs} are \
             analysed"
        ))?;
    }
    Ok(shuffled)
}

fn print_json(value: &impl Serialize) -> Result<()> {
    print_text(&serde_json::to_string_pretty(value)?)
}

/// Prints an answer. That its reader goes away early does not change how it ends: the exit status
/// is part of it.
fn print_text(text: &impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    unless_closed(writeln!(out, "{text}").and_then(|()| out.flush()))
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

/// A table without frame; all columns but the first are right-aligned.
fn table<const N: usize>(titles: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles);
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A mean with its standard error.
fn estimate(estimate: &trajectory::scoring::Estimate, decimals: usize) -> String {
    match estimate.standard_error {
        Some(error) => format!("{:.decimals$} ± {error:.decimals$}", estimate.value),
        None => format!("{:.decimals$}", estimate.value),
    }
}

/// One line on stderr for each path that could not be read.
fn report_unread(problems: &[Problem]) -> Result<()> {
    for problem in problems {
        tell(&format!("not read: {}", problem.message))?;
    }
    Ok(())
}

/// What is left out of an analysis, on stderr.
fn report_left_out(collection: &Collection) -> Result<()> {
    for left_out in &collection.not_finite {
        let tensors = left_out.tensors.iter();
        let tensors: Vec<String> = tensors
            .map(|(name, count)| format!("{count} in {name}"))
            .collect();
        tell(&format!(
            "left out: {} has weights that are NaN or infinite: {}",
            left_out.name,
            crate::collection::printable(&tensors.join(", "))
        ))?;
    }
    if let Some(note) = beside_weights(collection.left_out, collection.passed_over) {
        tell(&format!("note: {note}"))?;
    }
    Ok(())
}

/// What is there beside weights, if anything is.
fn beside_weights(left_out: LeftOut, passed_over: usize) -> Option<String> {
    let counts = [
        (
            left_out.buffers,
            "buffers (running statistics and the like)",
        ),
        (left_out.not_float, "integer or boolean tensors"),
        (
            left_out.others,
            "other entries (optimiser state and the like)",
        ),
        (passed_over, "files beside the checkpoints"),
    ];
    let parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    (!parts.is_empty()).then(|| format!("not looked at: {}", parts.join(", ")))
}

/// A number with commas between its thousands.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart_by_commas() {
        let texts = [0, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }
}
