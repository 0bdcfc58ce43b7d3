//! `modeltrail lineage`: which of many checkpoints one comes from.

mod json;
mod text;

use super::limits::Reading;
use super::{print_json, print_text, report_left_out, report_unread};
use crate::cli::{Global, Outcome};
use crate::collection::shared::{Other, Wanted, collect_shared};
use crate::collection::{Options, printable};
use crate::gate::sides::{Side, read_as};
use crate::lineage::LEAST_SHARE;
use crate::lineage::compared::{Compared, compare};
use crate::memory::Memory;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;

/// Differences that an error names.
const NAMED: usize = 5;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail lineage suspect.safetensors --against checkpoints/
  modeltrail lineage tuned.pt --against 'runs/*/epoch-*.pt' base.safetensors
  modeltrail lineage sketches.json:tuned.pt --against sketches.json --json

Tensors are matched by name and shape; what only one has, such as a new head, is left out and named.
Exit status: 0 = related to one of them, 1 = no relation found, 2 = an error, or nothing to compare with.")]
pub(crate) struct Command {
    /// One checkpoint: a file, a folder with one, STORE:RUN/EPOCH, or FILE.json[:NAME] for a sketch.
    suspect: PathBuf,
    /// Where it may come from: stores, files, folders, globs, and sketches (`.json`).
    #[arg(long, required = true, num_args = 1.., value_name = "PATHS")]
    against: Vec<PathBuf>,
    /// Number of runs among them, if you know it; otherwise the weights have to tell.
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Memory for weights; what needs more is sketched: distances to 2.2 %.
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    memory: Memory,
    /// Seed of the shuffle, and of the test.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    reading: Reading,
}

/// The answer, and what it rests on.
struct Found<'a> {
    suspect: &'a Side,
    /// Of every group that has enough in common with the suspect, the surest first.
    compared: Vec<Compared>,
    others: Vec<Other>,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let mut options = Options {
        memory: command.memory.0,
        seed: command.seed,
        ..command.reading.options()
    };
    let suspect = read_as("suspect", &command.suspect, &options)?;
    refuse_non_finite(&suspect)?;
    if suspect.is_sketch() {
        options.memory = 0;
    }
    let shapes = suspect.shapes();
    let wanted = Wanted {
        shapes: &shapes,
        is_sketch: suspect.is_sketch(),
        least: LEAST_SHARE,
    };
    let (mut collection, others) = collect_shared(&command.against, &options, &wanted);
    report_unread(&collection.problems)?;
    report_left_out(&collection)?;
    if collection.groups.is_empty() {
        return Err(nothing_in_common(&suspect, &others));
    }
    let groups = std::mem::take(&mut collection.groups);
    let mut compared = groups
        .into_iter()
        .map(|group| compare(group, &suspect, command.runs, &options))
        .collect::<Result<Vec<Compared>>>()?;
    compared.sort_by(|a, b| {
        let (a, b) = (a.rank(), b.rank());
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let found = Found {
        suspect: &suspect,
        compared,
        others,
    };
    if global.json {
        print_json(&json::document(&found, &collection))?;
    } else {
        print_text(&text::page(&found))?;
    }
    let is_related = found.compared.first().is_some_and(Compared::is_related);
    Ok(if is_related {
        Outcome::Fine
    } else {
        Outcome::Finding
    })
}

fn refuse_non_finite(suspect: &Side) -> Result<()> {
    let bad = suspect.not_finite();
    if bad.is_empty() {
        return Ok(());
    }
    let tensors = bad.iter();
    let tensors: Vec<String> = tensors
        .map(|(name, count)| format!("{count} in {}", printable(name)))
        .collect();
    bail!(
        "{} has weights that are NaN or infinite, and is at no distance from anything: {}",
        suspect.name,
        tensors.join(", ")
    );
}

/// Why nothing can be compared: what differs from the one with the most in common.
fn nothing_in_common(suspect: &Side, others: &[Other]) -> anyhow::Error {
    let Some(nearest) = others.first() else {
        return anyhow::anyhow!("no checkpoint to compare with could be read");
    };
    let shown: Vec<&str> = nearest
        .differences
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect();
    let more = nearest.differences.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    let why = if nearest.is_sketch {
        "and sketches compare only with the same tensors; give the weights".to_owned()
    } else {
        format!("and {:.0} % are needed", 100.0 * LEAST_SHARE)
    };
    anyhow::anyhow!(
        "no checkpoint has the tensors of {}. The nearest, {}, has {:.0} % of its weights, {why}: {}{more}",
        suspect.name,
        nearest.example,
        100.0 * nearest.share,
        shown.join(", ")
    )
}
