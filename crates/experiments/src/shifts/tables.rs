//! The tables and the figure.

use super::changes::{Change, Kind};
use super::detectors::Rule;
use super::series::{Changed, Signal, nulls, undisturbed};
use super::{Half, Measured, alarms_per_thousand, found, share};
use crate::findings::Figure;
use crate::world::World;
use anyhow::Result;
use report::figure::matrix::{Matrix, matrices};
use report::table::{Column, Table};
use serde_json::{Value, json};
use trajectory::shift::Cause;
use weightspace::statistics::{auroc, median};

/// Zoos of other recipes.
const OTHER_ZOOS: [&str; 4] = ["mlp-hard", "mlp-harder", "mlp-wd0", "cnn-wd0"];

/// What became of the models after one change.
struct Outcome {
    models: usize,
    found: f64,
    /// By the detector of version 0.1.
    found_by_fixed: f64,
    late: f64,
    named: f64,
    /// Of the scores of each detector at the first checkpoint, against undisturbed ones.
    areas: Vec<f64>,
}

impl Outcome {
    fn new(one: &Measured, number: usize, change: &Change, rules: &[Rule; 5]) -> Self {
        let changed: Vec<&Changed> = one
            .after(number, Half::Odd)
            .filter(|changed| !changed.after.is_empty())
            .collect();
        let alarm = |changed: &&Changed, checkpoint: usize| {
            changed
                .after
                .get(checkpoint)
                .is_some_and(|signal| rules[0].alarm(signal))
        };
        let first: Vec<bool> = changed.iter().map(|one| alarm(one, 0)).collect();
        let fixed: Vec<bool> = changed
            .iter()
            .map(|one| rules[1].alarm(&one.after[0]))
            .collect();
        let late: Vec<bool> = changed
            .iter()
            .map(|one| !alarm(one, 0) && alarm(one, 1))
            .collect();
        let named: Vec<bool> = changed
            .iter()
            .map(|changed| &changed.after[0].verdict)
            .filter(|verdict| verdict.alarm)
            .map(|verdict| change.kind.is_named_by(verdict.cause))
            .collect();
        let areas = rules.iter().map(|rule| {
            let score = |signal: &Signal| rule.score(signal);
            let positives: Vec<f64> = changed.iter().map(|one| score(&one.after[0])).collect();
            let negatives: Vec<f64> = one.nothing(Half::Odd).map(score).collect();
            auroc(&negatives, &positives)
        });
        Self {
            models: changed.len(),
            found: share(&first),
            found_by_fixed: share(&fixed),
            late: share(&late),
            named: share(&named),
            areas: areas.collect(),
        }
    }
}

pub(super) fn by_change(one: &Measured, changes: &[Change], rules: &[Rule; 5]) -> Table {
    let strong = one.strong(changes);
    let number = |group, title| Column::number(group, title);
    let mut table = Table {
        caption: format!(
            "{}: every change, at the first checkpoint after it",
            one.name.to_uppercase()
        ),
        columns: vec![
            Column::text("change"),
            Column::text("strong"),
            number("", "models"),
            number("", "accuracy kept"),
            number("ours", "found"),
            number("ours", "late"),
            number("ours", "cause right"),
            number("version 0.1", "found"),
            number("AUROC", "ours"),
            number("AUROC", "version 0.1"),
            number("AUROC", "step length"),
            number("AUROC", "training loss"),
        ],
        ..Table::default()
    };
    for (index, change) in changes.iter().enumerate() {
        let outcome = Outcome::new(one, index, change, rules);
        let mut row = vec![
            change.name.to_owned(),
            if strong.contains(&index) { "yes" } else { "" }.to_owned(),
            outcome.models.to_string(),
            format!("{:.2}", one.trial.accuracy_kept[index]),
            format!("{:.3}", outcome.found),
            format!("{:.3}", outcome.late),
            number_or_dash(Some(outcome.named)),
            format!("{:.3}", outcome.found_by_fixed),
        ];
        row.extend(outcome.areas[..4].iter().map(|area| format!("{area:.3}")));
        table.rows.push(row);
    }
    table
}

fn number_or_dash(value: Option<f64>) -> String {
    value
        .filter(|value| value.is_finite())
        .map_or("–".to_owned(), |value| format!("{value:.3}"))
}

pub(super) fn by_change_json(all: &[Measured], changes: &[Change], rules: &[Rule; 5]) -> Value {
    let mut rows = Vec::new();
    for one in all {
        let strong = one.strong(changes);
        for (index, change) in changes.iter().enumerate() {
            let outcome = Outcome::new(one, index, change, rules);
            rows.push(json!({
                "architecture": one.name,
                "change": change.name,
                "kind": change.kind.name(),
                "strong": strong.contains(&index),
                "accuracy_kept": one.trial.accuracy_kept[index],
                "models": outcome.models,
                "found_at_first": outcome.found,
                "found_at_second": outcome.late,
                "cause_right": Some(outcome.named).filter(|named| named.is_finite()),
                "found_by_version_0.1": outcome.found_by_fixed,
                "auroc": outcome.areas[0],
                "auroc_version_0.1": outcome.areas[1],
                "auroc_step_length": outcome.areas[2],
                "auroc_training_loss": outcome.areas[3],
            }));
        }
    }
    Value::from(rows)
}

