//! The answer for people.

use super::budget::Origin;
use super::{Judgement, NotFinite, Verdict};
use crate::gate::judged::Judged;
use crate::gate::measured::{Measured, Moved};
use crate::printable::printable;
use crate::text::{beside_weights, part, table, thousands, unread};

/// So many tensors are shown.
const SHOWN: usize = 8;

impl std::fmt::Display for Judgement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&page(self))
    }
}

fn page(found: &Judgement) -> String {
    let (accredited, candidate) = (&found.accredited, &found.candidate);
    let answer = match found.verdict() {
        Verdict::Within => {
            format!("WITHIN BUDGET: {candidate} has changed little since {accredited}")
        }
        Verdict::Retest => {
            format!("RETEST: the tests of {accredited} do not stand for {candidate}")
        }
        Verdict::CannotTell => format!(
            "CANNOT TELL: not enough could be compared to say whether the tests of {accredited} stand \
             for {candidate}"
        ),
    };
    let mut parts = vec![answer];
    parts.extend(unread(&found.coverage));
    parts.extend(found.not_finite.iter().map(not_finite));
    parts.extend(other_tensors(found));
    parts.extend(bytes(found));
    parts.push(limits(found));
    if let Some(measured) = &found.measured {
        parts.push(moved(measured, found));
    }
    parts.push(notes(found));
    parts.join("\n\n")
}

/// What only one of them has, if there is anything.
pub(super) fn other_tensors(found: &Judgement) -> Option<String> {
    let first = found.differences.get(..SHOWN).unwrap_or(&found.differences);
    let more = match found.differences.len() - first.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    (!found.differences.is_empty()).then(|| {
        format!(
            "The candidate does not have the tensors of the accredited checkpoint: {}{more}. The limits \
             are about what both have, {} of the weights.",
            first.join(", "),
            part(found.share)
        )
    })
}

/// What comparing the bytes of tensors showed that could not be read, if there are any.
fn bytes(found: &Judgement) -> Option<String> {
    let unread = &found.bytes.unread;
    let (same, changed) = (unread.same.len(), unread.changed.len());
    let mut parts = Vec::new();
    if same > 0 {
        parts.push(format!(
            "of the tensors that could not be read, {} in both with the same bytes and did not move",
            are(same)
        ));
    }
    if changed > 0 {
        parts.push(format!(
            "of the tensors that could not be read, {} in both with other bytes and changed, by an unknown amount",
            are(changed)
        ));
    }
    let said = parts.join("; ");
    let mut letters = said.chars();
    let first = letters.next()?;
    Some(format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// So many "are" or "is".
fn are(count: usize) -> String {
    match count {
        1 => "1 is".to_owned(),
        more => format!("{} are", thousands(more as u64)),
    }
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

/// A limit as somebody wrote it, or four significant digits of one that was measured.
fn short(limit: f64) -> String {
    let plain = limit.to_string();
    if plain.len() <= 8 {
        return plain;
    }
    number(limit)
}

fn limits(found: &Judgement) -> String {
    let rows = found.limits.iter().map(|limit| {
        let worst = limit.worst.as_deref().map(printable).unwrap_or_default();
        let tensors = match limit.tensors {
            Some(tensors) => format!("{worst} ({} of {} over)", tensors.over, tensors.meant),
            None => worst,
        };
        [
            limit_name(limit),
            measured(limit),
            short(limit.limit),
            limit.status.name().to_owned(),
            tensors,
        ]
    });
    let titles = ["limit", "measured", "at most", "", "where"];
    table(titles, rows).to_string()
}

fn moved(measured: &Measured, found: &Judgement) -> String {
    if measured.is_identical && found.buffers.has_changed() {
        return "All weights are the same bits, and buffers changed.".to_owned();
    }
    if measured.is_identical && found.said.is_empty() {
        return "Identical: all weights are the same bits.".to_owned();
    }
    if measured.is_identical {
        return "Identical: the same model under other names, or stored in another way: all weights are the \
                same bits."
            .to_owned();
    }
    if measured.total.distance == 0.0 {
        let is_all = found.differences.is_empty() && found.said.ambiguous.is_empty();
        let is_same = found.bytes.is_same();
        return if !found.bytes.more_digits.is_empty() && found.bytes.is_unread_same() {
            "All weights are the same as f32, and some differ in further digits.".to_owned()
        } else if !found.bytes.is_unread_same() {
            "What could be read did not move; that says nothing of the rest.".to_owned()
        } else if is_all {
            "All weights are the same as f32; more digits are not known to be the same.".to_owned()
        } else if is_same {
            "Identical in all that both have; that says nothing of the rest.".to_owned()
        } else {
            "What both have is the same as f32; that says nothing of the rest.".to_owned()
        };
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
    notes.extend(
        found
            .said
            .sentences("the accredited checkpoint", "the candidate"),
    );
    if let Some(beside) = beside_weights(found.left_out, 0) {
        notes.push(format!("In both together {beside}."));
    }
    if let Some(note) = found.buffers.to_note() {
        notes.push(format!(
            "! {note}; of running statistics the limits above say more."
        ));
    }
    if found.budget == Origin::Convention {
        notes.push(
            "Caveat: these limits are the defaults, a convention. Set limits of your own from pairs of \
             checkpoints that you have tested."
                .to_owned(),
        );
    }
    notes.push(
        "Caveat: a small change of weights can change what a model does. Within budget does not replace a \
         test."
            .to_owned(),
    );
    notes.join("\n")
}
