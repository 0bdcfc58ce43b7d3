//! The gallery of trainings: how well changes are seen from the checkpoints of trainings as people run
//! them today, with nothing fitted to any of them but one threshold, on even seeds.

mod detectors;
mod events;
mod families;
mod followed;
pub(crate) mod share;
mod tables;
pub(crate) mod training;

use crate::findings::Findings;
use anyhow::{Result, ensure};
use detectors::Detector;
use followed::{Case, Followed, Signal};
use rayon::prelude::*;
use serde_json::json;
use share::Share;
use std::collections::BTreeMap;
use std::path::PathBuf;
use training::Training;
pub use training::find as trainings;
use trajectory::shift::Threshold;
use weightspace::statistics::quantile;

const TEXT: &str = "\
Real trainings by PyTorch (examples/gallery): each is left alone once, and once each thing happens to \
it at a checkpoint in the middle. A detector sees one checkpoint after another and nothing else. Ours \
measures the training that it follows; the score from which on it raises an alarm is the same for all, \
and was set on even seeds. All tables are of odd seeds.\n\n\
\"Found\" is an alarm at the first checkpoint after the event. An aim counts as met where the 95 % \
interval reaches it. The cause is the one that stands two checkpoints later: a single bad step looks \
like a higher learning rate or other data until the training comes back. Rounded \
weights are trained on before they are saved, so that no grid is left to be seen; for that, a lost \
optimiser and another weight decay the weights alone have no name.";

/// What came out, and on how many trainings with odd seeds it rests.
pub struct Gallery {
    /// Text, tables and numbers.
    pub findings: Findings,
    /// Trainings with odd seeds.
    pub trainings: usize,
}

/// Reads trainings, and judges by those with odd seeds. `tick` is called after each of them.
///
/// # Errors
/// When a training cannot be read, or there are none of even or of odd seeds.
pub fn gallery(folders: &[PathBuf], tick: &(dyn Fn() + Sync)) -> Result<Gallery> {
    let mut all: Vec<Followed> = folders
        .par_iter()
        .map(|folder| {
            let followed = Followed::new(Training::read(folder)?);
            tick();
            followed
        })
        .collect::<Result<_>>()?;
    all.sort_by(|a, b| {
        let key = |one: &Followed| (one.training.kind.clone(), one.training.seed);
        key(a).cmp(&key(b))
    });
    let half = |parity: u64| -> Vec<&Followed> {
        let own = all.iter();
        own.filter(|one| one.training.seed % 2 == parity).collect()
    };
    let (even, odd) = (half(0), half(1));
    ensure!(
        !even.is_empty() && !odd.is_empty(),
        "there are trainings of {} even and {} odd seeds, and both are needed",
        even.len(),
        odd.len()
    );
    Ok(Gallery {
        findings: findings(&even, &odd),
        trainings: odd.len(),
    })
}

/// Signals of checkpoints in which nothing happened, and no schedule lowered the rate at once.
fn quiet<'a>(all: &[&'a Followed]) -> Vec<&'a Signal> {
    let signals = all.iter().flat_map(|one| &one.undisturbed);
    signals.filter(|signal| !signal.scheduled).collect()
}

fn findings(even: &[&Followed], odd: &[&Followed]) -> Findings {
    let cases: Vec<&Case> = odd.iter().flat_map(|one| &one.cases).collect();
    let (tuning, reported) = (quiet(even), quiet(odd));
    let detectors = Detector::all(&tuning);
    let mut findings = Findings {
        title: "Changes in trainings as people run them",
        text: TEXT.to_owned(),
        ..Findings::default()
    };
    let false_alarms = Share::of(reported.iter().map(|signal| signal.ours.alarm));
    let named = tables::named(&cases);
    let [low, high] = false_alarms.interval;
    findings.headline(
        "false_alarms_per_1000_checkpoints",
        1000.0 * false_alarms.share,
        false_alarms.of,
    );
    findings.headline("cause_accuracy", named.share, named.of);
    findings.text.push_str(&format!(
        "\n\nFalse alarms: {} in {} undisturbed checkpoints, {:.1} per 1,000 (95 % interval {:.1} to \
         {:.1}). Of the alarms after an event that weights can name, {} are named rightly.",
        false_alarms.count,
        false_alarms.of,
        1000.0 * false_alarms.share,
        1000.0 * low,
        1000.0 * high,
        named.shown(),
    ));
    let (by_event, events) = tables::by_event(&cases);
    for (event, found) in tables::found(&cases) {
        findings.headline(&format!("found_{event}"), found.share, found.of);
    }
    let (undisturbed, kinds) = tables::undisturbed(odd);
    let mut names: Vec<&str> = odd.iter().map(|one| one.training.kind.as_str()).collect();
    names.dedup();
    findings.tables = vec![
        by_event,
        tables::compared(&cases, &detectors, &reported),
        tables::confusion(&cases),
        tables::by_kind(&cases, &names),
        undisturbed,
    ];
    // What the threshold would be if it were set on the even seeds alone, for who changes it.
    let scores = tuning.iter().map(|signal| signal.ours.score);
    let rate = Threshold::DEFAULT_FALSE_ALARM_RATE;
    findings.json = json!({
        "trainings": {"even": even.len(), "odd": odd.len()},
        "threshold": Threshold::built_in(),
        "score_of_even_seeds_at_the_declared_rate": quantile(scores, 1.0 - rate),
        "false_alarms": false_alarms,
        "causes_named": named,
        "events": events,
        "kinds": kinds,
    });
    findings
}

/// What the runs, families and forks come to of the gallery's trainings and of zoos, with names hidden:
/// the text and tables of odd seeds. The folders are those of [`trainings`], the stores of zoos.
///
/// # Errors
/// When a training or a store cannot be read.
pub fn found(
    folders: &[PathBuf],
    stores: &[PathBuf],
    tick: &(dyn Fn() + Sync),
) -> Result<Findings> {
    let mut kinds: BTreeMap<String, Vec<Training>> = BTreeMap::new();
    for folder in folders {
        let training = Training::read(folder)?;
        let kind = kinds.entry(training.kind.clone()).or_default();
        kind.push(training);
    }
    let mut outcomes = Vec::new();
    for trainings in kinds.into_values() {
        let odd = trainings.into_iter().filter(|one| one.seed % 2 == 1);
        let mut odd: Vec<Training> = odd.collect();
        odd.sort_by_key(|training| training.seed);
        outcomes.extend(families::outcomes(&odd)?);
        tick();
    }
    for store in stores {
        outcomes.extend(crate::hidden::of_store(store, 1)?);
        tick();
    }
    Ok(crate::hidden::findings(&outcomes))
}
