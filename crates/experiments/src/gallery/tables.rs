//! The tables of the gallery.

use super::detectors::Detector;
use super::events::{EVENTS, Event, Named};
use super::followed::{Case, Followed, Signal};
use super::share::Share;
use report::table::{Column, Table};
use serde_json::{Value, json};
use trajectory::shift::Cause;

/// Whether the cause of an alarm is named rightly; none where weights have no name for it.
fn is_named(case: &Case, event: &Event) -> Option<bool> {
    match event.cause {
        Named::Nothing | Named::None => None,
        Named::Cause(cause) => Some(case.cause == cause),
    }
}

fn of<'a>(cases: &'a [&Case], event: &'a Event) -> impl Iterator<Item = &'a Case> + Clone {
    let cases = cases.iter().copied();
    cases.filter(move |case| case.event == event.name)
}

/// Of the alarms at the first checkpoint after an event that weights can name: how many are named
/// rightly.
pub(super) fn named(cases: &[&Case]) -> Share {
    let all = EVENTS.iter().flat_map(|event| {
        let alarms = of(cases, event).filter(|case| case.first.ours.alarm);
        alarms.filter_map(move |case| is_named(case, event))
    });
    Share::of(all)
}

/// How often each event is found at the first checkpoint after it.
pub(super) fn found(cases: &[&Case]) -> Vec<(&'static str, Share)> {
    let found = |event: &'static Event| {
        let alarms = of(cases, event).map(|case| case.first.ours.alarm);
        (event.name, Share::of(alarms))
    };
    EVENTS.iter().map(found).collect()
}

/// Every event: how often it is found, and its cause named, by ours.
pub(super) fn by_event(cases: &[&Case]) -> (Table, Value) {
    let mut table = Table {
        caption: "Every event, at the first checkpoint after it: share found, with its 95 % \
                  interval"
            .to_owned(),
        columns: vec![
            Column::text("event"),
            Column::number("", "trainings"),
            Column::number("", "found"),
            Column::number("", "aim"),
            Column::text("met"),
            Column::number("", "found one later"),
            Column::number("", "cause right, two later"),
        ],
        ..Table::default()
    };
    let mut rows = Vec::new();
    for event in &EVENTS {
        let found = Share::of(of(cases, event).map(|case| case.first.ours.alarm));
        let late = Share::of(of(cases, event).map(|case| {
            let second = case.second.as_ref();
            !case.first.ours.alarm && second.is_some_and(|second| second.ours.alarm)
        }));
        let alarms = of(cases, event).filter(|case| case.first.ours.alarm);
        let right = Share::of(alarms.filter_map(|case| is_named(case, event)));
        let met = event.aim.map(|aim| match found.meets(aim) {
            true => "yes",
            false => "no",
        });
        table.rows.push(vec![
            event.title.to_owned(),
            found.of.to_string(),
            found.shown(),
            event.aim.map_or(String::new(), |aim| format!("{aim:.2}")),
            met.unwrap_or_default().to_owned(),
            late.short(),
            right.short(),
        ]);
        rows.push(json!({
            "event": event.name, "found": found, "aim": event.aim, "found_one_later": late,
            "cause_right": right,
        }));
    }
    (table, Value::from(rows))
}

/// Every event by every detector.
pub(super) fn compared(cases: &[&Case], detectors: &[Detector], undisturbed: &[&Signal]) -> Table {
    let mut table = Table {
        caption: "Detectors: share found at the first checkpoint. Step length, loss, norm of the \
                  gradient and update ÷ weights have thresholds that one in 200 undisturbed \
                  checkpoints of the even seeds exceeds"
            .to_owned(),
        columns: vec![Column::text("event")],
        ..Table::default()
    };
    for detector in detectors {
        table.columns.push(Column::number("", &detector.name()));
    }
    let mut false_alarms = vec!["false alarms per 1,000".to_owned()];
    for detector in detectors {
        let share = Share::of(undisturbed.iter().map(|signal| detector.alarm(signal)));
        false_alarms.push(format!("{:.1}", 1000.0 * share.share));
    }
    table.rows.push(false_alarms);
    for event in &EVENTS {
        let mut row = vec![event.title.to_owned()];
        for detector in detectors {
            let found = Share::of(of(cases, event).map(|case| detector.alarm(&case.first)));
            row.push(found.short());
        }
        table.rows.push(row);
    }
    table
}

