//! What a watch reports, as lines of JSON.

use super::facts::Fact;
use super::observation::Observation;
use super::watcher::Beside;
use crate::collection::{PositionClaim, Problem};
use crate::coverage::Coverage;
use serde::Serialize;
use trajectory::shift::{Cause, Verdict};

/// What these lines are; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.watch/1";

/// A line of JSON.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    schema: &'static str,
    #[serde(flatten)]
    kind: Kind<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum Kind<'a> {
    Checkpoint {
        path: String,
        position: Option<PositionClaim>,
        step_length: Option<f64>,
        turn_degrees: Option<f64>,
        outside_share: Option<f64>,
        since_accredited_steps: Option<f64>,
        went_back: bool,
        /// Whether the watch before this one may have reported it.
        again: bool,
        /// Whether enough steps lie behind for a verdict.
        judged: bool,
        alarm: bool,
        /// What the alarm two checkpoints before turns out to have been, if not what it looked like.
        revised: Option<Cause>,
        /// Whether an alarm of the same cause came just before.
        continues: bool,
        /// The likely cause of an alarm.
        cause: Option<Cause>,
        /// The evidence for an event, in words.
        evidence: &'a str,
        /// What the trainer's files say happened.
        facts: &'a [Fact],
        verdict: Option<&'a Verdict>,
        coverage: &'a Coverage,
    },
    Problem {
        path: String,
        reason: &'static str,
        message: &'a str,
    },
    Beside {
        path: String,
        message: &'a str,
    },
    Note {
        message: &'a str,
    },
}

impl<'a> Record<'a> {
    fn of(kind: Kind<'a>) -> Self {
        let schema = SCHEMA;
        Self { schema, kind }
    }

    /// A checkpoint that was read.
    pub fn checkpoint(observed: &'a Observation) -> Self {
        let motion = observed.reading.motion.as_ref();
        Self::of(Kind::Checkpoint {
            path: crate::path::write(&observed.path),
            position: observed.position,
            step_length: motion.map(|motion| motion.step_length),
            turn_degrees: observed.turn(),
            outside_share: motion.map(|motion| motion.outside_share),
            since_accredited_steps: observed.since_accredited,
            went_back: observed.went_back,
            again: observed.again,
            judged: observed.reading.verdict.is_some(),
            alarm: observed.alarm().is_some(),
            revised: observed.reading.revised,
            continues: observed.continues,
            cause: observed.alarm(),
            evidence: observed.evidence(),
            facts: &observed.facts,
            verdict: observed.reading.verdict.as_ref(),
            coverage: &observed.coverage,
        })
    }

    /// A file that is skipped.
    pub fn problem(problem: &'a Problem) -> Self {
        Self::of(Kind::Problem {
            path: crate::path::write(&problem.path),
            reason: problem.kind,
            message: &problem.message,
        })
    }

    /// A file that lies beside the checkpoints.
    pub fn beside(beside: &'a Beside) -> Self {
        Self::of(Kind::Beside {
            path: crate::path::write(&beside.path),
            message: &beside.message,
        })
    }

    /// Something to know about all of it.
    pub fn note(message: &'a str) -> Self {
        Self::of(Kind::Note { message })
    }
}

impl Serialize for Observation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Record::checkpoint(self).serialize(serializer)
    }
}
