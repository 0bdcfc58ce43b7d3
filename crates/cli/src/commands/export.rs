//! `modeltrail export`: checkpoints as npz, safetensors or one Parquet table.

use super::passed::Passed;
use super::{ended, print_json, print_text, report_unread};
use crate::global::{Global, Outcome};
use anyhow::{Context, Result};
use checkpoint_store::export::Format;
use clap::Args;
use modeltrail::Error;
use modeltrail::exchange::export::{ExportOptions, export};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail export checkpoints/ --out table.parquet
  modeltrail export zoos/mlp-small --format safetensors --out exported/

As npz or safetensors, each checkpoint becomes one file in the folder --out; as Parquet, all become one
table in the file --out. Weights are written as f32; buffers, integers and optimisers are not written. Exit
status: 0 = everything is written, 1 = some checkpoints could not be read, 2 = an error, a tensor that cannot
be read would be lost, or nothing is written.")]
pub(crate) struct Command {
    #[command(flatten)]
    input: Passed,
    /// Folder, or file, to write.
    #[arg(long, value_name = "DIR-OR-FILE")]
    out: PathBuf,
    /// npz, safetensors or parquet. If not given, the ending of --out decides.
    #[arg(long, value_name = "NAME")]
    format: Option<Format>,
    /// Overwrite files of the same names.
    #[arg(long)]
    force: bool,
    /// Write a checkpoint even if some of its tensors cannot be read and are lost.
    #[arg(long)]
    allow_unread: bool,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let format = command.format.or_else(|| Format::of(&command.out));
    let format = format.with_context(|| {
        format!(
            "{} does not say in which format: add --format npz, safetensors or parquet",
            command.out.display()
        )
    })?;
    let inventory = command.input.inventory("not written")?;
    let options = ExportOptions {
        replace: command.force,
        allow_unread: command.allow_unread,
    };
    let done = export(&inventory, format, &command.out, &options)?;
    report_unread(
        done.problems()
            .get(inventory.problems.len()..)
            .unwrap_or_default(),
    )?;
    if done.checkpoints() == 0 {
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
