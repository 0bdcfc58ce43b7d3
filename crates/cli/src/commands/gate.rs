//! `modeltrail gate`: may the tests of an accredited checkpoint stand for a candidate?

mod json;
mod junit;
mod text;

use super::limits::Reading;
use super::{print_json, print_text};
use crate::cli::{Global, Outcome};
use crate::collection::LeftOut;
use crate::gate::budget::Budget;
use crate::gate::buffers::Buffers;
use crate::gate::history::History;
use crate::gate::judged::{Judged, Status, judge};
use crate::gate::measured::{Measured, measure};
use crate::gate::sides::{Side, beside, read_as, same_architecture};
use crate::publish::{check, publish};
use anyhow::Result;
use clap::Args;
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
  strangers = 0.1    # in distances of unrelated weights of these norms
  [[tensor]]
  name = \"head.*\"
  relative = 0.2     # every tensor with such a name

It measures movement, not merit: a small change of weights can change what a model does, and within
budget does not replace a test. Exit status: 0 = within budget, 1 = retest, 2 = an error.")]
pub(crate) struct Command {
    /// The checkpoint that was tested: a file, STORE:RUN/EPOCH, or sketches (FILE.json, FILE.json:NAME).
    #[arg(long, value_name = "A")]
    accredited: PathBuf,
    /// The checkpoint that is to be used in its place.
    #[arg(long, value_name = "B")]
    candidate: PathBuf,
    /// Checkpoints of the accredited one's run, best up to it: what a step is.
    #[arg(long, value_name = "PATHS", num_args = 1..)]
    history: Vec<PathBuf>,
    /// Limits, in TOML.
    #[arg(long, value_name = "FILE.toml")]
    budget: Option<PathBuf>,
    /// Write the answer to this file as JUnit XML, one test case per limit; an older one is replaced.
    #[arg(long, value_name = "FILE.xml")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// The answer, and what it rests on.
struct Found<'a> {
    a: &'a Side,
    b: &'a Side,
    budget_from: Option<String>,
    history: Option<History>,
    /// None if weights are not finite.
    measured: Option<Measured>,
    not_finite: Vec<NotFinite>,
    limits: Vec<Judged>,
    left_out: LeftOut,
    buffers: Buffers,
}

/// A tensor with values that are NaN or infinite.
#[derive(serde::Serialize)]
struct NotFinite {
    /// `accredited` or `candidate`.
    checkpoint: &'static str,
    tensor: String,
    values: u64,
}

impl Found<'_> {
    fn is_within(&self) -> bool {
        let holds = |limit: &Judged| limit.status == Status::Within;
        self.not_finite.is_empty() && self.measured.is_some() && self.limits.iter().all(holds)
    }

    fn is_sketched(&self) -> bool {
        self.a.is_sketch() || self.b.is_sketch()
    }

    fn verdict(&self) -> &'static str {
        if self.is_within() { "within" } else { "retest" }
    }
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let options = command.reading.options();
    if let Some(path) = &command.junit {
        check(path)?;
    }
    // A mistake in the budget is told before large files are read.
    let budget = match &command.budget {
        Some(path) => Budget::read(path)?,
        None => Budget::usual(!command.history.is_empty()),
    };
    let a = read_as("accredited", &command.accredited, &options)?;
    let b = read_as("candidate", &command.candidate, &options)?;
    same_architecture(&a, &b)?;
    let not_finite = not_finite(&a, &b);
    let sound = not_finite.is_empty();
    let accredited_is_sound = !not_finite.iter().any(|bad| bad.checkpoint == ACCREDITED);
    let history = (!command.history.is_empty() && accredited_is_sound)
        .then(|| History::read(&command.history, &a, &options))
        .transpose()?;
    let measured = sound.then(|| measure(&a, &b)).transpose()?;
    let names: Vec<&str> = a.shapes().into_keys().collect();
    let has_history = !command.history.is_empty();
    let limits = judge(
        &budget,
        measured.as_ref(),
        history.as_ref(),
        has_history,
        &names,
    )?;
    let found = Found {
        left_out: beside(&a, &b),
        buffers: Buffers::of(&a, &b),
        a: &a,
        b: &b,
        budget_from: command
            .budget
            .as_ref()
            .map(|path| crate::collection::printable(&path.to_string_lossy())),
        history,
        measured,
        not_finite,
        limits,
    };
    if let Some(path) = &command.junit {
        publish(path, junit::document(&found).as_bytes())?;
    }
    if global.json {
        print_json(&json::document(&found))?;
    } else {
        print_text(&text::page(&found))?;
    }
    Ok(if found.is_within() {
        Outcome::Fine
    } else {
        Outcome::Finding
    })
}

const ACCREDITED: &str = "accredited";

fn not_finite(a: &Side, b: &Side) -> Vec<NotFinite> {
    let sides = [(ACCREDITED, a), ("candidate", b)];
    sides
        .into_iter()
        .flat_map(|(checkpoint, side)| {
            let tensors = side.not_finite().into_iter();
            tensors.map(move |(tensor, values)| NotFinite {
                checkpoint,
                tensor,
                values,
            })
        })
        .collect()
}
