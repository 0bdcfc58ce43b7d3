//! `modeltrail export`: checkpoints as npz, safetensors or one Parquet table.

use super::passed::Passed;
use super::{print_json, print_text, report_unread};
use crate::cli::{Global, Outcome};
use anyhow::{Context, Result, bail};
use checkpoint_store::export::Format;
use clap::Args;
use modeltrail::collection::Problem;
use modeltrail::exchange::export::export;
use modeltrail::text::counted;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail export checkpoints/ --out table.parquet
  modeltrail export zoos/mlp-small --format safetensors --out exported/

npz and safetensors are one file a checkpoint in the folder --out, Parquet is one table in the file
--out. Weights are written as f32; buffers, integers and optimisers are not. Exit status: 0 = all of it
is written, 1 = some checkpoints could not be read, 2 = an error, or nothing is written.")]
pub(crate) struct Command {
    #[command(flatten)]
    input: Passed,
    /// Folder, or file, to write.
    #[arg(long, value_name = "DIR-OR-FILE")]
    out: PathBuf,
    /// npz, safetensors or parquet; what --out ends in, if not given.
    #[arg(long, value_name = "NAME")]
    format: Option<Format>,
    /// Overwrite files of the same names.
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Answer {
    schema: &'static str,
    out: PathBuf,
    format: &'static str,
    checkpoints: usize,
    files: Vec<PathBuf>,
    problems: Vec<Problem>,
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
    if inventory.groups.is_empty() {
        bail!("no checkpoint could be read");
    }
    let exported = export(&inventory.groups, format, &command.out, command.force)?;
    report_unread(&exported.problems)?;
    if exported.checkpoints == 0 {
        bail!("no checkpoint could be read");
    }
    let problems = [inventory.problems, exported.problems].concat();
    let is_whole = problems.is_empty();
    if global.json {
        print_json(&Answer {
            schema: "modeltrail.export/1",
            out: command.out.clone(),
            format: format.extension(),
            checkpoints: exported.checkpoints,
            files: exported.files,
            problems,
        })?;
    } else {
        print_text(&format!(
            "{}: {} as {format} in {}",
            command.out.display(),
            counted(exported.checkpoints, "checkpoint"),
            counted(exported.files.len(), "file"),
        ))?;
    }
    Ok(if is_whole {
        Outcome::Fine
    } else {
        Outcome::Finding
    })
}
