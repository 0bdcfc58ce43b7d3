//! The answer for people.

use super::budget::Origin;
use super::{Judgement, NotFinite, Verdict};
use crate::collection::printable;
use crate::gate::judged::Judged;
use crate::gate::measured::{Measured, Moved};
use crate::text::{beside_weights, table, unread};

/// So many tensors are shown.
const SHOWN: usize = 8;

impl std::fmt::Display for Judgement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&page(self))
    }
}

fn page(found: &Judgement) -> String {
    let answer = match found.verdict() {
        Verdict::Within => "WITHIN BUDGET",
        Verdict::Retest => "RETEST",
        Verdict::CannotTell => "CANNOT TELL",
    };
    let (accredited, candidate) = (&found.accredited, &found.candidate);
    let mut parts = vec![format!("{answer}: {candidate} after {accredited}")];
    parts.extend(unread(&found.coverage));
    parts.extend(found.not_finite.iter().map(not_finite));
    parts.push(limits(found));
    if let Some(measured) = &found.measured {
        let buffers = !found.buffers.changed.is_empty();
        parts.push(moved(measured, found.coverage.is_complete(), buffers));
    }
    parts.push(notes(found));
    parts.join("\n\n")
}

/// A tensor that is not finite, and whose.
pub(super) fn not_finite(bad: &NotFinite) -> String {
    format!(
        "{} of the {} checkpoint has {} values that are NaN or infinite",
        printable(&bad.tensor),
        bad.checkpoint,
        bad.values
    )
}

/// What a limit is called.
pub(super) fn limit_name(limit: &Judged) -> String {
    let of = if limit.tensors.is_some() {
        format!("tensor {}", printable(&limit.of))
    } else {
        limit.of.clone()
    };
    format!("{of} {}", limit.unit.name())
}

/// What was measured, with its error.
pub(super) fn measured(limit: &Judged) -> String {
    match limit.measured {
        None if limit.worst.is_some() => "moved from zero".to_owned(),
        None => "-".to_owned(),
        Some(value) if limit.error > 0.0 => {
            format!("{} ± {:.1} %", number(value), 100.0 * limit.error)
        }
        Some(value) => number(value),
    }
}

/// Four significant digits.
fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value) {
        let digits = if value >= 1.0 { 3 } else { 5 };
        format!("{value:.digits$}")
    } else {
        format!("{value:.3e}")
    }
}

fn limits(found: &Judgement) -> String {
    let rows = found.limits.iter().map(|limit| {
        let tensors = limit.tensors.map_or(String::new(), |tensors| {
            let worst = limit.worst.as_deref().map(printable).unwrap_or_default();
            format!("{worst} ({} of {} over)", tensors.over, tensors.meant)
        });
        [
            limit_name(limit),
            measured(limit),
            limit.limit.to_string(),
            limit.status.name().to_owned(),
            tensors,
        ]
    });
    let titles = ["limit", "measured", "at most", "", "worst tensor"];
    table(titles, rows).to_string()
}

fn moved(measured: &Measured, is_complete: bool, buffers_changed: bool) -> String {
    if measured.total.distance == 0.0 && !measured.is_identical {
        return if is_complete {
            "All weights are the same as f32; more digits are not known to be the same.".to_owned()
        } else {
            "What could be read did not move; that says nothing of the rest.".to_owned()
        };
    }
    if measured.is_identical && buffers_changed {
        return "All weights are the same bits, and buffers changed.".to_owned();
    }
    if measured.is_identical {
        return "Identical: all weights are the same bits.".to_owned();
    }
    let mut tensors: Vec<&Moved> = measured.tensors.iter().collect();
    tensors.sort_by(|a, b| b.relative().total_cmp(&a.relative()));
    let still = tensors.iter().filter(|t| t.distance == 0.0).count();
    let all = measured.total.distance.powi(2);
    let rows = tensors.iter().take(SHOWN).map(|tensor| {
        let relative = tensor.relative();
        [
            printable(&tensor.name),
            if relative.is_finite() {
                number(relative)
            } else {
                "from zero".to_owned()
            },
            format!("{:.1} %", 100.0 * tensor.distance.powi(2) / all),
        ]
    });
    let titles = ["moved most", "relative", "share of the squared distance"];
    let shown = table(titles, rows);
    let (shown_count, count) = (tensors.len().min(SHOWN), tensors.len());
    format!("{shown}\n{shown_count} of {count} tensors; {still} did not move")
}

fn notes(found: &Judgement) -> String {
    let mut notes = Vec::new();
    if let Some(run) = &found.history {
        notes.push(format!(
            "A step is {}: the median of {} steps {}, among {} checkpoints in the order that {}.",
            number(run.recent_step),
            run.steps,
            if run.has_accredited {
                "at the accredited checkpoint"
            } else {
                "at the end of a history that does not hold the accredited checkpoint"
            },
            run.checkpoints,
            if run.is_claimed {
                "names and metadata claim"
            } else {
                "was inferred from the weights; name files by their steps to be sure"
            }
        ));
        if run.others > 0 {
            notes.push(format!(
                "{} checkpoints of another architecture in the history were skipped.",
                run.others
            ));
        }
    }
    if found.is_sketched {
        notes.push(
            "From sketches: ± is one standard error at most, and is counted against the budget."
                .to_owned(),
        );
    }
    if let Some(beside) = beside_weights(found.left_out, 0) {
        notes.push(format!("In both together {beside}."));
    }
    if let Some(note) = found.buffers.to_note() {
        notes.push(format!("! {note}, and in no budget."));
    }
    if found.budget == Origin::Convention {
        notes.push(
            "The default budget (relative 0.05; steps 3 with a history) is a convention and was \
             tested on no model: set limits of your own."
                .to_owned(),
        );
    }
    notes.push(
        "A small change of weights can change what a model does: within budget does not replace a test."
            .to_owned(),
    );
    notes.join("\n")
}
