//! `modeltrail sketch`: a few kilobytes per checkpoint that keep its distances.

use super::runs::Input;
use super::{beside_weights, print_json, print_text, report_unread, tell};
use crate::cli::{Global, Outcome};
use crate::publish::{check_new, publish_new};
use anyhow::{Result, bail};
use clap::Args;
use modeltrail::collection::{printable, sketches};
use modeltrail::text::thousands;
use serde::Serialize;
use std::path::PathBuf;
use weightspace::sketch::{Parameters, relative_error};

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail sketch checkpoints/ --out sketches.json
  modeltrail runs sketches.json

The weights may go afterwards: `runs` takes the file, alone or beside checkpoints.")]
pub(crate) struct Command {
    #[command(flatten)]
    input: Input,
    /// File to write; it must not exist.
    #[arg(long, value_name = "FILE.json")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Answer {
    out: String,
    checkpoints: usize,
    bytes: usize,
    distance_error: f64,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    check_new(&command.out)?;
    let (file, problems, left_out) =
        sketches::sketch(&command.input.paths, &command.input.options());
    report_unread(&problems)?;
    if let Some(note) = beside_weights(left_out, 0) {
        tell(&format!("note: {note}"))?;
    }
    if file.checkpoints.is_empty() {
        bail!("no checkpoint could be read");
    }
    let text = serde_json::to_vec(&file)?;
    publish_new(&command.out, &text)?;
    let answer = Answer {
        out: printable(&command.out.to_string_lossy()),
        checkpoints: file.checkpoints.len(),
        bytes: text.len(),
        distance_error: relative_error(Parameters::default().dimensions),
    };
    if global.json {
        print_json(&answer)?;
    } else {
        print_text(&format!(
            "{}: {} checkpoints in {} bytes; distances to {:.1} %",
            answer.out,
            answer.checkpoints,
            thousands(answer.bytes as u64),
            100.0 * answer.distance_error
        ))?;
    }
    Ok(if problems.is_empty() {
        Outcome::Fine
    } else {
        Outcome::Finding
    })
}
