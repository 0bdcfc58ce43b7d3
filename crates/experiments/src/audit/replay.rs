//! What users of published series found by hand, planted into a training with as many steps: names that
//! serve the last weights, a file of another run, three steps with one payload.

use super::series::Series;
use crate::gallery::training::Training;
use anyhow::{Context, Result, ensure};
use modeltrail::audit::{Affected, Audit, AuditOptions, Kind, of_kept};
use modeltrail::collection::sketches::Kept;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;
use weightspace::random::{permutation, stream};

/// Numbers of a sketch for each tensor.
const NUMBERS: usize = 32;
/// Steps that serve the weights of the last one.
const SERVING_THE_END: usize = 86;

/// What was planted, and what was said.
#[derive(Serialize)]
pub struct Replay {
    /// Steps of the series.
    pub steps: usize,
    /// Steps that serve the end.
    pub serving_the_end: Vec<u64>,
    /// Steps with a file of another run.
    pub foreign_file: Vec<u64>,
    /// Three steps with one payload; it belongs to the first.
    pub one_payload: [u64; 3],
    /// Findings, as they are printed.
    pub findings: Vec<String>,
    /// Whether every defect is named, with step and file, and nothing else is.
    pub is_solved: bool,
    /// Seconds from sketches to findings.
    pub seconds: f64,
    /// The whole answer, as it is printed.
    #[serde(skip)]
    pub text: String,
}

/// Names as Pythia's steps have: 0, 1, 2, 4, …, 512, 1000, 2000, …, 143000.
fn names() -> Vec<u64> {
    let doubled = (0..10).map(|power| 1 << power);
    let even = (1..=143).map(|thousand| 1000 * thousand);
    std::iter::once(0).chain(doubled).chain(even).collect()
}

/// Replays it on a training of 154 checkpoints, and another of its kind.
///
/// # Errors
/// When they cannot be read, or have other numbers of checkpoints.
pub fn replay(folder: &Path, other: &Path) -> Result<Replay> {
    let read = |folder: &Path| -> Result<Series> { Series::base(&Training::read(folder)?) };
    let (mut series, other) = (read(folder)?.stored(true), read(other)?.stored(true));
    let names = names();
    ensure!(
        series.steps.len() == names.len() && other.steps.len() == names.len(),
        "a training has {} checkpoints, and {} are needed",
        series.steps.len(),
        names.len()
    );
    series.steps.clone_from(&names);
    let last = names.len() - 1;
    // Not the first few and not the last ones, so that there is something between to hold them against.
    let order = permutation(last as u32, &mut stream(1, "audit replay", 0));
    let mut drawn = order.into_iter().map(|step| step as usize);
    let foreign: Vec<usize> = drawn.by_ref().filter(|step| *step > 20).take(2).collect();
    let payload = drawn
        .by_ref()
        .find(|step| *step > 20 && step + 3 < last)
        .context("there are steps enough")?;
    let payload = [payload, payload + 1, payload + 2];
    let mut serving: Vec<usize> = drawn
        .filter(|step| !payload.contains(step) && !foreign.contains(step))
        .take(SERVING_THE_END)
        .collect();
    serving.sort_unstable();
    let clean = series.clone();
    for &step in &serving {
        series.weights[step].clone_from(&clean.weights[last]);
    }
    for &step in &payload[1..] {
        series.weights[step].clone_from(&clean.weights[payload[0]]);
    }
    for &step in &foreign {
        for tensor in (0..series.names.len()).filter(|&tensor| series.file[tensor] == 1) {
            series.weights[step][tensor].clone_from(&other.weights[step][tensor]);
        }
    }
    let kept: Vec<Kept> = series.sketched(NUMBERS);
    let begin = Instant::now();
    let audit = of_kept(&kept, &AuditOptions::default())?;
    let seconds = begin.elapsed().as_secs_f64();
    let of = |steps: &[usize]| -> Vec<u64> {
        let mut names: Vec<u64> = steps.iter().map(|&step| names[step]).collect();
        names.sort_unstable();
        names
    };
    let mut replay = Replay {
        steps: names.len(),
        serving_the_end: of(&serving),
        foreign_file: of(&foreign),
        one_payload: payload.map(|step| names[step]),
        findings: audit.findings().iter().map(ToString::to_string).collect(),
        is_solved: false,
        seconds,
        text: audit.to_string(),
    };
    replay.is_solved = is_solved(&replay, &audit, names[last]);
    Ok(replay)
}

fn is_solved(replay: &Replay, audit: &Audit, end: u64) -> bool {
    let mut left = 0;
    let mut seen = [false; 2];
    let mut files = Vec::new();
    for finding in audit.findings() {
        match (finding.kind, finding.equals) {
            (Kind::Copy, Some(of)) if of == end && finding.steps == replay.serving_the_end => {
                seen[0] = true
            }
            (Kind::Copy, Some(of))
                if of == replay.one_payload[0] && finding.steps == replay.one_payload[1..] =>
            {
                seen[1] = true;
            }
            (Kind::Foreign, None)
                if finding.tensors != Affected::All && finding.shards.len() == 1 =>
            {
                files.extend(finding.steps.clone());
            }
            _ => left += 1,
        }
    }
    files.sort_unstable();
    left == 0 && seen == [true; 2] && files == replay.foreign_file
}
