//! One page about any checkpoints: what was read, which runs there are, and how they moved.
//!
//! Bounded whatever is read: a picture shows at most [`picture::MOST_POINTS`] checkpoints, a table
//! at most [`tables::MOST_RUNS`] runs, and the page says what it does not show. The same checkpoints and
//! seed give the same bytes.

mod distances;
mod picture;
mod steps;
mod tables;
mod tree;

use crate::collection::{Collection, Group, Space, printable};
use crate::error::Result;
use crate::progress::{Progress, stage};
use crate::runs::{Run, Runs, text};
use crate::text::{Shown, beside_weights, counted, thousands};
use report::html::{Block, Page, Section};
use report::table::{Column, Table};
use std::path::PathBuf;

/// Stages of a group of checkpoints.
pub(crate) const STAGES: u64 = 5;

/// Longest name of a checkpoint in a picture, in characters; of a longer one the end is kept.
const LONGEST_NAME: usize = 28;

/// What one part of the page is about: runs, and the weights that pictures are made of.
pub(crate) struct Source<'a> {
    pub(crate) group: &'a Group,
    pub(crate) runs: &'a Runs,
}

/// The page about everything that was found. `seed` lays out pictures.
///
/// # Errors
/// When a picture cannot be laid out.
pub(crate) fn page(
    found: &[Source<'_>],
    collection: &Collection,
    paths: &[PathBuf],
    seed: u64,
    work: &dyn Progress,
) -> Result<Page> {
    let mut sections = Vec::new();
    for (index, one) in found.iter().enumerate() {
        let heading = match found.len() {
            1 => String::new(),
            _ => format!("Architecture {}: ", index + 1),
        };
        sections.extend(group(one, &heading, seed, work)?);
    }
    sections.extend(unused(collection));
    Ok(Page {
        title: title(paths),
        summary: summary(found),
        facts: facts(found, collection, seed),
        sections,
    })
}

fn title(paths: &[PathBuf]) -> String {
    let first = paths.first().map(|path| path.to_string_lossy());
    let first = printable(&first.unwrap_or_default());
    match paths.len() {
        0 | 1 => format!("Checkpoints of {first}"),
        more => format!("Checkpoints of {first} and {} more", more - 1),
    }
}

fn summary(found: &[Source<'_>]) -> String {
    let mut parts: Vec<String> = found
        .iter()
        .map(|found| {
            let count = match found.group.members.len() {
                1 => "there is nothing to compare it with".to_owned(),
                _ => text::count(found.runs, Shown::default()),
            };
            sentence(&format!(
                "{}: {count}",
                text::heading(found.runs.described())
            ))
        })
        .collect();
    parts.push(
        "Runs, orders and forks were inferred from the weights alone; what names and metadata claim \
         was compared with them afterwards."
            .to_owned(),
    );
    parts.join("\n\n")
}

fn facts(found: &[Source<'_>], collection: &Collection, seed: u64) -> Vec<(String, String)> {
    let checkpoints: usize = found.iter().map(|found| found.group.members.len()).sum();
    let runs = || found.iter().flat_map(|found| found.runs.runs());
    let contradicted = runs().filter(|run| run.has_contradictions()).count();
    let gaps: usize = runs().map(|run| run.gaps.len()).sum();
    let is_sketched = |found: &Source<'_>| found.group.space == Space::Sketches;
    let compared = match found.iter().filter(|found| is_sketched(found)).count() {
        0 => "exactly",
        all if all == found.len() => "by sketches",
        _ => "exactly, and by sketches where memory did not allow it",
    };
    let none = |count: usize| match count {
        0 => "none".to_owned(),
        _ => thousands(count as u64),
    };
    let mut facts = vec![
        ("checkpoints read", thousands(checkpoints as u64)),
        ("distances", compared.to_owned()),
        ("runs", thousands(runs().count() as u64)),
        ("runs that contradict what is claimed", none(contradicted)),
        ("gaps", none(gaps)),
        ("could not be read", none(collection.problems.len())),
        (
            "skipped, weights not finite",
            none(collection.not_finite.len()),
        ),
    ];
    if found.len() > 1 {
        facts.insert(1, ("architectures", found.len().to_string()));
    }
    let by = format!("modeltrail {}, seed {seed}", env!("CARGO_PKG_VERSION"));
    facts.push(("made by", by));
    facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn group(
    found: &Source<'_>,
    heading: &str,
    seed: u64,
    work: &dyn Progress,
) -> Result<Vec<Section>> {
    let titled = |title: &str, blocks: Vec<Block>| Section {
        title: match heading {
            "" => title.to_owned(),
            _ => format!("{heading}{}", lower(title)),
        },
        blocks,
    };
    if let [member] = found.group.members.as_slice() {
        work.done(STAGES);
        let text = format!("{}: nothing to compare it with.", member.name);
        return Ok(vec![titled("One checkpoint", vec![Block::Text(text)])]);
    }
    let parts = [
        ("Runs", stage(work, "runs", || Ok(tables::runs(found.runs)))),
        (
            "In the plane",
            stage(work, "pictures", || picture::blocks(found, seed)),
        ),
        (
            "Steps and turns",
            stage(work, "steps", || Ok(steps::blocks(found.runs))),
        ),
        ("Tree", stage(work, "tree", || tree::blocks(found.runs))),
        (
            "Distances",
            stage(work, "distances", || Ok(distances::blocks(found))),
        ),
        (
            "Checkpoint by checkpoint",
            Ok(tables::checkpoints(found.runs)),
        ),
    ];
    let mut sections = Vec::new();
    for (title, blocks) in parts {
        let blocks = blocks?;
        if !blocks.is_empty() {
            sections.push(titled(title, blocks));
        }
    }
    Ok(sections)
}

/// What could not be read, is not finite, or is not looked at.
fn unused(collection: &Collection) -> Option<Section> {
    let mut blocks = Vec::new();
    if !collection.problems.is_empty() {
        let problems = collection.problems.iter();
        blocks.push(Block::Table(Table {
            caption: "Could not be read".to_owned(),
            columns: vec![Column::text("what is wrong")],
            rows: problems.map(|found| vec![found.message.clone()]).collect(),
        }));
    }
    if !collection.not_finite.is_empty() {
        let rows = collection.not_finite.iter().map(|found| {
            let tensors = found.tensors.iter();
            let tensors: Vec<String> = tensors
                .map(|(name, count)| format!("{count} in {}", printable(name)))
                .collect();
            vec![found.name.clone(), tensors.join(", ")]
        });
        blocks.push(Block::Table(Table {
            caption: "Skipped: weights that are NaN or infinite".to_owned(),
            columns: vec![Column::text("checkpoint"), Column::text("weights")],
            rows: rows.collect(),
        }));
    }
    if let Some(note) = beside_weights(collection.left_out, collection.passed_over) {
        blocks.push(Block::Text(sentence(&note)));
    }
    (!blocks.is_empty()).then(|| Section {
        title: "What was not used".to_owned(),
        blocks,
    })
}

/// What a run is called in pictures and tables.
fn run_name(index: usize, run: &Run) -> String {
    match &run.claimed {
        Some(claimed) => format!("run {} ({})", index + 1, short(&printable(claimed))),
        None => format!("run {}", index + 1),
    }
}

/// What positions in all orders are: claimed ones if every run has them in order, or places.
fn position_name(found: &Runs) -> &'static str {
    let mut units = found.runs.iter().map(|run| {
        let (unit, _) = text::claimed_positions(run)?;
        Some(unit)
    });
    match units.next().flatten() {
        Some(unit) if units.all(|other| other == Some(unit)) => unit.name(),
        _ => "place",
    }
}

/// The position of every place of a run, in the unit of [`position_name`].
fn positions(run: &Run, name: &str) -> Vec<u64> {
    match text::claimed_positions(run) {
        Some((unit, positions)) if unit.name() == name => positions,
        _ => (1..=run.places.len() as u64).collect(),
    }
}

/// A name that fits into a picture.
fn short(name: &str) -> String {
    let length = name.chars().count();
    if length <= LONGEST_NAME {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length + 1 - LONGEST_NAME).collect();
    format!("…{end}")
}

/// Text with a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut signs = text.chars();
    let first = signs.next().map(char::to_uppercase);
    let text: String = first.into_iter().flatten().chain(signs).collect();
    format!("{}.", text.trim_end_matches('.'))
}

fn lower(text: &str) -> String {
    let mut signs = text.chars();
    let first = signs.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(signs).collect()
}

/// So many of them, if not all are shown.
fn shown_of(shown: usize, all: usize, what: &str) -> String {
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
