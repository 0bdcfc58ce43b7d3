//! Shifts: is a change of data seen at the first checkpoint after it, and named?

mod changes;
mod detectors;
mod series;

use super::world::World;
use crate::findings::{Figure, Findings};
use anyhow::Result;
use changes::{Change, Kind};
use detectors::{Rule, area_under_roc};
use report::figure::matrix::{Matrix, matrices};
use report::table::{Column, Table};
use serde_json::{Value, json};
use series::{Changed, Signal, Trial, is_strong, trial, undisturbed};
use trajectory::shift::{Calibration, Cause, Example};
use zoo_training::{Population, Recipe};

const ARCHITECTURES: [&str; 2] = ["mlp", "cnn"];
/// Zoos that the detector is not fitted to.
const STRANGERS: [&str; 4] = ["mlp-hard", "mlp-harder", "mlp-wd0", "cnn-wd0"];

const TEXT: &str = "\
Models are trained to epoch 12, 25 or 40 and then go on under a change; the undisturbed runs are \
those of the paper's two zoos. The detector sees one checkpoint after another and nothing else. It is \
fitted to models with even seeds, of both architectures at once, for one false alarm in 200 \
checkpoints, a third of it for each cause. Everything in the tables comes from models with odd seeds. \
A shift is called strong when the models, at the moment of the change, keep less than half of their \
accuracy on the new images.\n\n\
\"Found\" is an alarm at the first checkpoint after the change, \"late\" one at the second and not at \
the first. The detector by training loss has what the others do without: a loss. \"Left out\" is the share \
found by a detector that was fitted without any example of that change.\n\n\
What cannot be told: a new shuffle changes nothing, and a momentum that was reset is regained within \
a few dozen steps, long before the epoch ends. A batch four times larger is, but for its noise, a \
learning rate four times lower, so both are one cause. Half of the same data looks like other data, \
and for the weights it is.";

/// One architecture: runs without a change, and with one.
struct Measured {
    name: &'static str,
    layers: Vec<&'static str>,
    undisturbed: Vec<(u64, Vec<Signal>)>,
    trial: Trial,
}

impl Measured {
    fn new(world: &World, name: &'static str, changes: &[Change]) -> Result<Self> {
        let (seeds, onsets, after) = if world.quick {
            (10, &[12][..], 1)
        } else {
            (40, &[12, 25, 40][..], 2)
        };
        let recipe = Recipe::preset(name)?;
        let models = Population::of_seeds(&recipe, (0..seeds).collect());
        Ok(Self {
            name,
            layers: recipe
                .architecture
                .layout()
                .iter()
                .map(|tensor| tensor.name)
                .collect(),
            undisturbed: undisturbed(world, name)?,
            trial: trial(world, models, changes, onsets, after)?,
        })
    }

    /// Checkpoints of runs in which nothing changed.
    fn nothing(&self, half: Half) -> impl Iterator<Item = &Signal> {
        self.undisturbed
            .iter()
            .filter(move |(seed, _)| half.has(*seed))
            .flat_map(|(_, signals)| signals)
    }

    /// Models after one change.
    fn after(&self, change: usize, half: Half) -> impl Iterator<Item = &Changed> {
        self.trial
            .changed
            .iter()
            .filter(move |changed| changed.change == change && half.has(changed.seed))
    }

    fn strong(&self, changes: &[Change]) -> Vec<usize> {
        (0..changes.len())
            .filter(|&change| is_strong(&changes[change], self.trial.accuracy_kept[change]))
            .collect()
    }
}

/// Models that something is fitted to, and models that it is reported on.
#[derive(Clone, Copy, PartialEq)]
enum Half {
    Even,
    Odd,
}

impl Half {
    fn has(self, seed: u64) -> bool {
        (seed % 2 == 0) == (self == Self::Even)
    }
}

