//! How answers are laid out for people: tables without frames, and numbers in words.

use crate::coverage::{Coverage, LeftOut};
use crate::printable::printable;
use comfy_table::{CellAlignment, Table, presets};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Columns that tables may take where nobody says how many there are.
const USUAL_WIDTH: usize = 120;
/// Narrower than this no table is made: names would be all dots.
const NARROWEST: usize = 40;
static WIDTH: AtomicUsize = AtomicUsize::new(USUAL_WIDTH);

/// Says how many columns there are to lay tables out in: those of a terminal, for instance. It holds
/// for all answers of this process from now on; what is no answer for people does not depend on it.
pub fn set_width(columns: usize) {
    WIDTH.store(columns.max(NARROWEST), Ordering::Relaxed);
}

/// How many columns tables may take.
pub fn width() -> usize {
    WIDTH.load(Ordering::Relaxed)
}

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
/// However narrow it is, so many characters of a name are shown, and so many of a text.
const SHORTEST: usize = 16;
/// Blanks between two columns.
const BETWEEN: usize = 2;
/// Longest word of a sentence, in characters: what is longer is a name out of a file.
const LONGEST_WORD: usize = 200;

/// A text of at most so many characters: of a longer one both ends are kept.
pub fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let front = most.saturating_sub(1) / 2;
    let back = most.saturating_sub(1 + front);
    let start: String = text.chars().take(front).collect();
    let end: String = text.chars().skip(length - back).collect();
    format!("{start}…{end}")
}

pub(crate) fn p_value(ln_p: f64) -> String {
    let short = p_short(ln_p);
    if short.starts_with('<') {
        format!("p {short}")
    } else {
        format!("p = {short}")
    }
}

/// Two digits of a p-value given as a natural logarithm.
pub(crate) fn p_short(ln_p: f64) -> String {
    let p = ln_p.exp();
    if ln_p < -100.0 * std::f64::consts::LN_10 {
        "< 1e-100".to_owned()
    } else if p >= 0.001 {
        format!("{p:.2}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    } else {
        format!("{p:.0e}")
    }
}

/// A table without frame; all columns but the first are right-aligned. Without titles there is no
/// line of them.
pub fn table<const N: usize>(
    titles: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    laid_out(titles, rows, 1..N)
}

/// As [`table`], with the columns of numbers, which are right-aligned. Where the table would be wider
/// than there are columns, names in the first one are shortened in the middle, and a text in the last
/// one goes on below.
pub fn laid_out<const N: usize>(
    titles: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    numbers: std::ops::Range<usize>,
) -> String {
    let rows = fitted(titles, rows.into_iter().collect(), &numbers, width());
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if titles.iter().any(|title| !title.is_empty()) {
        table.set_header(titles);
    }
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, BETWEEN as u16));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// The rows, so that they fit into so many columns as far as names and texts allow it.
pub(crate) fn fitted<const N: usize>(
    titles: [&str; N],
    rows: Vec<[String; N]>,
    numbers: &std::ops::Range<usize>,
    width: usize,
) -> Vec<[String; N]> {
    let length = |text: &str| text.chars().count();
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let title = titles.get(column).map_or(0, |title| length(title));
        cells.map(|cell| length(cell)).max().unwrap_or(0).max(title)
    };
    let mut widths: Vec<usize> = (0..N).map(widest).collect();
    let between = BETWEEN * N.saturating_sub(1);
    let last = N.saturating_sub(1);
    let has_text = last > 0 && !numbers.contains(&last);
    if let Some(first) = widths.first_mut() {
        *first = (*first).min(LONGEST_NAME);
    }
    let too_wide =
        |widths: &[usize]| (widths.iter().sum::<usize>() + between).saturating_sub(width);
    // A text can go on below, and a name cannot: so it is first to give way, but not to vanish.
    for (column, least) in [(last, 2 * SHORTEST), (0, SHORTEST), (last, SHORTEST)] {
        let over = too_wide(&widths);
        if let Some(own) = widths.get_mut(column).filter(|_| column == 0 || has_text) {
            *own = own.saturating_sub(over).max(least.min(*own));
        }
    }
    let mut fitted = Vec::with_capacity(rows.len());
    for mut row in rows {
        if let (Some(name), Some(&most)) = (row.first_mut(), widths.first()) {
            *name = shortened(name, most);
        }
        let mut lines = match (has_text, row.get(last), widths.get(last)) {
            (true, Some(text), Some(&most)) => wrapped(text, most),
            _ => Vec::new(),
        }
        .into_iter();
        if let (Some(first), Some(text)) = (lines.next(), row.get_mut(last)) {
            *text = first;
        }
        fitted.push(row);
        fitted.extend(lines.map(|line| {
            let mut row = [const { String::new() }; N];
            if let Some(text) = row.get_mut(last) {
                *text = line;
            }
            row
        }));
    }
    fitted
}

