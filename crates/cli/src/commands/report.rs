//! `modeltrail report`: one page about anybody's checkpoints.

use super::runs::Input;
use super::{ended, print_json, print_text};
use crate::global::{Global, Outcome};
use crate::publish::check;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail report checkpoints/ --out report.html
  modeltrail report 'runs/*/epoch-*.pt' -o report.html
  modeltrail report sketches.json -o report.html

The page needs no network and no other file. It holds what `modeltrail runs` prints, with pictures. Exit
status: 0 = fine, 1 = it shows something to look at (as with `modeltrail runs`), 2 = an error, or nothing
could be read.")]
pub(crate) struct Command {
    #[command(flatten)]
    input: Input,
    /// Number of runs, if you know it; otherwise it is inferred from the weights.
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// File to write the page to.
    #[arg(short, long, default_value = "report.html", value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    check(&command.out)?;
    let collection = command.input.collect()?;
    let found = command.input.find(&collection, command.runs)?;
    command
        .input
        .write_page(&command.out, &found, &collection)?;
    let bytes = std::fs::metadata(&command.out)?.len();
    let answer = found.page(&command.out, bytes);
    if global.json {
        print_json(&answer)?;
    } else {
        print_text(&answer)?;
    }
    Ok(ended(!found.has_findings(), found.has_remarks(), global))
}
