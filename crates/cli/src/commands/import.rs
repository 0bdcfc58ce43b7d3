//! `modeltrail import`: foreign checkpoints into a store.

use super::passed::Passed;
use super::{ended, print_json, print_text, report_unread, tell};
use crate::global::{Global, Outcome};
use crate::memory::Memory;
use anyhow::{Result, ensure};
use clap::Args;
use modeltrail::Error;
use modeltrail::exchange::import::{ImportOptions, import};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail import checkpoints/ --out store
  modeltrail import 'runs/*/*.pt' --out store --number

Run it again to continue after an interruption, or to add new checkpoints. Exit status: 0 = everything is
imported, 1 = some checkpoints could not be read, 2 = an error, a tensor that cannot be read would be lost,
or nothing is imported.")]
pub(crate) struct Command {
    #[command(flatten)]
    input: Passed,
    /// Directory of the store.
    #[arg(long, value_name = "STORE")]
    out: PathBuf,
    /// Number the files of each run from 1 in the order of their names, and ignore what they claim.
    #[arg(long)]
    number: bool,
    /// Import a checkpoint even if some of its tensors cannot be read and are lost.
    #[arg(long)]
    allow_unread: bool,
    /// Memory for weights: a larger checkpoint is refused, since it is held while it is written.
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    memory: Memory,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    refuse_inside(command)?;
    let inventory = command.input.inventory("not imported")?;
    let options = ImportOptions {
        by_name: command.number,
        allow_unread: command.allow_unread,
        memory: command.memory.0,
    };
    let done = import(&inventory, &options, &command.out)?;
    report_unread(
        done.problems()
            .get(inventory.problems.len()..)
            .unwrap_or_default(),
    )?;
    for name in done.not_finite() {
        tell(&format!(
            "note: {name} has weights that are NaN or infinite: kept, and marked as diverged"
        ))?;
    }
    if done.added_and_there() == (0, 0) {
        return Err(Error::NothingRead.into());
    }
    if global.json {
        print_json(&done)?;
    } else {
        print_text(&done)?;
    }
    Ok(ended(
        done.problems().is_empty(),
        inventory.passed_over > 0,
        global,
    ))
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
