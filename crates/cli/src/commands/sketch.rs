//! `modeltrail sketch`: a few kilobytes per checkpoint that keep its distances.

use super::runs::Input;
use super::{beside_weights, fine_or_finding, print_json, print_text, report_unread, tell};
use crate::global::{Global, Outcome};
use crate::publish::{check_new, publish_new};
use anyhow::Result;
use clap::Args;
use modeltrail::Error;
use modeltrail::exchange::sketch::sketch;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail sketch checkpoints/ --out sketches.json
  modeltrail runs sketches.json

The weights may be deleted afterwards: `runs`, `order`, `report`, `diff`, `gate` and `lineage` take the file,
alone or beside checkpoints.")]
pub(crate) struct Command {
    #[command(flatten)]
    input: Input,
    /// File to write; it must not exist.
    #[arg(long, value_name = "FILE.json")]
    out: PathBuf,
    /// How many numbers are kept of each tensor, 4 bytes each: 0, or a power of two up to 1024. With more,
    /// `audit` sees smaller changes of a tensor.
    #[arg(long, default_value_t = 32, value_name = "N")]
    tensor_numbers: usize,
    /// Sketch a checkpoint even if some of its tensors cannot be read; the file names them.
    #[arg(long)]
    allow_unread: bool,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    check_new(&command.out)?;
    let file = sketch(
        &command.input.paths,
        &command.input.options()?,
        &command.out,
        command.allow_unread,
        command.tensor_numbers,
    )?;
    report_unread(file.problems())?;
    if let Some(note) = beside_weights(file.left_out(), 0) {
        tell(&format!("note: {note}"))?;
    }
    if file.checkpoints() == 0 {
        return Err(Error::NothingRead.into());
    }
    publish_new(&command.out, file.contents())?;
    if global.json {
        print_json(&file)?;
    } else {
        print_text(&file)?;
    }
    Ok(fine_or_finding(file.problems().is_empty()))
}
