//! The answer in words: one line a finding, and what helps.

use super::finding::{Affected, Confidence, Finding, Kind};
use super::{Audit, AuditedSeries, Verdict};
use crate::printable::printable;
use crate::text::{counted, few, part, thousands, unread};
use std::fmt;

/// Names of tensors that a line gives.
const TENSORS: usize = 3;
/// Steps that a line gives.
const STEPS: usize = 8;

impl fmt::Display for Audit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_several = self.series.len() > 1;
        for (index, series) in self.series.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            writeln!(formatter, "{}", series.heading())?;
            let own = self
                .findings
                .iter()
                .filter(|finding| !has_several || finding.run == series.run);
            let mut count = 0;
            for finding in own {
                writeln!(formatter, "  ! {finding}")?;
                count += 1;
            }
            if count == 0 {
                writeln!(formatter, "  {}", series.nothing_found())?;
            }
            for note in &series.notes {
                writeln!(formatter, "  {note}")?;
            }
            writeln!(formatter, "  {}", series.caveat())?;
        }
        if let Some(unread) = unread(&self.coverage) {
            writeln!(formatter, "cannot tell of the rest: {unread}")?;
        }
        Ok(())
    }
}

impl AuditedSeries {
    /// What was looked at.
    pub(super) fn heading(&self) -> String {
        let run = self
            .run
            .as_deref()
            .map_or(String::new(), |run| format!("{}: ", printable(run)));
        let unit = self.unit.name();
        format!(
            "{run}{}, {unit}s {} to {}, {}",
            counted(self.checkpoints, "checkpoint"),
            self.first,
            self.last,
            counted(self.tensors, "tensor")
        )
    }

    pub(super) fn nothing_found(&self) -> String {
        match self.checkpoints {
            0..=2 => "no defect found; with fewer than three checkpoints only equal bits, counts and types \
                      can show one"
                .to_owned(),
            _ => "no defect found".to_owned(),
        }
    }

    /// What cannot be seen.
    pub(super) fn caveat(&self) -> String {
        let share = self.unseen.of_weights.map_or(String::new(), |share| {
            format!(" (typically {} of its weights)", part(share))
        });
        format!(
            "cannot be seen: a change of one tensor below {:.1} times the distance of the {}s beside it{share}, \
             unless bits are equal; judged by {} a tensor",
            self.unseen.steps,
            self.unit.name(),
            counted(self.numbers, "number")
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {}{}",
            self.place(),
            self.what(),
            self.sure()
        )?;
        if let Some(way_out) = self.way_out() {
            write!(formatter, ". {way_out}")?;
        }
        Ok(())
    }
}

impl Finding {
    /// The sentence, with the claimed run where there are several.
    pub(crate) fn of_run(&self) -> String {
        match &self.run {
            Some(run) => format!("{}, {self}", printable(run)),
            None => self.to_string(),
        }
    }

    /// The steps, by name: "step 10", "steps 10 and 20", "86 steps (1, 2, 4, …)".
    pub(super) fn place(&self) -> String {
        let unit = self.unit.name();
        let number = |step: &u64| step.to_string();
        match self.steps.as_slice() {
            [] => unit.to_owned(),
            [step] => format!("{unit} {step}"),
            [first, second] => format!("{unit}s {first} and {second}"),
            several if self.is_in_a_row() => {
                let ends = several.first().zip(several.last());
                ends.map_or(String::new(), |(first, last)| {
                    format!("{unit}s {first} to {last}")
                })
            }
            several => {
                let named: Vec<String> = several.iter().take(STEPS).map(number).collect();
                let more = if several.len() > STEPS { ", …" } else { "" };
                format!(
                    "{} {unit}s ({}{more})",
                    thousands(several.len() as u64),
                    named.join(", ")
                )
            }
        }
    }

    /// Whether its steps follow each other, so that two ends say all.
    fn is_in_a_row(&self) -> bool {
        matches!(self.kind, Kind::Standstill | Kind::Still | Kind::NeverMoved)
    }

    /// The tensors or files concerned.
    fn concerned(&self) -> String {
        if !self.shards.is_empty() {
            return few(self.shards.iter().map(String::as_str), TENSORS);
        }
        match &self.tensors {
            Affected::All => "all tensors".to_owned(),
            Affected::Some(names) if names.len() <= TENSORS => {
                few(names.iter().map(String::as_str), TENSORS)
            }
            Affected::Some(names) => format!(
                "{} ({})",
                counted(names.len(), "tensor"),
                few(names.iter().map(String::as_str), TENSORS)
            ),
        }
    }

