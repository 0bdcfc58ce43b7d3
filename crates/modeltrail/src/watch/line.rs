//! What is said of one checkpoint.

use crate::collection::PositionClaim;
use serde::Serialize;
use std::path::PathBuf;
use std::time::SystemTime;
use trajectory::shift::{Cause, Reading, Verdict};

/// What these lines are; a change that breaks readers gets another number.
pub(super) const SCHEMA: &str = "modeltrail.watch/1";

/// One checkpoint of a training.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its path within the folder, on one line.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// When its last file was written, if that is known.
    pub saved: Option<SystemTime>,
    /// When it claims to have been saved.
    pub position: Option<PositionClaim>,
    /// How many checkpoints were judged before it.
    pub number: u64,
    /// How it moved, and whether that is an alarm.
    pub reading: Reading,
    /// Distance from the accredited checkpoint ÷ median of the last ten steps; none without
    /// either.
    pub since_accredited: Option<f64>,
    /// Whether the training went back to an earlier step, so that judging began anew.
    pub went_back: bool,
    /// Whether it is an alarm, and one of the same cause was raised among the five checkpoints before.
    pub continues: bool,
    /// Whether it was in hand when the watch before this one ended, and is judged again.
    pub again: bool,
    /// Whether all was done then that its alarm asks for.
    pub is_told: bool,
}

impl Line {
    /// Whether it is an alarm that neither goes on nor was told.
    pub fn is_new_alarm(&self) -> bool {
        self.alarm().is_some() && !self.continues && !self.is_told
    }

    /// The verdict, if it is an alarm.
    pub fn alarm(&self) -> Option<&Verdict> {
        self.reading
            .verdict
            .as_ref()
            .filter(|verdict| verdict.alarm)
    }

    /// What to call the checkpoint: its claimed step, else its name.
    pub fn label(&self) -> String {
        match self.position {
            Some(position) => position.value.to_string(),
            None => self.name.clone(),
        }
    }

    /// Angle to the step before in degrees, 0 to 180.
    pub fn turn(&self) -> Option<f64> {
        let cosine = self.reading.motion.as_ref()?.cosine;
        let turn = cosine.clamp(-1.0, 1.0).acos().to_degrees();
        turn.is_finite().then_some(turn)
    }
}

/// A line of JSON.
#[derive(Debug, Serialize)]
pub struct Out<'a> {
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
        /// Whether the watch before this one may have said it.
        again: bool,
        /// Whether enough steps lie behind for a verdict.
        judged: bool,
        alarm: bool,
        /// Whether an alarm of the same cause came just before.
        continues: bool,
        /// The likely cause of an alarm.
        cause: Option<Cause>,
        verdict: Option<&'a Verdict>,
    },
    Problem {
        path: String,
        message: &'a str,
    },
    Note {
        message: &'a str,
    },
}

impl<'a> Out<'a> {
    fn of(kind: Kind<'a>) -> Self {
        let schema = SCHEMA;
        Self { schema, kind }
    }

    /// A checkpoint that was read.
    pub fn checkpoint(line: &'a Line) -> Self {
        let motion = line.reading.motion.as_ref();
        Self::of(Kind::Checkpoint {
            path: line.path.to_string_lossy().into_owned(),
            position: line.position,
            step_length: motion.map(|motion| motion.step_length),
            turn_degrees: line.turn(),
            outside_share: motion.map(|motion| motion.outside_share),
            since_accredited_steps: line.since_accredited,
            went_back: line.went_back,
            again: line.again,
            judged: line.reading.verdict.is_some(),
            alarm: line.alarm().is_some(),
            continues: line.continues,
            cause: line.alarm().map(|verdict| verdict.cause),
            verdict: line.reading.verdict.as_ref(),
        })
    }

    /// A file that is left out.
    pub fn problem(problem: &'a crate::collection::Problem) -> Self {
        Self::of(Kind::Problem {
            path: problem.path.to_string_lossy().into_owned(),
            message: &problem.message,
        })
    }

    /// Something to know about all of it.
    pub fn note(message: &'a str) -> Self {
        Self::of(Kind::Note { message })
    }
}