/// A text in lines of at most so many characters, broken between words; a longer word is shortened.
pub fn wrapped(text: &str, most: usize) -> Vec<String> {
    if text.chars().count() <= most {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split(' ') {
        let word = shortened(word, most);
        let own = word.chars().count();
        match lines.last_mut() {
            Some(line) if length + 1 + own <= most => {
                line.push(' ');
                line.push_str(&word);
                length += 1 + own;
            }
            _ => {
                lines.push(word);
                length = own;
            }
        }
    }
    lines
}

/// A line whose words are shortened in the middle where they are longer than any word is: a name of
/// thousands of letters out of a file says no more than its two ends.
pub fn with_short_words(line: &str) -> std::borrow::Cow<'_, str> {
    let is_long = |word: &str| word.len() > LONGEST_WORD && word.chars().count() > LONGEST_WORD;
    if !line.split(' ').any(is_long) {
        return line.into();
    }
    let words: Vec<String> = line
        .split(' ')
        .map(|word| shortened(word, LONGEST_WORD))
        .collect();
    words.join(" ").into()
}

/// A few of many names: the first, each shortened, and how many more there are.
pub(crate) fn few<'a>(names: impl ExactSizeIterator<Item = &'a str>, most: usize) -> String {
    let more = names.len().saturating_sub(most);
    let named: Vec<String> = names
        .take(most)
        .map(|name| shortened(&printable(name), LONGEST_NAME))
        .collect();
    match more {
        0 => named.join(", "),
        more => format!("{} and {} more", named.join(", "), thousands(more as u64)),
    }
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
            "buffer",
            " (running statistics and the like)",
        ),
        (left_out.not_float, "integer or boolean tensor", ""),
        (
            left_out.averaged,
            "averaged cop",
            " of the weights in the same files (EMA)",
        ),
        (
            left_out.others,
            "other entr",
            " (optimiser state and the like)",
        ),
        (passed_over, "file", " beside the checkpoints"),
    ];
    let parts: Vec<String> = counts
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|&(count, what, more)| {
            let irregular = ["entr", "cop"].iter().any(|end| what.ends_with(end));
            match (irregular, count) {
                (true, 1) => format!("1 {what}y{more}"),
                (true, _) => format!("{} {what}ies{more}", thousands(count as u64)),
                (false, _) => format!("{}{more}", counted(count, what)),
            }
        })
        .collect();
    (!parts.is_empty()).then(|| format!("not compared: {}", parts.join(", ")))
}

/// Which tensors could not be read, with their types and why, if there are any: the first few.
pub(crate) fn unread(coverage: &Coverage) -> Option<String> {
    const NAMED: usize = 4;
    if coverage.is_complete() {
        return None;
    }
    let short = |name: &str| shortened(&printable(name), LONGEST_NAME);
    let named = coverage.unread.iter().take(NAMED).map(|tensor| {
        let (name, checkpoint) = (short(&tensor.tensor), short(&tensor.checkpoint));
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

/// A share of less than all, which is never shown as all or as nothing.
pub(crate) fn part(share: f64) -> String {
    match 100.0 * share {
        percent if percent > 99.9 && share < 1.0 => ">99.9 %".to_owned(),
        percent if percent < 0.1 && share > 0.0 => "<0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
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

/// An amount of memory, rounded up to what people say: `6.8 GB`.
pub(crate) fn memory(bytes: u64) -> String {
    let tenths = |unit: u64| bytes.div_ceil(unit / 10);
    let (unit, name) = if bytes < 1 << 30 {
        (1_000_000, "MB")
    } else {
        (1_000_000_000, "GB")
    };
    format!("{:.1} {name}", tenths(unit) as f64 / 10.0)
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
    fn tables_keep_to_their_width_by_their_names_and_texts() {
        let row = ["n".repeat(3000), "12".to_owned(), "some words ".repeat(20)];
        for width in [60, 80, 120] {
            let rows = fitted(["name", "n", "why"], vec![row.clone()], &(1..2), width);
            assert!(rows.len() > 1);
            for [name, number, text] in &rows {
                let length = name.chars().count().max(1) + number.len() + text.chars().count();
                assert!(length + 4 <= width, "{width}: {name} {number} {text}");
            }
            let words: Vec<&str> = rows
                .iter()
                .flat_map(|row| row[2].split_whitespace())
                .collect();
            assert_eq!(words.len(), 40);
        }
        // Nothing changes what fits.
        let short = ["a", "1", "b c"].map(str::to_owned);
        let rows = fitted(["name", "n", "why"], vec![short.clone()], &(1..2), 40);
        assert_eq!(rows, [short]);
    }

    #[test]
    fn words_of_any_length_become_short_and_others_stay() {
        let line = format!("a  b {} c", "x".repeat(3000));
        let short = with_short_words(&line);
        assert!(short.starts_with("a  b xxx") && short.ends_with("xxx c"));
        assert_eq!(short.chars().count(), 7 + LONGEST_WORD);
        assert_eq!(with_short_words("a  b"), "a  b");
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shortened("short", 9), "short");
        assert_eq!(shortened("abcdefghijkl", 7), "abc…jkl");
        assert_eq!(shortened(&"é".repeat(3000), 100).chars().count(), 100);
    }
}
