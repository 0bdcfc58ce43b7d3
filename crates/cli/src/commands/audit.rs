//! `modeltrail audit`: is a series of checkpoints sound?

use super::limits::Reading;
use super::{print_json, print_text, report_unread, report_unread_tensors};
use crate::global::{Global, Outcome};
use crate::progress::Work;
use crate::publish::{check, publish};
use anyhow::Result;
use clap::Args;
use modeltrail::audit::{AuditOptions, Verdict, of_sketches, read};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail audit checkpoints/
  modeltrail audit checkpoints/ --expect-changed '*' --expect-frozen 'embed.*'
  modeltrail audit sketches.json --junit audit.xml
  modeltrail audit checkpoints/ --html audit.html

It takes the claimed steps as given, and names the steps, files and tensors that are not what they claim to
be: copies, swapped or misplaced steps, files of another step, tensors that stand still, are foreign, zeroed
or permuted, averages, wrong resumes, other number types, missing steps. Weights are read once and kept as
sketches, so that memory does not follow the model. Events of a training, as a changed rate or other data, are
no defects. Exit status: 0 = nothing found, 1 = findings, 2 = an error, or not everything could be read and
nothing was found in the rest.")]
pub(crate) struct Command {
    /// Stores, files, folders, globs, sketches (`.json`), and what lies elsewhere (`hf://`, `https://`).
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Tensors that should have changed: one that never did is a finding. A pattern of names; may be repeated.
    #[arg(long, value_name = "GLOB")]
    expect_changed: Vec<glob::Pattern>,
    /// Tensors that should not have changed: one that did is a finding. A pattern of names; may be repeated.
    #[arg(long, value_name = "GLOB")]
    expect_frozen: Vec<glob::Pattern>,
    /// Write the answer to this file as JUnit XML, one failure per finding; an older one is replaced.
    #[arg(long, value_name = "FILE.xml")]
    junit: Option<PathBuf>,
    /// Write the answer to this file as a page.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    for path in [&command.junit, &command.html].into_iter().flatten() {
        check(path)?;
    }
    let work = Work::new("reading", 0);
    let sketched = read(&command.paths, &command.reading.options(), &work);
    drop(work);
    report_unread(&sketched.problems)?;
    report_unread_tensors(&sketched.unread)?;
    let asked = AuditOptions {
        expect_changed: command.expect_changed.clone(),
        expect_frozen: command.expect_frozen.clone(),
    };
    let audit = of_sketches(sketched, &asked)?;
    if let Some(path) = &command.junit {
        publish(path, audit.to_junit().as_bytes())?;
    }
    if let Some(path) = &command.html {
        publish(path, audit.to_html().as_bytes())?;
    }
    if global.json {
        print_json(&audit)?;
    } else {
        print_text(&audit)?;
    }
    Ok(match audit.verdict() {
        Verdict::Sound => Outcome::Fine,
        Verdict::Defects => Outcome::Finding,
        Verdict::CannotTell => Outcome::Unknown,
    })
}