pub(super) fn run(world: &World) -> Result<Findings> {
    let changes = changes::all(&world.data)?;
    let all = ARCHITECTURES
        .iter()
        .map(|name| Measured::new(world, name, &changes))
        .collect::<Result<Vec<_>>>()?;
    let rate = if world.quick {
        // The few checkpoints of a taste cannot show a rate of 1 in 200.
        0.05
    } else {
        Calibration::DEFAULT_FALSE_ALARM_RATE
    };
    let fitted = Calibration::fit(&examples(&all, &changes, None), rate)?;
    let tuning: Vec<&Signal> = all.iter().flat_map(|one| one.nothing(Half::Even)).collect();
    let rules = Rule::all(fitted.clone(), &tuning)?;
    let ours = &rules[0];

    let mut findings = Findings {
        title: "Shifts: when the data change",
        text: TEXT.to_owned(),
        ..Findings::default()
    };
    for one in &all {
        let strong = one.strong(&changes);
        let (share, samples) = found(one, ours, &strong);
        findings.headline(&format!("shift_recall_strong_{}", one.name), share, samples);
    }
    let reported: Vec<&Signal> = all.iter().flat_map(|one| one.nothing(Half::Odd)).collect();
    let false_alarms = alarms_per_thousand(ours, &reported);
    findings.headline("false_alarms_per_1000_epochs", false_alarms, reported.len());
    let (named, alarms) = causes_named(&all, &changes, &fitted, |verdict, kind| {
        verdict == kind.cause()
    });
    findings.headline("cause_accuracy", named, alarms);
    // With learning rate and batch size held apart, `Slower` can only mean one of them.
    let (named, alarms) = causes_named(&all, &changes, &fitted, |verdict, kind| {
        verdict == kind.cause() && kind != Kind::Batch
    });
    findings.headline("cause_accuracy_batch_apart", named, alarms);

    let left_out = left_out(&all, &changes, rate)?;
    for (one, left_out) in std::iter::zip(&all, &left_out) {
        findings
            .tables
            .push(by_change(one, &changes, &rules, left_out));
    }
    let (table, detectors) = compared(&all, &changes, &rules);
    findings.tables.push(table);
    findings.tables.push(strangers(world, &fitted)?);
    for one in &all {
        findings.tables.push(by_layer(one, &changes));
    }
    let (figure, confusion) = confusion(&all, &changes, &fitted);
    findings.figures.push(figure);
    findings.json = json!({
        "false_alarm_rate_declared": rate,
        "calibration": fitted,
        "onsets": if world.quick { vec![12] } else { vec![12, 25, 40] },
        "detectors": detectors,
        "confusion": confusion,
        "by_change": by_change_json(&all, &changes, &rules, &left_out),
    });
    Ok(findings)
}

/// What the detector is fitted to: models with even seeds, but for the change that is left out.
fn examples(all: &[Measured], changes: &[Change], without: Option<usize>) -> Vec<Example> {
    let mut examples = Vec::new();
    for one in all {
        examples.extend(one.nothing(Half::Even).map(|signal| Example {
            features: signal.features,
            cause: Cause::Nothing,
        }));
        for (number, change) in changes.iter().enumerate() {
            if Some(number) == without || !change.kind.is_fitted() {
                continue;
            }
            let firsts = one
                .after(number, Half::Even)
                .filter_map(|changed| changed.after.first());
            examples.extend(firsts.map(|signal| Example {
                features: signal.features,
                cause: change.kind.cause(),
            }));
        }
    }
    examples
}

/// Share of the models after these changes that raise an alarm at the first checkpoint, of how
/// many.
fn found(one: &Measured, rule: &Rule, changes: &[usize]) -> (f64, usize) {
    let firsts: Vec<bool> = changes
        .iter()
        .flat_map(|&change| one.after(change, Half::Odd))
        .filter_map(|changed| changed.after.first())
        .map(|signal| rule.alarm(signal))
        .collect();
    (share(&firsts), firsts.len())
}

fn share(of: &[bool]) -> f64 {
    of.iter().filter(|&&is| is).count() as f64 / of.len() as f64
}

fn alarms_per_thousand(rule: &Rule, signals: &[&Signal]) -> f64 {
    let alarms: Vec<bool> = signals.iter().map(|signal| rule.alarm(signal)).collect();
    1000.0 * share(&alarms)
}

/// Of the alarms at the first checkpoint after a change: the share whose cause is right, averaged
/// over the changes that raise any, and the number of alarms.
fn causes_named(
    all: &[Measured],
    changes: &[Change],
    fitted: &Calibration,
    is_right: impl Fn(Cause, Kind) -> bool,
) -> (f64, usize) {
    let (mut shares, mut alarms) = (Vec::new(), 0);
    for one in all {
        for (number, change) in changes.iter().enumerate() {
            let right: Vec<bool> = one
                .after(number, Half::Odd)
                .filter_map(|changed| changed.after.first())
                .map(|signal| fitted.judge(signal.features))
                .filter(|verdict| verdict.alarm && change.kind.cause() != Cause::Nothing)
                .map(|verdict| is_right(verdict.cause, change.kind))
                .collect();
            if !right.is_empty() {
                shares.push(share(&right));
                alarms += right.len();
            }
        }
    }
    (shares.iter().sum::<f64>() / shares.len() as f64, alarms)
}

/// Of every change: the share found by a detector that was fitted without it.
fn left_out(all: &[Measured], changes: &[Change], rate: f64) -> Result<Vec<Vec<Option<f64>>>> {
    let mut shares = vec![Vec::new(); all.len()];
    for (number, change) in changes.iter().enumerate() {
        let is_fitted = change.kind.is_fitted() && change.kind != Kind::Nothing;
        let without = is_fitted
            .then(|| Calibration::fit(&examples(all, changes, Some(number)), rate))
            .transpose()?
            .map(Rule::Ours);
        for (one, shares) in std::iter::zip(all, &mut shares) {
            shares.push(without.as_ref().map(|rule| found(one, rule, &[number]).0));
        }
    }
    Ok(shares)
}

