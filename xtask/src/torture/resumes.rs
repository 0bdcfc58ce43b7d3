//! R4: an interrupted run ends as one that was not.

use super::Effort;
use super::process;
use super::tally::{Tally, described};
use super::training::{Expected, presets, recipe, steps};
use anyhow::Result;
use hostile::disk::Chance;
use std::path::Path;

const EPOCHS: u32 = 5;

/// A run: what, on how many threads, stopped after which share of its steps.
struct Run {
    preset: &'static str,
    threads: usize,
    /// Of the first process, in steps.
    stop: u64,
    seed: u64,
}

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let mut tallies = Vec::new();
    for (preset, architecture) in presets() {
        let expected = Expected::of_training(preset, EPOCHS)?;
        let whole = steps(&recipe(preset, EPOCHS)?);
        let points = effort.of(110, 4);
        let runs = [1, 2].into_iter().flat_map(|threads| {
            (0..points).map(move |point| Run {
                preset,
                threads,
                stop: 1 + point * whole / points,
                seed: point,
            })
        });
        let name = format!("{architecture:?}").to_lowercase();
        tallies.push(Tally::over(
            format!(
                "trainings of the {name} stopped at every {points}th part of their steps, resumed, stopped \
                 and resumed again, on 1 and 2 threads: the bytes of an undisturbed training"
            ),
            runs,
            |run| resumed(&run, whole, &expected),
        ));
    }
    Ok(tallies)
}

/// Stops a training twice and lets it end.
fn resumed(run: &Run, whole: u64, expected: &Expected) -> Result<(), String> {
    let folder = hostile::life::temporary()?;
    let store = folder.path().join("zoo");
    let again = 1 + Chance(run.seed).draw() % whole;
    let stops = [Some(run.stop), Some(again), None];
    let mut last = String::new();
    for (process, stop) in stops.into_iter().enumerate() {
        // The bits do not depend on the threads, so a resume may use others.
        let threads = 1 + (run.threads + process + 1) % 2;
        last = train(&store, run.preset, threads, stop)?;
    }
    let wanted = format!("done {}", expected.hash);
    if last.lines().last() == Some(&wanted) {
        return Ok(());
    }
    Err(format!(
        "{} on {} threads, stopped after {} and {again} steps: {last}",
        run.preset, run.threads, run.stop
    ))
}

fn train(store: &Path, preset: &str, threads: usize, stop: Option<u64>) -> Result<String, String> {
    let mut command = process::command().map_err(described)?;
    command.arg("train").arg(store).arg(preset);
    command.args([EPOCHS.to_string(), threads.to_string()]);
    if let Some(stop) = stop {
        command.args(["--steps", &stop.to_string()]);
    }
    let output = command.output().map_err(described)?;
    if stop.is_none() && !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
