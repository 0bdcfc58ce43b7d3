//! The tables of what came out.

use super::judged::Outcome;
use super::{Judged, KINDS, SIZES, Sound};
use crate::audit::planted::Defect;
use crate::findings::Findings;
use crate::gallery::share::Share;
use modeltrail::audit::Confidence;
use report::table::{Column, Table};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const TEXT: &str = "\
Trainings of the gallery (examples/gallery), as f32 and rounded to bf16, each checkpoint in three files. Into \
each series one defect is planted, at the first step that it can be at, at the last, and at drawn ones; then \
two or three at once. `audit` sees sketches only. Lines were set by looking at even seeds; all tables are of \
odd ones unless they say otherwise.\n\n\
\"Step\": a finding names the step, or all of them. \"Tensor\": it also names exactly the tensors or the file, or \
all where the whole step is wrong. \"Kind\": it also says what is wrong. \"False\": a finding about a step where \
nothing was planted. In brackets 95 % intervals (Wilson); places in one training are not independent, so that \
they are narrower than other trainings would show.";

type Pick<'a> = Box<dyn Fn(&Outcome) -> bool + 'a>;

pub(super) fn findings(all: &Judged, trainings: usize) -> Findings {
    let mut found = Findings {
        title: "Series with planted defects",
        text: format!("{TEXT}\n\n{trainings} trainings."),
        ..Findings::default()
    };
    found.tables.push(totals(all));
    found.tables.push(kinds(all));
    found.tables.push(sound(all));
    found.tables.push(others(all));
    let odd = |size: usize| {
        let outcomes = all.outcomes.iter();
        outcomes.filter(move |one| !one.is_even && one.size == size)
    };
    for size in SIZES {
        let step = Share::of(odd(size).map(|one| one.step));
        let tensors = Share::of(odd(size).map(|one| one.tensors));
        found.headline(&format!("step_{size}"), step.share, step.of);
        found.headline(&format!("tensor_{size}"), tensors.share, tensors.of);
        let own = all
            .sound
            .iter()
            .filter(|one| !one.is_even && one.size == size);
        let checkpoints: usize = own.clone().map(|one| one.checkpoints).sum();
        let false_ones: usize = own.map(|one| one.findings.len()).sum();
        let rate = 1000.0 * false_ones as f64 / checkpoints.max(1) as f64;
        found.headline(&format!("false_per_1000_{size}"), rate, checkpoints);
    }
    found.json = json!({
        "summary": found.summary,
        "missed": missed(all),
        "false": false_findings(all),
    });
    found
}

/// Step, tensor, kind and false findings, over many ways to part the cases.
fn totals(all: &Judged) -> Table {
    let rows: Vec<(&str, Pick<'_>)> = vec![
        ("all, odd seeds", Box::new(|one| !one.is_even)),
        (
            "all, even seeds (lines set here)",
            Box::new(|one| one.is_even),
        ),
        ("one defect", Box::new(|one| !one.is_even && !one.is_mixed)),
        (
            "several at once",
            Box::new(|one| !one.is_even && one.is_mixed),
        ),
        (
            "at the first or last step",
            Box::new(|one| !one.is_even && one.is_end && !one.is_mixed),
        ),
        (
            "within",
            Box::new(|one| !one.is_even && !one.is_end && !one.is_mixed),
        ),
        (
            "even spacing",
            Box::new(|one| !one.is_even && ["steps", "epoch"].contains(&one.spacing.as_str())),
        ),
        (
            "log-spaced",
            Box::new(|one| !one.is_even && one.spacing == "log"),
        ),
        (
            "uneven",
            Box::new(|one| !one.is_even && one.spacing == "uneven"),
        ),
    ];
    let mut table = Table {
        caption: "Step and tensor or file, by the numbers that a sketch keeps of a tensor".into(),
        columns: vec![Column::text("")],
        rows: Vec::new(),
    };
    table.columns.push(Column::number("", "n"));
    for size in SIZES {
        for title in ["step", "tensor", "kind", "false"] {
            table.columns.push(Column::number(&size.to_string(), title));
        }
    }
    for (name, pick) in rows {
        let of = |size: usize| -> Vec<&Outcome> {
            let own = all.outcomes.iter().filter(|one| one.size == size);
            own.filter(|one| pick(one)).collect()
        };
        let mut row = vec![name.to_owned(), of(SIZES[0]).len().to_string()];
        for size in SIZES {
            let own = of(size);
            let share = |of: fn(&Outcome) -> bool| Share::of(own.iter().map(|one| of(one)));
            row.push(precise(&share(|one| one.step)));
            row.push(precise(&share(|one| one.tensors)));
            row.push(precise(&share(|one| one.kind)));
            row.push(
                own.iter()
                    .map(|one| one.innocent.len())
                    .sum::<usize>()
                    .to_string(),
            );
        }
        table.rows.push(row);
    }
    table
}

/// As `.993 (.985–.997)`.
fn precise(share: &Share) -> String {
    if share.of == 0 {
        return "–".to_owned();
    }
    let [low, high] = share.interval;
    format!("{:.3} ({low:.3}–{high:.3})", share.share)
}

