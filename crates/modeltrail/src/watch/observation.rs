//! What is observed of one checkpoint.

use super::facts::Fact;
use super::happened;
use crate::collection::PositionClaim;
use crate::coverage::Coverage;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::SystemTime;
use trajectory::shift::{Cause, Reading};

/// One checkpoint of a training.
#[derive(Debug, Clone)]
pub struct Observation {
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
    /// The evidence for an event, in numbers.
    pub(super) evidence: String,
    /// What the trainer's files say happened since the checkpoint before.
    pub facts: Vec<Fact>,
    /// Distance from the accredited checkpoint ÷ median of the last ten steps; none without
    /// either.
    pub since_accredited: Option<f64>,
    /// Whether the training went back to an earlier step, so that judging began anew.
    pub went_back: bool,
    /// Whether it is an alarm, and one of the same cause was raised among the five checkpoints before.
    pub continues: bool,
    /// Whether it was in hand when the watch before this one ended, and is judged again.
    pub again: bool,
    /// Whether its alarm was reported then, and all was done that it asks for.
    pub was_reported: bool,
    /// How much of it was read.
    pub coverage: Coverage,
}

impl Observation {
    /// Whether it is an alarm that neither continues another nor was reported before.
    pub fn is_new_alarm(&self) -> bool {
        self.alarm().is_some() && !self.continues && !self.was_reported
    }

    /// The cause of its alarm, if there is one: what the trainer's files say, else what the weights
    /// look like. What the training's own schedule brings about raises none.
    pub fn alarm(&self) -> Option<Cause> {
        happened::cause(self.reading.verdict.as_ref(), &self.facts)
    }

    /// The evidence for an event, in numbers; empty where there is none.
    pub fn evidence(&self) -> &str {
        &self.evidence
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

    /// How much of it was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The titles of [`row`](Self::row).
    pub fn titles(since: bool) -> String {
        let (step, length, turn, outside) = ("step", "length", "turn", "outside");
        let mut text = format!("{step:>10}{length:>12}{turn:>8}{outside:>10}");
        if since {
            let _ = write!(text, "{:>10}", "since");
        }
        text
    }

    /// A row for people: step, length, turn, share outside the span; with the distance `since` the
    /// accredited checkpoint, if there is one; and what is to be said.
    pub fn row(&self, since: bool) -> String {
        let number = |value: Option<f64>, decimals: usize, unit: &str| match value {
            Some(value) => format!("{value:.decimals$}{unit}"),
            None => "-".to_owned(),
        };
        let motion = self.reading.motion.as_ref();
        let length = motion.map_or("-".to_owned(), |motion| {
            format!("{:.4e}", motion.step_length)
        });
        let turn = number(self.turn(), 0, "°");
        let share = motion.map(|motion| 100.0 * motion.outside_share);
        let outside = number(share, 1, " %");
        let mut text = format!("{:>10}{length:>12}{turn:>8}{outside:>10}", self.label());
        if since {
            let _ = write!(text, "{:>10}", number(self.since_accredited, 1, ""));
        }
        if self.went_back {
            text.push_str("  went back: judged anew from here");
        }
        if self.again {
            text.push_str("  judged again, because the watch was restarted");
        }
        if let Some(cause) = self.reading.revised {
            let _ = write!(text, "  the last alarm was rather: {}", cause.description());
        }
        if let Some(cause) = self.alarm() {
            text.push_str(match (self.continues, self.was_reported) {
                (true, _) => "  still: ",
                (false, true) => "  reported before: ",
                (false, false) => "  ALARM: ",
            });
            text.push_str(cause.description());
        } else if self.facts.iter().any(|fact| fact.planned == Some(true)) {
            text.push_str("  planned");
        } else if !self.evidence.is_empty() {
            text.push_str("  no alarm");
        }
        if !self.evidence.is_empty() {
            let _ = write!(text, " ({})", self.evidence);
        }
        text
    }
}

impl std::fmt::Display for Observation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.row(self.since_accredited.is_some()))
    }
}