/// Our detector beside the others.
pub(super) fn compared(all: &[Measured], changes: &[Change], rules: &[Rule; 5]) -> (Table, Value) {
    let mut table = Table {
        caption: "Detectors: false alarms on undisturbed runs, and shifts of data found at the \
                  first checkpoint"
            .to_owned(),
        columns: vec![Column::text("detector")],
        ..Table::default()
    };
    for one in all {
        let group = one.name.to_uppercase();
        for title in [
            "false alarms per 1,000",
            "strong shifts",
            "all shifts of data",
        ] {
            table.columns.push(Column::number(&group, title));
        }
    }
    let data: Vec<usize> = (0..changes.len())
        .filter(|&change| changes[change].kind == Kind::Data)
        .collect();
    let mut rows = Vec::new();
    for rule in rules {
        let mut row = vec![rule.name().to_owned()];
        for one in all {
            let nothing: Vec<&Signal> = one.nothing(Half::Odd).collect();
            let false_alarms = alarms_per_thousand(rule, &nothing);
            let (strong, strong_models) = found(one, rule, &one.strong(changes));
            let (all_data, data_models) = found(one, rule, &data);
            row.extend([
                format!("{false_alarms:.1}"),
                format!("{strong:.3}"),
                format!("{all_data:.3}"),
            ]);
            rows.push(json!({
                "detector": rule.name(),
                "architecture": one.name,
                "false_alarms_per_1000": false_alarms,
                "undisturbed_checkpoints": nothing.len(),
                "strong_shifts_found": strong,
                "strong_shifts": strong_models,
                "shifts_of_data_found": all_data,
                "shifts_of_data": data_models,
            }));
        }
        table.rows.push(row);
    }
    (table, Value::from(rows))
}

/// False alarms on other zoos, and where there is no story.
pub(super) fn other_zoos(world: &World) -> Result<Table> {
    let mut table = Table {
        caption: "False alarms on undisturbed zoos of other recipes, and on points \
                  without a story: random walks with the step lengths of MLPs, and independent points"
            .to_owned(),
        columns: vec![
            Column::text("zoo"),
            Column::number("", "checkpoints"),
            Column::number("", "false alarms per 1,000"),
        ],
        ..Table::default()
    };
    for zoo in OTHER_ZOOS {
        let runs = undisturbed(world, zoo)?;
        let signals: Vec<&Signal> = runs.iter().flat_map(|(_, signals)| signals).collect();
        let false_alarms = alarms_per_thousand(&Rule::Ours, &signals);
        table.rows.push(vec![
            zoo.to_owned(),
            signals.len().to_string(),
            format!("{false_alarms:.1}"),
        ]);
    }
    for (name, signals) in nulls(world)? {
        let false_alarms = alarms_per_thousand(&Rule::Ours, &signals.iter().collect::<Vec<_>>());
        table.rows.push(vec![
            name.to_owned(),
            signals.len().to_string(),
            format!("{false_alarms:.1}"),
        ]);
    }
    Ok(table)
}

/// Where in the network a change shows.
pub(super) fn by_layer(one: &Measured, changes: &[Change]) -> Table {
    let mut table = Table {
        caption: format!(
            "{}: how many times longer than usual the first step after the change is, layer by \
             layer (median)",
            one.name.to_uppercase()
        ),
        columns: vec![Column::text("change")],
        ..Table::default()
    };
    for layer in &one.layers {
        table.columns.push(Column::number("", layer));
    }
    for (number, change) in changes.iter().enumerate() {
        let mut row = vec![change.name.to_owned()];
        for layer in 0..one.layers.len() {
            let jumps = one
                .after(number, Half::Odd)
                .filter_map(|changed| Some(changed.after.first()?.layers[layer].exp()));
            let jump = median(jumps);
            row.push(number_or_dash((!jump.is_nan()).then_some(jump)));
        }
        table.rows.push(row);
    }
    table
}

/// What changed, against what the detector said at the first checkpoint.
pub(super) fn confusion(all: &[Measured], changes: &[Change]) -> (Figure, Value) {
    const CAUSES: [Cause; 4] = [Cause::Data, Cause::RateUp, Cause::RateDown, Cause::Batch];
    let answers = ["no alarm", "data", "rate up", "rate down", "batch", "other"];
    let (mut panels, mut counts) = (Vec::new(), Vec::new());
    for one in all {
        let mut values = Vec::new();
        for kind in Kind::ALL {
            let mut said = [0_usize; 6];
            for (number, _) in changes.iter().enumerate().filter(|(_, c)| c.kind == kind) {
                for changed in one.after(number, Half::Odd) {
                    let Some(signal) = changed.after.first() else {
                        continue;
                    };
                    let verdict = &signal.verdict;
                    let answer = CAUSES.iter().position(|&cause| cause == verdict.cause);
                    let answer = answer.map_or(said.len() - 1, |place| place + 1);
                    said[if verdict.alarm { answer } else { 0 }] += 1;
                }
            }
            let total = said.iter().sum::<usize>() as f64;
            values.push(said.iter().map(|&count| count as f64 / total).collect());
            counts.push(json!({
                "architecture": one.name,
                "changed": kind.name(),
                "said": answers.iter().zip(said).map(|(a, n)| json!([a, n])).collect::<Vec<_>>(),
            }));
        }
        panels.push(Matrix {
            title: one.name.to_uppercase(),
            row_label: "what changed".to_owned(),
            column_label: "what the detector says".to_owned(),
            rows: Kind::ALL
                .iter()
                .map(|kind| kind.name().to_owned())
                .collect(),
            columns: answers.iter().map(|&answer| answer.to_owned()).collect(),
            values,
            range: Some((0.0, 1.0)),
            decimals: Some(2),
            value_label: "share of the models".to_owned(),
        });
    }
    let figure = Figure {
        name: "shift-causes".to_owned(),
        caption:
            "What changed, and what the detector says at the first checkpoint after it: share \
                  of the models with odd seeds."
                .to_owned(),
        svg: matrices("Causes named by the detector", 2, &panels),
    };
    (figure, Value::from(counts))
}
