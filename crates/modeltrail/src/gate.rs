//! Whether a candidate is so near the accredited checkpoint that its tests may stand: a budget of
//! movement, what was measured, and within or over for every limit.
//!
//! | submodule | does |
//! |---|---|
//! | [`budget`] | reads the limits |
//! | [`sides`] | reads both checkpoints, as weights or as sketches |
//! | [`buffers`] | what changed that is no weight |
//! | [`measured`] | how far all and each tensor moved |
//! | [`history`] | how long the run's own recent steps are |
//! | [`judged`] | holds the one against the other |

pub mod budget;
pub mod buffers;
pub mod history;
mod json;
pub mod judged;
mod junit;
pub mod measured;
pub mod sides;
mod text;

use crate::collection::{LeftOut, Options, printable};
use anyhow::Result;
use budget::Budget;
use buffers::Buffers;
use history::History;
use judged::{Judged, Status, judge};
use measured::{Measured, measure};
use sides::{Side, beside, read_as, same_architecture};
use std::path::{Path, PathBuf};

/// The answer, and what it rests on.
#[derive(Debug)]
pub struct Judgement {
    a: Side,
    b: Side,
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
#[derive(Debug, serde::Serialize)]
struct NotFinite {
    /// `accredited` or `candidate`.
    checkpoint: &'static str,
    tensor: String,
    values: u64,
}

impl Judgement {
    /// Judges a candidate by a budget. `history` are checkpoints of the accredited one's run, best up
    /// to it: what a step is. `budget` is its file, if it is of one.
    ///
    /// # Errors
    /// When something cannot be read, the tensors differ, a limit is in steps and there is no history,
    /// or a glob of the budget means no tensor.
    pub fn find(
        accredited: &Path,
        candidate: &Path,
        budget: &Budget,
        budget_from: Option<&Path>,
        history: &[PathBuf],
        options: &Options,
    ) -> Result<Self> {
        let a = read_as("accredited", accredited, options)?;
        let b = read_as("candidate", candidate, options)?;
        same_architecture(&a, &b)?;
        let not_finite = not_finite(&a, &b);
        let sound = not_finite.is_empty();
        let accredited_is_sound = !not_finite.iter().any(|bad| bad.checkpoint == ACCREDITED);
        let has_history = !history.is_empty();
        let history = (has_history && accredited_is_sound)
            .then(|| History::read(history, &a, options))
            .transpose()?;
        let measured = sound.then(|| measure(&a, &b)).transpose()?;
        let names: Vec<&str> = a.shapes().into_keys().collect();
        let limits = judge(
            budget,
            measured.as_ref(),
            history.as_ref(),
            has_history,
            &names,
        )?;
        Ok(Self {
            left_out: beside(&a, &b),
            buffers: Buffers::of(&a, &b),
            a,
            b,
            budget_from: budget_from.map(|path| printable(&path.to_string_lossy())),
            history,
            measured,
            not_finite,
            limits,
        })
    }

    /// The answer as JUnit XML, one test case per limit.
    pub fn to_junit(&self) -> String {
        junit::document(self)
    }

    /// Whether the candidate is within every limit.
    pub fn is_within(&self) -> bool {
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

impl std::fmt::Display for Judgement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&text::page(self))
    }
}

impl serde::Serialize for Judgement {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::document(self).serialize(serializer)
    }
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
