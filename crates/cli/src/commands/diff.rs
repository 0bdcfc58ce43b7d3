//! `modeltrail diff`: two checkpoints tensor by tensor.

use super::limits::Reading;
use super::{fine_or_finding, print_json, print_text};
use crate::cli::{Global, Outcome};
use anyhow::Result;
use clap::Args;
use glob::Pattern;
use modeltrail::diff::Diff;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail diff base.safetensors tuned.safetensors
  modeltrail diff epoch-1.pt epoch-2.pt --expect-frozen 'backbone.*'
  modeltrail diff one.pt merged.pt --parents two.pt three.pt
  modeltrail diff zoos/mlp-small:10/1 zoos/mlp-small:10/8 --json

Of sketches the distances have an error, and the kind of change is not told. Tensors are matched by
name and shape. Exit status: 0 = fine, 1 = a tensor that should be frozen is not,
weights are not finite, or no tensor is in both; 2 = an error.")]
pub(crate) struct Command {
    /// The checkpoint to compare with: a file, STORE:RUN/EPOCH, or FILE.json[:NAME] for a sketch.
    a: PathBuf,
    /// The checkpoint that is compared.
    b: PathBuf,
    /// Tensors that must not have changed in a single bit, weights or buffers: a glob on their names.
    /// May be repeated.
    #[arg(long, value_name = "GLOB")]
    expect_frozen: Vec<Pattern>,
    /// Other checkpoints that B may be a merge of, together with A.
    #[arg(long, value_name = "PATHS", num_args = 1..)]
    parents: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let diff = Diff::find(
        &command.a,
        &command.b,
        &command.expect_frozen,
        &command.parents,
        &command.reading.options(),
    )?;
    if global.json {
        print_json(&diff)?;
    } else {
        print_text(&diff)?;
    }
    Ok(fine_or_finding(!diff.has_findings()))
}
