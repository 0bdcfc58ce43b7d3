//! `modeltrail import`: foreign checkpoints into a store.

use super::passed::Passed;
use super::{print_json, print_text, report_unread, tell};
use crate::cli::{Global, Outcome};
use anyhow::{Result, bail, ensure};
use clap::Args;
use modeltrail::collection::{Problem, only};
use modeltrail::exchange::import::{Counts, import};
use modeltrail::text::{counted, table, thousands};
use serde::Serialize;
use std::path::PathBuf;

/// Most runs that a table shows.
const SHOWN: usize = 20;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail import checkpoints/ --out store
  modeltrail import 'runs/*/*.pt' --out store --number

Run it again to continue after an interruption, or to add what came since. Exit status: 0 = all is in,
1 = some checkpoints could not be read, 2 = an error, or nothing is in.")]
pub(crate) struct Command {
    #[command(flatten)]
    input: Passed,
    /// Directory of the store.
    #[arg(long, value_name = "STORE")]
    out: PathBuf,
    /// Count the files of each run in the order of their names, from 1, whatever they claim.
    #[arg(long)]
    number: bool,
}

#[derive(Serialize)]
struct Answer {
    schema: &'static str,
    out: PathBuf,
    parameters: usize,
    epochs_count: Counts,
    added: usize,
    there_before: usize,
    blake3: String,
    runs: Vec<Run>,
    not_finite: Vec<String>,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Run {
    run: u64,
    name: Option<String>,
    checkpoints: usize,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    refuse_inside(command)?;
    let inventory = command.input.inventory("not imported")?;
    let group = only(&inventory.groups, "a store")?;
    let done = import(group, command.number, &command.out)?;
    report_unread(&done.problems)?;
    for name in &done.not_finite {
        tell(&format!(
            "note: {name} has weights that are NaN or infinite: kept, and marked as diverged"
        ))?;
    }
    if done.added + done.there == 0 {
        bail!("no checkpoint could be read");
    }
    let problems = [inventory.problems, done.problems].concat();
    let is_whole = problems.is_empty();
    let runs = done.runs.into_iter();
    let answer = Answer {
        schema: "modeltrail.import/1",
        out: command.out.clone(),
        parameters: done.store.parameters(),
        epochs_count: done.counts,
        added: done.added,
        there_before: done.there,
        blake3: done.store.hash()?,
        runs: runs
            .map(|(run, name, checkpoints)| Run {
                run,
                name,
                checkpoints,
            })
            .collect(),
        not_finite: done.not_finite,
        problems,
    };
    if global.json {
        print_json(&answer)?;
    } else {
        print_text(&page(&answer))?;
    }
    Ok(if is_whole {
        Outcome::Fine
    } else {
        Outcome::Finding
    })
}

/// The store would be found among what is imported, the next time.
fn refuse_inside(command: &Command) -> Result<()> {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let out = absolute(&command.out);
    for path in &command.input.paths {
        ensure!(
            !path.is_dir() || !out.starts_with(absolute(path)),
            "{} lies in {}, which is to be imported: choose another directory for the store",
            command.out.display(),
            path.display()
        );
    }
    Ok(())
}

fn page(answer: &Answer) -> String {
    let rows = answer.runs.iter().take(SHOWN).map(|run| {
        [
            run.run.to_string(),
            run.name.clone().unwrap_or_else(|| "–".to_owned()),
            run.checkpoints.to_string(),
        ]
    });
    let more = answer.runs.len().saturating_sub(SHOWN);
    let more = if more > 0 {
        format!("\n… and {more} more")
    } else {
        String::new()
    };
    format!(
        "{}: {} of {} weights added, {} there before; labels count {}\n{}{more}",
        answer.out.display(),
        counted(answer.added, "checkpoint"),
        thousands(answer.parameters as u64),
        answer.there_before,
        answer.epochs_count.told(),
        table(["run", "called", "checkpoints"], rows)
    )
}