/// Every event in every kind of training.
pub(super) fn by_kind(cases: &[&Case], kinds: &[&str]) -> Table {
    let mut table = Table {
        caption: "Every event in every kind of training: share found at the first checkpoint"
            .to_owned(),
        columns: vec![Column::text("event")],
        ..Table::default()
    };
    for kind in kinds {
        table.columns.push(Column::number("", kind));
    }
    for event in &EVENTS {
        let mut row = vec![event.title.to_owned()];
        for kind in kinds {
            let own = of(cases, event).filter(|case| case.kind == *kind);
            row.push(Share::of(own.map(|case| case.first.ours.alarm)).short());
        }
        table.rows.push(row);
    }
    table
}

/// Undisturbed checkpoints of every kind: false alarms, and drops of the schedule apart.
pub(super) fn undisturbed(all: &[&Followed]) -> (Table, Value) {
    let mut table = Table {
        caption: "Undisturbed trainings: false alarms, and what is said where the schedule lowers \
                  the rate at once"
            .to_owned(),
        columns: vec![
            Column::text("kind"),
            Column::text("network"),
            Column::text("optimiser"),
            Column::text("schedule"),
            Column::number("", "weights"),
            Column::text("saved"),
            Column::number("", "trainings"),
            Column::number("", "judged"),
            Column::number("", "false alarms"),
            Column::number("", "per 1,000"),
            Column::number("drops of the schedule", ""),
            Column::number("drops of the schedule", "found"),
        ],
        ..Table::default()
    };
    let mut rows = Vec::new();
    for kind in all.chunk_by(|a, b| a.training.kind == b.training.kind) {
        let training = &kind[0].training;
        let signals = || kind.iter().flat_map(|one| &one.undisturbed);
        let usual = signals().filter(|signal| !signal.scheduled);
        let false_alarms = Share::of(usual.map(|signal| signal.ours.alarm));
        let drops = signals().filter(|signal| signal.scheduled);
        let drops = Share::of(drops.map(|signal| signal.ours.alarm));
        table.rows.push(vec![
            training.kind.clone(),
            training.architecture.clone(),
            training.optimiser.clone(),
            training.schedule.clone(),
            training.weights.to_string(),
            training.spacing.clone(),
            kind.len().to_string(),
            false_alarms.of.to_string(),
            false_alarms.count.to_string(),
            format!("{:.1}", 1000.0 * false_alarms.share),
            if drops.of > 0 {
                drops.of.to_string()
            } else {
                String::new()
            },
            if drops.of > 0 {
                drops.count.to_string()
            } else {
                String::new()
            },
        ]);
        rows.push(json!({"kind": training.kind, "false_alarms": false_alarms, "drops": drops}));
    }
    (table, Value::from(rows))
}

/// What happened, against what ours says at the first checkpoint.
pub(super) fn confusion(cases: &[&Case]) -> Table {
    let mut table = Table {
        caption:
            "What happened, and what the detector says of the first checkpoint two checkpoints \
                  later: numbers of trainings"
                .to_owned(),
        columns: vec![Column::text("event"), Column::number("", "no alarm")],
        ..Table::default()
    };
    let causes = Cause::ALL
        .into_iter()
        .filter(|cause| !matches!(cause, Cause::Nothing | Cause::Decay | Cause::OptimiserLost));
    let causes: Vec<Cause> = causes.collect();
    for cause in &causes {
        table.columns.push(Column::number("", cause.description()));
    }
    for event in &EVENTS {
        let count = |wanted: Cause| {
            let own = of(cases, event).filter(|case| case.cause == wanted);
            own.count().to_string()
        };
        let mut row = vec![event.title.to_owned(), count(Cause::Nothing)];
        row.extend(causes.iter().map(|&cause| count(cause)));
        table.rows.push(row);
    }
    table
}
