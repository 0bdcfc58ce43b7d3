//! One page about any checkpoints: what was read, which runs there are, and how they moved.
//!
//! Bounded whatever is read: a picture shows at most [`picture::MOST_POINTS`] checkpoints, a table
//! at most [`tables::MOST_RUNS`] runs, and the page says what it does not show. The same checkpoints and
//! seed give the same bytes.

mod distances;
mod names;
mod picture;
mod source;
mod steps;
mod tables;
mod tree;
mod unused;

use crate::collection::{Collection, Space};
use crate::error::Result;
use crate::printable::printable;
use crate::progress::{Progress, stage};
use crate::runs::{CollectionRuns, text};
use crate::text::{Shown, thousands};
use names::{lower, position_name, positions, run_name, sentence, short, shown_of};
use report::html::{Block, Page, Section};
use source::Source;
use std::path::PathBuf;

/// Stages of a group of checkpoints.
const STAGES: u64 = 5;

impl CollectionRuns {
    /// One self-contained HTML page. `collection` is what was asked; `paths` are what was read;
    /// `seed` lays out pictures.
    ///
    /// # Errors
    /// When a picture cannot be laid out.
    pub fn to_html(
        &self,
        collection: &Collection,
        paths: &[PathBuf],
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<String> {
        let groups = collection.groups.iter().zip(&self.groups);
        let sources: Vec<Source<'_>> = groups.map(|(group, runs)| Source { group, runs }).collect();
        progress.add(sources.len() as u64 * STAGES);
        let page = page(&sources, collection, paths, seed, progress)?;
        Ok(page.to_html())
    }
}

/// The page about everything that was found. `seed` lays out pictures.
///
/// # Errors
/// When a picture cannot be laid out.
fn page(
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
    sections.extend(unused::unused(collection));
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
        ("events", none(runs().map(|run| run.events.len()).sum())),
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
