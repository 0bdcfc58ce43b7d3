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
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod sketch;
pub(crate) mod trained;
pub(crate) mod umap;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod zoo;

use crate::collection::{Collection, LeftOut, Problem};
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
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

/// A table without frame; all columns but the first are right-aligned. Without titles there is no
/// line of them.
fn table<const N: usize>(titles: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    laid_out(titles, rows, 1..N)
}

/// As [`table`], with the columns of numbers, which are right-aligned.
fn laid_out<const N: usize>(
    titles: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    numbers: std::ops::Range<usize>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if titles.iter().any(|title| !title.is_empty()) {
        table.set_header(titles);
    }
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
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
pub(crate) fn beside_weights(left_out: LeftOut, passed_over: usize) -> Option<String> {
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
pub(crate) fn thousands(number: u64) -> String {
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
pub(crate) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(count as u64))
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
