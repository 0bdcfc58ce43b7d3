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
mod written;

pub use written::PageFile;

use crate::collection::{Collection, Space};
use crate::error::Result;
use crate::printable::printable;
use crate::progress::{Progress, stage};
use crate::runs::{CollectionRuns, Run, overview, text};
use crate::text::{Shown, counted, few, thousands};
use names::{lower, position_name, positions, run_name, sentence, short, shown_of};
use report::html::{Block, Page, Section};
use report::table::{Column, Table};
use source::Source;
use std::path::PathBuf;

/// Most runs that are named in the summary.
const MOST_NAMED: usize = 4;
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
        summary: summary(found, collection),
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

/// What is here, whether anything is wrong, what to look at, and what that rests on.
fn summary(found: &[Source<'_>], collection: &Collection) -> String {
    let mut parts = vec![
        sentence(&overview::sentence(found.iter().map(|found| found.runs))),
        look_at(found, collection),
    ];
    parts.extend(found.iter().map(|found| {
        let heading = text::heading(found.runs.described());
        match found.group.members.len() {
            1 => sentence(&format!("{heading}: there is nothing to compare it with")),
            _ => {
                let told = overview::told(found.runs, Shown::default());
                format!("{} {}", sentence(&heading), told.join(" "))
            }
        }
    }));
    parts.push(
        "Runs, orders and forks were inferred from the weights alone; what names and metadata claim \
         was compared with them afterwards."
            .to_owned(),
    );
    parts.join("\n\n")
}

/// What someone should look at, the gravest first; or that there is nothing.
fn look_at(found: &[Source<'_>], collection: &Collection) -> String {
    let runs = || {
        found
            .iter()
            .flat_map(|found| found.runs.runs().iter().enumerate())
    };
    let named = |is_meant: &dyn Fn(&Run) -> bool| {
        let meant: Vec<String> = runs()
            .filter(|(_, run)| is_meant(run))
            .map(|(index, run)| run_name(index, run))
            .collect();
        (!meant.is_empty()).then(|| few(meant.iter().map(String::as_str), MOST_NAMED))
    };
    let mut parts = Vec::new();
    if !collection.problems.is_empty() {
        parts.push(format!(
            "{} could not be read",
            counted(collection.problems.len(), "path")
        ));
    }
    if !collection.unread.is_empty() {
        let count = counted(collection.unread.len(), "tensor");
        parts.push(format!(
            "{count} could not be read, and nothing rests on them"
        ));
    }
    if !collection.not_finite.is_empty() {
        let count = counted(collection.not_finite.len(), "checkpoint");
        parts.push(format!("{count} with weights that are NaN or infinite"));
    }
    let told = [
        (
            named(&Run::has_contradictions),
            "the weights contradict what is claimed",
        ),
        (
            named(&|run| !run.gaps.is_empty()),
            "checkpoints seem to be missing",
        ),
        (
            named(&|run| !run.events.is_empty()),
            "something happened along it",
        ),
    ];
    let findings = found.iter().flat_map(|found| found.runs.findings());
    let findings: Vec<String> = findings.map(|finding| finding.of_run()).collect();
    let told = told.into_iter();
    parts.extend(told.filter_map(|(names, what)| Some(format!("{what} ({})", names?))));
    if !findings.is_empty() {
        parts.push(format!(
            "an audit of the claimed steps finds {} ({})",
            counted(findings.len(), "defect"),
            few(findings.iter().map(String::as_str), 1)
        ));
    }
    if parts.is_empty() {
        return "Nothing contradicts what is claimed, nothing seems to be missing, and all was read."
            .to_owned();
    }
    format!("To look at: {}.", parts.join("; "))
}

/// What an audit of the claimed steps finds, as a table; nothing if it finds nothing.
fn findings(found: &Source<'_>) -> Vec<Block> {
    let all = found.runs.findings();
    let rows = all.iter().take(tables::MOST_RUNS);
    let rows: Vec<Vec<String>> = rows.map(|finding| vec![finding.of_run()]).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let missing = shown_of(rows.len(), all.len(), "finding");
    vec![Block::Table(Table {
        caption: format!(
            "Steps and tensors that are not what they claim to be, by the weights of each tensor.{missing}"
        ),
        columns: vec![Column::text("what is wrong")],
        rows,
    })]
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
        ("Audit", Ok(findings(found))),
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