    /// Another step that it equals, is near to, or goes on from.
    fn other(&self) -> String {
        let other = self.equals.or(self.nearest);
        other.map_or(String::new(), |step| format!("{} {step}", self.unit.name()))
    }

    /// What is wrong.
    fn what(&self) -> String {
        let (unit, other, which) = (self.unit.name(), self.other(), self.concerned());
        let evidence = &self.evidence;
        let is_many = self.steps.len() > 1;
        match self.kind {
            Kind::Copy if is_many => format!("they have the weights of {other} (the same bits)"),
            Kind::Copy => format!("it has the weights of {other} (the same bits)"),
            Kind::Standstill => {
                format!("nothing changes after {other}: all have its weights (the same bits)")
            }
            Kind::Swapped => "each has the weights of the other: they are swapped".to_owned(),
            Kind::Misplaced if other.is_empty() => format!(
                "its weights are far from those of the {unit}s before and after it, and near no other"
            ),
            Kind::Misplaced => format!(
                "its weights are far from those of the {unit}s before and after it, and nearest to {other}"
            ),
            Kind::Restarted => {
                format!("training goes on from {other} here, not from the {unit} before")
            }
            Kind::FellBack => format!(
                "it has the weights of {other} (the same bits), and training goes on from them: it fell back"
            ),
            Kind::Average => {
                "it is an average of the checkpoints around it, not a state of the training"
                    .to_owned()
            }
            Kind::Chimera if self.equals.is_some() => {
                format!("{which} of {other} (the same bits), and the rest is its own")
            }
            Kind::Chimera => {
                format!("{which} out of place, nearest to {other}, and the rest is its own")
            }
            Kind::Stale => {
                format!("{which} as at {other} (the same bits): not saved, or not updated")
            }
            Kind::Still => format!("{which} as at {other} (the same bits), while the rest moves"),
            Kind::Foreign => format!(
                "{which} unrelated to the same at the {unit}s beside: foreign, or begun anew"
            ),
            Kind::Reinitialised => format!(
                "{which} unrelated to the same before, and training goes on from there: begun anew"
            ),
            Kind::Rearranged => {
                format!(
                    "{which} with the values that belong there in another order: transposed, or permuted"
                )
            }
            Kind::Zeros => format!("{which}: {evidence}, and not at the {unit}s beside"),
            Kind::NotFinite => format!("{which}: {evidence} NaN or infinite"),
            Kind::Dtype if matches!(self.tensors, Affected::All) => evidence.clone(),
            Kind::Dtype => format!("{which}: {evidence}"),
            Kind::Layout => format!("{which}: {evidence}"),
            Kind::Tied => format!("{which} differ, and are {evidence}: tied weights out of step"),
            Kind::Missing if is_many => format!("they are missing: {evidence}"),
            Kind::Missing => format!("it is missing: {evidence}"),
            Kind::Conflict => format!(
                "{} claim it, and their weights differ",
                few(self.checkpoints.iter().map(String::as_str), TENSORS)
            ),
            Kind::NeverMoved => format!("{which} never changed, and should have"),
            Kind::Moved => format!("{which}: {evidence}"),
            Kind::AverageEqualsRaw => format!(
                "{} has the bits of the weights that it should be an average of",
                few(self.checkpoints.iter().map(String::as_str), 1)
            ),
        }
    }

    fn sure(&self) -> &'static str {
        match self.confidence {
            Confidence::Exact => "",
            Confidence::High => " (clear)",
            Confidence::Moderate => " (likely)",
        }
    }

    /// What to do about it.
    fn way_out(&self) -> Option<String> {
        let checkpoints = match self.checkpoints.as_slice() {
            [] => {
                return matches!(self.kind, Kind::Missing)
                    .then(|| "Download it, if it was ever saved".to_owned());
            }
            [one] => printable(one),
            [first, second] => format!("{} and {}", printable(first), printable(second)),
            several => format!("these {} checkpoints", thousands(several.len() as u64)),
        };
        let anew = || match self.shards.is_empty() {
            false => format!("Download {} of {checkpoints} again", self.concerned()),
            true => format!("Download {checkpoints} again"),
        };
        match self.kind {
            Kind::Swapped => Some(format!("Exchange their names, or download {checkpoints} again")),
            Kind::Restarted | Kind::FellBack => Some(
                "What came between is no part of what follows: leave it out, or split the series here".to_owned(),
            ),
            Kind::Standstill | Kind::NeverMoved | Kind::Moved | Kind::Reinitialised => None,
            Kind::Conflict => Some("Keep one of them".to_owned()),
            _ => Some(anew()),
        }
    }
}

impl Verdict {
    /// In JSON, and in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Defects => "defects",
            Self::CannotTell => "cannot_tell",
        }
    }
}
