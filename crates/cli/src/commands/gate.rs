//! `modeltrail gate`: within a budget of change since the tested checkpoint, or retest.

use super::limits::Reading;
use super::map::Mapping;
use super::{print_json, print_text, report_formats};
use crate::global::{Global, Outcome};
use crate::memory::Memory;
use crate::publish::{check, publish};
use anyhow::{Context, Result};
use clap::Args;
use modeltrail::gate::{Budget, History, Verdict};
use modeltrail::{Checkpoint, Error};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail gate --accredited v1.safetensors --candidate v2.safetensors
  modeltrail gate --accredited run/epoch-40.pt --candidate run/epoch-42.pt --history run/
  modeltrail gate --accredited kept.json:v1.pt --candidate v2.pt --budget budget.toml --junit gate.xml

A budget (every limit is optional; without --budget it is relative = 0.05, and steps = 3 with --history):
  [total]
  relative = 0.05    # length of the change / length of the accredited weights
  steps = 3.0        # in recent steps of the run; needs --history
  unrelated = 0.1    # in distances of unrelated weights of these norms
  [[tensor]]
  name = \"head.*\"
  relative = 0.2     # every tensor with such a name

The gate measures how far the weights moved, not how good the model is: a small change of weights can
change what a model does, and within budget does not replace a test. A tensor that only one of the two has
means retest, unless it is stored twice in one file and once in the other. Exit status: 0 = within budget,
1 = retest, 2 = an error, or tensors could not be read or matched and the answer is not known.")]
pub(crate) struct Command {
    /// The checkpoint that was tested: a file, STORE:RUN/EPOCH, or sketches (FILE.json, FILE.json:NAME).
    #[arg(long, value_name = "A")]
    accredited: PathBuf,
    /// The checkpoint that is to be used in its place.
    #[arg(long, value_name = "B")]
    candidate: PathBuf,
    /// Checkpoints of the run that ends at the accredited one; they say how long a usual step is.
    #[arg(long, value_name = "PATHS", num_args = 1..)]
    history: Vec<PathBuf>,
    /// Limits, in TOML.
    #[arg(long, value_name = "FILE.toml")]
    budget: Option<PathBuf>,
    /// Write the answer to this file as JUnit XML, one test case per limit; an older one is replaced.
    #[arg(long, value_name = "FILE.xml")]
    junit: Option<PathBuf>,
    /// Memory for weights: larger checkpoints are read tensor by tensor, in slices.
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    memory: Memory,
    #[command(flatten)]
    mapping: Mapping,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    if let Some(path) = &command.junit {
        check(path)?;
    }
    // A mistake in the budget is reported before large files are read.
    let budget = match &command.budget {
        Some(path) => Budget::read(path)?,
        None => Budget::usual(!command.history.is_empty()),
    };
    let map = command.mapping.map()?;
    let options = command.reading.options().map(map.clone());
    let options = options.memory(command.memory.0);
    if budget.total.steps.is_some() && command.history.is_empty() {
        return Err(Error::HistoryMissing.into());
    }
    let accredited = Checkpoint::open(&command.accredited, &options)
        .context("the accredited checkpoint cannot be read")?;
    let candidate = Checkpoint::open(&command.candidate, &options)
        .context("the candidate checkpoint cannot be read")?;
    report_formats(&[&accredited, &candidate])?;
    let history = match command.history.as_slice() {
        [] => None,
        paths => Some(History::read(paths, &accredited, &options)?),
    };
    let judgement = budget.judge_mapped(&accredited, &candidate, history.as_ref(), &map)?;
    if let Some(path) = &command.junit {
        publish(path, judgement.to_junit().as_bytes())?;
    }
    if global.json {
        print_json(&judgement)?;
    } else {
        print_text(&judgement)?;
    }
    Ok(match judgement.verdict() {
        Verdict::Within => Outcome::Fine,
        Verdict::Retest => Outcome::Finding,
        Verdict::CannotTell => Outcome::Unknown,
    })
}
