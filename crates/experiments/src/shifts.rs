//! Shifts: is a change of data seen at the first checkpoint after it, and named?

mod changes;
mod detectors;
pub(crate) mod fixed;
mod series;
mod tables;

use super::world::World;
use crate::findings::Findings;
use anyhow::Result;
use changes::{Change, Kind};
use detectors::Rule;
use serde_json::json;
use series::{Changed, Signal, Trial, is_strong, trial, undisturbed};
use tables::{by_change, by_change_json, by_layer, compared, confusion, other_zoos};
use trajectory::shift::{Cause, Threshold};
use zoo_training::{Population, Recipe};

const ARCHITECTURES: [&str; 2] = ["mlp", "cnn"];

const TEXT: &str = "\
Models are trained to epoch 12, 25 or 40 and then go on under a change; the undisturbed runs are \
those of two zoos. The detector sees one checkpoint after another and nothing else, and measures the \
run that it follows; its one threshold, in units of the run's own scatter, is the score that one in \
200 undisturbed checkpoints exceeds, of models with even seeds of these zoos and of the gallery of \
trainings. Everything in the tables comes from models with odd seeds. A shift is called strong when \
the models, at the moment of the change, keep less than half of their accuracy on the new images.\n\n\
\"Found\" is an alarm at the first checkpoint after the change, \"late\" one at the second and not at \
the first. The detector of version 0.1 was fitted to these two zoos, changes included; that by training \
loss has what the others do without: a loss.\n\n\
What cannot be told: a new shuffle changes nothing, and a momentum that was reset is regained within \
a few dozen steps, long before the epoch ends. A batch four times larger is, but for its noise, a \
learning rate four times lower. Half of the same data looks like other data, and for the weights it is.";

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
        seed.is_multiple_of(2) == (self == Self::Even)
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
        Threshold::DEFAULT_FALSE_ALARM_RATE
    };
    let tuning: Vec<&Signal> = all.iter().flat_map(|one| one.nothing(Half::Even)).collect();
    let rules = Rule::all(rate, &tuning)?;
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
    for (key, name) in [
        ("found_label_noise_20", "label noise, 20 %"),
        ("found_rate_up", "learning rate x 3"),
        ("found_rate_down", "learning rate x 0.3"),
        ("found_batch", "batch x 4"),
    ] {
        let number = changes.iter().position(|change| change.name == name);
        let firsts: Vec<bool> = all
            .iter()
            .flat_map(|one| {
                number
                    .into_iter()
                    .flat_map(|number| one.after(number, Half::Odd))
            })
            .filter_map(|changed| changed.after.first())
            .map(|signal| ours.alarm(signal))
            .collect();
        findings.headline(key, share(&firsts), firsts.len());
    }
    let reported: Vec<&Signal> = all.iter().flat_map(|one| one.nothing(Half::Odd)).collect();
    let false_alarms = alarms_per_thousand(ours, &reported);
    findings.headline("false_alarms_per_1000_epochs", false_alarms, reported.len());
    let (named, alarms) = causes_named(&all, &changes, |cause, kind| kind.is_named_by(cause));
    findings.headline("cause_accuracy", named, alarms);
    let (named, alarms) = causes_named(&all, &changes, |cause, kind| cause == kind.cause());
    findings.headline("cause_accuracy_batch_apart", named, alarms);

    for one in &all {
        findings.tables.push(by_change(one, &changes, &rules));
    }
    let (table, detectors) = compared(&all, &changes, &rules);
    findings.tables.push(table);
    findings.tables.push(other_zoos(world)?);
    for one in &all {
        findings.tables.push(by_layer(one, &changes));
    }
    let (figure, confusion) = confusion(&all, &changes);
    findings.figures.push(figure);
    findings.json = json!({
        "false_alarm_rate_declared": rate,
        "threshold": Threshold::built_in(),
        "onsets": if world.quick { vec![12] } else { vec![12, 25, 40] },
        "detectors": detectors,
        "confusion": confusion,
        "by_change": by_change_json(&all, &changes, &rules),
    });
    Ok(findings)
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
    is_right: impl Fn(Cause, Kind) -> bool,
) -> (f64, usize) {
    let (mut shares, mut alarms) = (Vec::new(), 0);
    for one in all {
        for (number, change) in changes.iter().enumerate() {
            let right: Vec<bool> = one
                .after(number, Half::Odd)
                .filter_map(|changed| changed.after.first())
                .map(|signal| &signal.verdict)
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
