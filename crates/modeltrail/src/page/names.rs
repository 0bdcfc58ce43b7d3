//! What runs, checkpoints and positions are called on a page, and sentences made of lines.

use crate::printable::printable;
use crate::runs::{Run, Runs};
use crate::text::{counted, thousands};

/// Longest name of a checkpoint in a picture, in characters; of a longer one the end is kept.
const LONGEST_NAME: usize = 28;

/// What a run is called in pictures and tables.
pub(super) fn run_name(index: usize, run: &Run) -> String {
    match &run.claimed {
        Some(claimed) => format!("run {} ({})", index + 1, short(&printable(claimed))),
        None => format!("run {}", index + 1),
    }
}

/// What positions in all orders are: claimed ones if every run has them in order, or places.
pub(super) fn position_name(found: &Runs) -> &'static str {
    let mut units = found.runs.iter().map(|run| {
        let (unit, _) = run.claimed_positions()?;
        Some(unit)
    });
    match units.next().flatten() {
        Some(unit) if units.all(|other| other == Some(unit)) => unit.name(),
        _ => "place",
    }
}

/// The position of every place of a run, in the unit of [`position_name`].
pub(super) fn positions(run: &Run, name: &str) -> Vec<u64> {
    match run.claimed_positions() {
        Some((unit, positions)) if unit.name() == name => positions,
        _ => (1..=run.places.len() as u64).collect(),
    }
}

/// A name that fits into a picture.
pub(super) fn short(name: &str) -> String {
    let length = name.chars().count();
    if length <= LONGEST_NAME {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length + 1 - LONGEST_NAME).collect();
    format!("…{end}")
}

/// Text with a capital and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut signs = text.chars();
    let first = signs.next().map(char::to_uppercase);
    let text: String = first.into_iter().flatten().chain(signs).collect();
    format!("{}.", text.trim_end_matches('.'))
}

pub(super) fn lower(text: &str) -> String {
    let mut signs = text.chars();
    let first = signs.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(signs).collect()
}

/// So many of them, if not all are shown.
pub(super) fn shown_of(shown: usize, all: usize, what: &str) -> String {
    if shown == all {
        return String::new();
    }
    format!(
        " Shown are {} of {}.",
        thousands(shown as u64),
        counted(all, what)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(short("epoch-1.pt"), "epoch-1.pt");
        let name = short("a/very/long/way/down/into/folders/epoch-1.pt");
        assert_eq!(name, "…own/into/folders/epoch-1.pt");
        assert_eq!(name.chars().count(), LONGEST_NAME);
    }

    #[test]
    fn sentences_begin_large_and_end() {
        assert_eq!(sentence("ähnlich"), "Ähnlich.");
        assert_eq!(sentence("Done."), "Done.");
    }
}
