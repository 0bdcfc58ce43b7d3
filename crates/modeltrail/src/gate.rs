//! Whether a candidate is so near the accredited checkpoint that its tests may stand: a budget of
//! movement, what was measured, and within or over for every limit.
//!
//! | submodule | does |
//! |---|---|
//! | [`budget`] | reads the limits |
//! | [`measured`] | how far all and each tensor moved |
//! | [`history`] | how long the run's own recent steps are |
//! | [`judged`] | compares the one with the other |
//! | `compared` | brings both to the same tensors, and says what only one has |

pub mod budget;
mod compared;
pub mod history;
mod json;
pub mod judged;
mod junit;
pub mod measured;
mod statistics;
mod text;

pub use budget::Budget;
pub use history::History;

use crate::checkpoint::{Buffers, Checkpoint};
use crate::coverage::{Coverage, LeftOut};
use crate::error::Result;
use crate::mapping::{ComparedBytes, Map, Mapping, Said};
use budget::Origin;
use compared::Compared;
use judged::{Judged, Status, judge, of_run, of_statistics};
use measured::Measured;
use serde::Serialize;

/// The answer, and what it rests on.
#[derive(Debug)]
pub struct Judgement {
    accredited: String,
    candidate: String,
    is_sketched: bool,
    budget: Origin,
    history: Option<History>,
    /// None if weights are not finite, or could not be read.
    measured: Option<Measured>,
    not_finite: Vec<NotFinite>,
    limits: Vec<Judged>,
    left_out: LeftOut,
    buffers: Buffers,
    coverage: Coverage,
    /// Tensors that only one of them has, or in another shape, each in a few words.
    differences: Vec<String>,
    /// Share of the weights of the larger one that both have.
    share: f64,
    /// How tensors were matched.
    said: Said,
    bytes: ComparedBytes,
}

/// Whether a candidate is within a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is within every limit.
    Within,
    /// It is over a limit, has weights that are NaN or infinite, or lacks tensors of the accredited
    /// one or has others: test it again.
    Retest,
    /// Some tensors could not be read or matched, and those that could are over no limit.
    CannotTell,
}

/// A tensor with values that are NaN or infinite.
#[derive(Debug, Serialize)]
struct NotFinite {
    /// `accredited` or `candidate`.
    checkpoint: &'static str,
    tensor: String,
    values: u64,
}

impl Budget {
    /// Judges a candidate by the budget. `history` says how long a step of the accredited
    /// checkpoint's run is; a limit in steps needs it.
    ///
    /// # Errors
    /// When less than half of the weights of the larger one are in both, a limit is in steps and there
    /// is no history, or a glob of the budget matches no tensor.
    pub fn judge(
        &self,
        accredited: &Checkpoint,
        candidate: &Checkpoint,
        history: Option<&History>,
    ) -> Result<Judgement> {
        self.judge_mapped(accredited, candidate, history, &Map::Auto)
    }

