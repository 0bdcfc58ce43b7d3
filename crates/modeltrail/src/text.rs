//! How answers are laid out for people: tables without frames, and numbers in words.

use crate::collection::{LeftOut, printable};
use crate::coverage::Coverage;
use comfy_table::{CellAlignment, Table, presets};

/// How much of a long answer is shown, and how its reader asks for the rest: a command knows its
/// flags, a library does not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'a> {
    /// All of it, not only the ends of long runs and what is marked.
    pub all: bool,
    /// How to ask for all.
    pub ask_for_all: Option<&'a str>,
    /// How to give the number of runs.
    pub ask_for_runs: Option<&'a str>,
}

impl Shown<'_> {
    /// So many more are not shown.
    pub(crate) fn more(self, hidden: usize) -> String {
        format!("… {hidden} more{}", self.ask())
    }

    /// How to ask for all, in parentheses.
    pub(crate) fn ask(self) -> String {
        let ask = self.ask_for_all.map(|ask| format!(" ({ask})"));
        ask.unwrap_or_default()
    }
}

/// Longest name in the first column of a table, in characters.
const LONGEST_NAME: usize = 100;

/// A text of at most so many characters: of a longer one both ends are kept.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let front = (most - 1) / 2;
    let back = most - 1 - front;
    let start: String = text.chars().take(front).collect();
    let end: String = text.chars().skip(length - back).collect();
    format!("{start}…{end}")
}

/// A table without frame; all columns but the first are right-aligned. Without titles there is no
/// line of them.
pub fn table<const N: usize>(
    titles: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    laid_out(titles, rows, 1..N)
}

/// As [`table`], with the columns of numbers, which are right-aligned.
pub fn laid_out<const N: usize>(
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
        let mut row = row;
        if let Some(name) = row.first_mut() {
            *name = shortened(name, LONGEST_NAME);
        }
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
pub(crate) fn estimate(estimate: &trajectory::scoring::Estimate, decimals: usize) -> String {
    match estimate.standard_error {
        Some(error) => format!("{:.decimals$} ± {error:.decimals$}", estimate.value),
        None => format!("{:.decimals$}", estimate.value),
    }
}

/// What is there beside weights, if anything is.
pub fn beside_weights(left_out: LeftOut, passed_over: usize) -> Option<String> {
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
    (!parts.is_empty()).then(|| format!("not compared: {}", parts.join(", ")))
}

/// Which tensors could not be read, with their types and why, if there are any: the first few.
pub(crate) fn unread(coverage: &Coverage) -> Option<String> {
    const NAMED: usize = 4;
    if coverage.is_complete() {
        return None;
    }
    let named = coverage.unread.iter().take(NAMED).map(|tensor| {
        let (name, checkpoint) = (printable(&tensor.tensor), printable(&tensor.checkpoint));
        format!(
            "{name} of {checkpoint} ({}: {})",
            tensor.dtype, tensor.reason
        )
    });
    let named: Vec<String> = named.collect();
    let more = match coverage.unread.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(format!(
        "{} could not be read: {}{more}",
        counted(coverage.unread.len(), "tensor"),
        named.join(", ")
    ))
}

/// A number with commas between its thousands.
pub fn thousands(number: u64) -> String {
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
pub fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(count as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_by_commas() {
        let texts = [0, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shortened("short", 9), "short");
        assert_eq!(shortened("abcdefghijkl", 7), "abc…jkl");
        assert_eq!(shortened(&"é".repeat(3000), 100).chars().count(), 100);
    }
}
