//! `modeltrail sketch`: a few kilobytes per checkpoint that keep its distances.

use super::runs::Input;
use super::{beside_weights, print_json, print_text, report_unread, thousands};
use crate::cli::{Global, Outcome};
use crate::collection::sketches;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
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
    let (file, problems, left_out) =
        sketches::sketch(&command.input.paths, &command.input.options());
    report_unread(&problems)?;
    if let Some(note) = beside_weights(left_out, 0) {
        writeln!(std::io::stderr(), "note: {note}")?;
    }
    if file.checkpoints.is_empty() {
        bail!("no checkpoint could be read");
    }
    let text = serde_json::to_vec(&file)?;
    write_new(&command.out, &text)
        .with_context(|| format!("cannot write {}", command.out.display()))?;
    let answer = Answer {
        out: command.out.display().to_string(),
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

/// Writes a file under its name only when it is whole, and never over another.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.unfinished", std::process::id()));
    let unfinished = path.with_file_name(name);
    let mut file = std::fs::File::create_new(&unfinished)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let published = written.and_then(|()| std::fs::hard_link(&unfinished, path));
    let removed = std::fs::remove_file(&unfinished);
    published.and(removed)
}