    /// As [`judge`](Self::judge), with tensors matched in this way.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub fn judge_mapped(
        &self,
        accredited: &Checkpoint,
        candidate: &Checkpoint,
        history: Option<&History>,
        map: &Map,
    ) -> Result<Judgement> {
        // An adapter is judged as what it makes of the accredited model.
        let merged = candidate.onto(accredited)?;
        let candidate = merged.as_ref().unwrap_or(candidate);
        let compared = Compared::of(accredited, candidate, map)?;
        let mut coverage = accredited.coverage();
        coverage.add(&candidate.coverage());
        coverage.not_compared = compared.not_compared();
        let bytes = ComparedBytes::between(accredited, candidate, compared.mapping());
        let is_sketched = accredited.is_sketch() || candidate.is_sketch();
        let not_finite_in = || not_finite(accredited, candidate);
        let (mut measured, not_finite) = if is_sketched {
            let bad = not_finite_in()?;
            let is_measurable = bad.is_empty() && coverage.is_complete();
            (is_measurable.then(|| compared.measure()).transpose()?, bad)
        } else {
            let measured = compared.measure()?;
            // Everything was looked at already, unless it is in one of the two alone.
            let is_known = measured.is_finite && coverage.not_compared.is_empty();
            let bad = if is_known {
                Vec::new()
            } else {
                not_finite_in()?
            };
            (bad.is_empty().then_some(measured), bad)
        };
        let is_whole = compared.is_whole() && compared.differences().is_empty();
        if let Some(measured) = &mut measured {
            measured.is_identical &= bytes.is_same() && is_whole;
        }
        let names: Vec<&str> = accredited.shapes().into_keys().collect();
        // The bytes of what could not be read may be known to be the same: it did not move.
        let unread = if bytes.is_unread_same() {
            &[][..]
        } else {
            &coverage.unread
        };
        let mut limits = judge(self, measured.as_ref(), history, &names, unread)?;
        let moved = statistics::between(accredited, candidate, compared.mapping());
        limits.extend(of_statistics(self, &moved, is_sketched));
        limits.extend(of_history(self, measured.as_ref(), history, candidate)?);
        Ok(Judgement {
            accredited: accredited.name().to_owned(),
            candidate: match &merged {
                Some(_) => format!("{} (an adapter, put onto that)", candidate.name()),
                None => candidate.name().to_owned(),
            },
            is_sketched,
            budget: self.origin.clone(),
            limits,
            history: history.cloned(),
            measured,
            not_finite,
            left_out: accredited.left_out().and(candidate.left_out()),
            buffers: Buffers::between(accredited, candidate, compared.mapping()),
            coverage,
            share: compared.mapping().map_or(1.0, Mapping::share),
            differences: compared.differences(),
            said: compared.into_said(),
            bytes,
        })
    }
}

/// Whether the candidate is a step as the run makes them, by the default budget and where enough of the run
/// is known.
fn of_history(
    budget: &Budget,
    measured: Option<&Measured>,
    history: Option<&History>,
    candidate: &Checkpoint,
) -> Result<Option<Judged>> {
    let (true, Some(measured), Some(history)) =
        (budget.origin == Origin::Convention, measured, history)
    else {
        return Ok(None);
    };
    let Some(follower) = &history.follower else {
        return Ok(None);
    };
    let is_short = measured.total.over(history.recent_step) < SHORT;
    let found = follower.judge(candidate)?;
    Ok(
        found
            .map(|(verdict, evidence, threshold)| of_run(&verdict, &evidence, threshold, is_short)),
    )
}

/// A step of so many usual ones at most is short: it changes less than the run does by itself.
const SHORT: f64 = 0.5;

impl Judgement {
    /// Whether the candidate is within the budget, or has to be tested again, or neither is known.
    pub fn verdict(&self) -> Verdict {
        let is_over = |limit: &Judged| limit.status == Status::Over;
        let has_other_tensors = !self.differences.is_empty();
        if !self.not_finite.is_empty() || has_other_tensors || self.limits.iter().any(is_over) {
            return Verdict::Retest;
        }
        let holds = |limit: &Judged| limit.status == Status::Within;
        let is_measured = self.measured.is_some() && self.limits.iter().all(holds);
        let is_matched = self.said.ambiguous.is_empty();
        if is_measured && is_matched && self.bytes.is_unread_same() {
            Verdict::Within
        } else {
            Verdict::CannotTell
        }
    }

    /// Whether the candidate is within every limit.
    pub fn is_within(&self) -> bool {
        self.verdict() == Verdict::Within
    }

    /// How much of both checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

fn not_finite(accredited: &Checkpoint, candidate: &Checkpoint) -> Result<Vec<NotFinite>> {
    let mut all = Vec::new();
    for (which, checkpoint) in [("accredited", accredited), ("candidate", candidate)] {
        let tensors = checkpoint.not_finite()?.into_iter();
        all.extend(tensors.map(|(tensor, values)| NotFinite {
            checkpoint: which,
            tensor,
            values,
        }));
    }
    Ok(all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