/// What became of the models after one change.
struct Outcome {
    models: usize,
    found: f64,
    late: f64,
    named: f64,
    /// Of the scores of each detector at the first checkpoint, against undisturbed ones.
    areas: Vec<f64>,
}

impl Outcome {
    fn new(one: &Measured, number: usize, change: &Change, rules: &[Rule; 4]) -> Self {
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
        let late: Vec<bool> = changed
            .iter()
            .map(|one| !alarm(one, 0) && alarm(one, 1))
            .collect();
        let named: Vec<bool> = changed
            .iter()
            .filter_map(|changed| match &rules[0] {
                Rule::Ours(fitted) => Some(fitted.judge(changed.after[0].features)),
                _ => None,
            })
            .filter(|verdict| verdict.alarm)
            .map(|verdict| verdict.cause == change.kind.cause())
            .collect();
        let areas = rules.iter().map(|rule| {
            let score = |signal: &Signal| rule.score(signal);
            let positives: Vec<f64> = changed.iter().map(|one| score(&one.after[0])).collect();
            let negatives: Vec<f64> = one.nothing(Half::Odd).map(score).collect();
            area_under_roc(&positives, &negatives)
        });
        Self {
            models: changed.len(),
            found: share(&first),
            late: share(&late),
            named: share(&named),
            areas: areas.collect(),
        }
    }
}

fn by_change(
    one: &Measured,
    changes: &[Change],
    rules: &[Rule; 4],
    left_out: &[Option<f64>],
) -> Table {
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
            number("ours", "left out"),
            number("AUROC", "ours"),
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
            number_or_dash(left_out[index]),
        ];
        row.extend(outcome.areas[..3].iter().map(|area| format!("{area:.3}")));
        table.rows.push(row);
    }
    table
}

fn number_or_dash(value: Option<f64>) -> String {
    value
        .filter(|value| value.is_finite())
        .map_or("–".to_owned(), |value| format!("{value:.3}"))
}

fn by_change_json(
    all: &[Measured],
    changes: &[Change],
    rules: &[Rule; 4],
    left_out: &[Vec<Option<f64>>],
) -> Value {
    let mut rows = Vec::new();
    for (one, left_out) in std::iter::zip(all, left_out) {
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
                "found_when_left_out_of_the_fit": left_out[index],
                "auroc": outcome.areas[0],
                "auroc_step_length": outcome.areas[1],
                "auroc_training_loss": outcome.areas[2],
            }));
        }
    }
    Value::from(rows)
}

/// Our detector beside the others.
fn compared(all: &[Measured], changes: &[Change], rules: &[Rule; 4]) -> (Table, Value) {
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

/// False alarms on zoos that the detector has never seen.
fn strangers(world: &World, fitted: &Calibration) -> Result<Table> {
    let mut table = Table {
        caption: "False alarms on undisturbed zoos that the detector was not fitted to".to_owned(),
        columns: vec![
            Column::text("zoo"),
            Column::number("", "checkpoints"),
            Column::number("", "false alarms per 1,000"),
        ],
        ..Table::default()
    };
    for zoo in STRANGERS {
        let runs = undisturbed(world, zoo)?;
        let signals: Vec<&Signal> = runs.iter().flat_map(|(_, signals)| signals).collect();
        let false_alarms = alarms_per_thousand(&Rule::Ours(fitted.clone()), &signals);
        table.rows.push(vec![
            zoo.to_owned(),
            signals.len().to_string(),
            format!("{false_alarms:.1}"),
        ]);
    }
    Ok(table)
}

/// Where in the network a change shows.
fn by_layer(one: &Measured, changes: &[Change]) -> Table {
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
            let mut jumps: Vec<f64> = one
                .after(number, Half::Odd)
                .filter_map(|changed| Some(changed.after.first()?.layers[layer].exp()))
                .collect();
            jumps.sort_unstable_by(f64::total_cmp);
            row.push(number_or_dash(jumps.get(jumps.len() / 2).copied()));
        }
        table.rows.push(row);
    }
    table
}

/// What changed, against what the detector said at the first checkpoint.
fn confusion(all: &[Measured], changes: &[Change], fitted: &Calibration) -> (Figure, Value) {
    let answers = ["no alarm", "data", "faster", "slower"];
    let (mut panels, mut counts) = (Vec::new(), Vec::new());
    for one in all {
        let mut values = Vec::new();
        for kind in Kind::ALL {
            let mut said = [0_usize; 4];
            for (number, _) in changes.iter().enumerate().filter(|(_, c)| c.kind == kind) {
                for changed in one.after(number, Half::Odd) {
                    let Some(signal) = changed.after.first() else {
                        continue;
                    };
                    let verdict = fitted.judge(signal.features);
                    let answer = Cause::ALL.iter().position(|&cause| cause == verdict.cause);
                    said[if verdict.alarm {
                        answer.unwrap_or(0)
                    } else {
                        0
                    }] += 1;
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