fn kinds(all: &Judged) -> Table {
    let mut table = Table {
        caption: "One defect, by what it is".into(),
        columns: vec![Column::text("defect"), Column::number("", "n")],
        rows: Vec::new(),
    };
    for size in SIZES {
        for title in ["step", "tensor", "kind"] {
            table.columns.push(Column::number(&size.to_string(), title));
        }
    }
    for defect in KINDS.into_iter().chain([Defect::Older]) {
        let of = |size: usize| -> Vec<&Outcome> {
            let own = all
                .outcomes
                .iter()
                .filter(|one| one.size == size && !one.is_even && !one.is_mixed);
            own.filter(|one| one.defect == defect).collect()
        };
        let mut row = vec![defect.name().to_owned(), of(SIZES[0]).len().to_string()];
        for size in SIZES {
            let own = of(size);
            let count = |of: fn(&Outcome) -> bool| own.iter().filter(|one| of(one)).count();
            row.push(count(|one| one.step).to_string());
            row.push(count(|one| one.tensors).to_string());
            row.push(count(|one| one.kind).to_string());
        }
        table.rows.push(row);
    }
    table
}

fn sound(all: &Judged) -> Table {
    let mut table = Table {
        caption: "False findings in series without a defect, per 1,000 checkpoints".into(),
        columns: vec![
            Column::text("what happened in the training"),
            Column::number("", "checkpoints"),
        ],
        rows: Vec::new(),
    };
    for size in SIZES {
        table
            .columns
            .push(Column::number(&size.to_string(), "findings"));
    }
    let mut events: BTreeSet<&str> = all.sound.iter().map(|one| one.event.as_str()).collect();
    events.insert("all");
    for (is_even, event) in [false, true]
        .iter()
        .flat_map(|even| events.iter().map(move |event| (*even, *event)))
    {
        if is_even && event != "all" {
            continue;
        }
        let of = |size: usize| -> Vec<&Sound> {
            let own = all
                .sound
                .iter()
                .filter(|one| one.size == size && one.is_even == is_even);
            own.filter(|one| event == "all" || one.event == event)
                .collect()
        };
        let checkpoints: usize = of(SIZES[0]).iter().map(|one| one.checkpoints).sum();
        if checkpoints == 0 {
            continue;
        }
        let name = if is_even {
            format!("{event}, even seeds")
        } else {
            event.to_owned()
        };
        let mut row = vec![name, checkpoints.to_string()];
        for size in SIZES {
            let count: usize = of(size).iter().map(|one| one.findings.len()).sum();
            row.push(format!(
                "{count} ({:.2})",
                1000.0 * count as f64 / checkpoints.max(1) as f64
            ));
        }
        table.rows.push(row);
    }
    table
}

/// The step that one equals or comes from, and how often each confidence holds.
fn others(all: &Judged) -> Table {
    let mut table = Table {
        caption: "What else is said".into(),
        columns: vec![Column::text("")],
        rows: Vec::new(),
    };
    for size in SIZES {
        table.columns.push(Column::number("", &size.to_string()));
    }
    let rows = [
        ("the step that it equals or comes from is right", None),
        (
            "the kind is right, where the finding is exact",
            Some(Confidence::Exact),
        ),
        ("… clear", Some(Confidence::High)),
        ("… likely", Some(Confidence::Moderate)),
    ];
    for (name, confidence) in rows {
        let of = |one: &Outcome| match confidence {
            None => one.other.filter(|_| one.step),
            Some(_) => (one.confidence == confidence).then_some(one.kind),
        };
        let mut row = vec![name.to_owned()];
        for size in SIZES {
            let own = all
                .outcomes
                .iter()
                .filter(|one| one.size == size && !one.is_even);
            let share = Share::of(own.filter_map(of));
            row.push(format!("{} of {}", precise(&share), share.of));
        }
        table.rows.push(row);
    }
    table
}

/// What was not named whole, for whoever wants to look.
fn missed(all: &Judged) -> Value {
    let missed = all
        .outcomes
        .iter()
        .filter(|one| !(one.step && one.tensors && one.kind));
    let rows = missed.map(|one| {
        json!({
            "training": one.training,
            "numbers": one.size,
            "planted": one.truth,
            "said": one.said,
            "several": one.is_mixed,
        })
    });
    rows.collect()
}

fn false_findings(all: &Judged) -> Value {
    let sound = all.sound.iter().flat_map(|one| {
        one.findings.iter().map(move |finding| {
            json!({
                "training": one.kind,
                "even": one.is_even,
                "event": one.event,
                "numbers": one.size,
                "bf16": one.is_bf16,
                "finding": finding,
            })
        })
    });
    let planted = all.outcomes.iter().flat_map(|one| {
        one.innocent.iter().map(move |finding| {
            json!({
                "training": one.training,
                "numbers": one.size,
                "planted": one.truth,
                "finding": finding,
            })
        })
    });
    sound.chain(planted).collect()
}
