//! What happened at a checkpoint, by the weights and by the trainer's files.

use super::facts::Fact;
use crate::evidence;
use checkpoint_store::TensorShape;
use std::fmt::Write;
use trajectory::shift::{Cause, Verdict};

/// The cause of an alarm: what the trainer's files say, else what the weights look like. What the
/// training's own schedule brings about is none, and a rate of which no file says whether it was planned
/// names an event that the weights show, and is none by itself.
pub(super) fn cause(verdict: Option<&Verdict>, facts: &[Fact]) -> Option<Cause> {
    if let Some(fact) = facts.iter().find(|fact| fact.planned == Some(false)) {
        return Some(fact.cause);
    }
    let cause = verdict.filter(|verdict| verdict.alarm)?.cause;
    let explains = |fact: &&Fact| match fact.cause {
        Cause::RateDown => matches!(cause, Cause::RateDown | Cause::Batch),
        Cause::RateUp => matches!(cause, Cause::RateUp | Cause::Data),
        _ => false,
    };
    match facts.iter().find(explains) {
        Some(fact) => (fact.planned != Some(true)).then_some(fact.cause),
        None => Some(cause),
    }
}

/// The evidence for what happened, in numbers; empty where nothing did.
pub(super) fn evidence(
    verdict: Option<&Verdict>,
    facts: &[Fact],
    layout: &[TensorShape],
) -> String {
    let mut text = String::new();
    for fact in facts {
        let by = match fact.planned {
            Some(true) => "by its schedule",
            Some(false) | None => "by the trainer's files",
        };
        let _ = write!(text, "{}{}, {by}", separator(&text), fact.what);
    }
    let Some(verdict) = verdict.filter(|verdict| verdict.alarm) else {
        return text;
    };
    for said in evidence::of(verdict, layout) {
        let _ = write!(text, "{}{said}", separator(&text));
    }
    text
}

fn separator(text: &str) -> &'static str {
    if text.is_empty() { "" } else { "; " }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trajectory::shift::{Ratios, Scores};

    fn verdict(cause: Cause) -> Verdict {
        Verdict {
            alarm: cause != Cause::Nothing,
            cause,
            score: 3.9,
            scores: Some(Scores {
                step: -3.9,
                outside: -3.9,
                turn: 0.1,
                spread: None,
            }),
            ratios: Some(Ratios {
                step: 0.36,
                outside: 0.36,
                turn: 1.1,
            }),
            frozen: Vec::new(),
        }
    }

    fn fact(cause: Cause, planned: impl Into<Option<bool>>) -> Fact {
        Fact {
            cause,
            planned: planned.into(),
            what: "learning rate 1e-1 → 1e-2".to_owned(),
        }
    }

    #[test]
    fn a_planned_drop_is_no_alarm_and_a_fact_comes_before_a_guess() {
        let drop = verdict(Cause::RateDown);
        assert_eq!(cause(Some(&drop), &[]), Some(Cause::RateDown));
        assert_eq!(cause(Some(&drop), &[fact(Cause::RateDown, true)]), None);
        let data = verdict(Cause::Data);
        assert_eq!(
            cause(Some(&data), &[fact(Cause::RateDown, true)]),
            Some(Cause::Data)
        );
        let lost = [fact(Cause::OptimiserLost, false)];
        assert_eq!(cause(Some(&data), &lost), Some(Cause::OptimiserLost));
        assert_eq!(cause(None, &lost), Some(Cause::OptimiserLost));
        assert_eq!(cause(Some(&verdict(Cause::Nothing)), &[]), None);
        // A warm-up in a log, without its schedule.
        let logged = [fact(Cause::RateUp, None)];
        assert_eq!(cause(None, &logged), None);
        assert_eq!(cause(Some(&data), &logged), Some(Cause::RateUp));
        assert_eq!(cause(Some(&drop), &logged), Some(Cause::RateDown));
    }

    #[test]
    fn the_evidence_has_numbers() {
        let said = evidence(
            Some(&verdict(Cause::RateDown)),
            &[fact(Cause::RateDown, true)],
            &[],
        );
        assert_eq!(
            said,
            "learning rate 1e-1 → 1e-2, by its schedule; step 0.36 x its forecast, turn 1.10 x, \
             3.9 standard deviations"
        );
        assert_eq!(evidence(None, &[], &[]), "");
    }
}
