//! `modeltrail diff`: two checkpoints tensor by tensor.

use super::limits::Reading;
use super::map::Mapping;
use super::runs::shown;
use super::{print_json, print_text, report_formats};
use crate::global::{Global, Outcome};
use crate::memory::Memory;
use anyhow::Result;
use clap::Args;
use modeltrail::Checkpoint;
use modeltrail::diff::{DiffOptions, Pattern};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail diff base.safetensors tuned.safetensors
  modeltrail diff epoch-1.pt epoch-2.pt --expect-frozen 'backbone.*'
  modeltrail diff one.pt merged.pt --parents two.pt three.pt
  modeltrail diff zoos/mlp-small:10/1 zoos/mlp-small:10/8 --json

Tensors are matched under other names, too, and the answer says how; tensors that only one checkpoint has
are named, and the rest is compared. With sketches, distances have an error, and the kind of change is not
known. Exit status: 0 = fine, 1 = a tensor that should be frozen is not, weights are not finite, or less
than half of the weights are in both; 2 = an error, or tensors could not be read or matched.")]
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
    /// Show every tensor, not only those that changed most.
    #[arg(long)]
    all: bool,
    /// Memory for weights: larger checkpoints are read tensor by tensor, in slices.
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    memory: Memory,
    #[command(flatten)]
    mapping: Mapping,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let map = command.mapping.map()?;
    let options = command.reading.options().memory(command.memory.0);
    let open = |path: &PathBuf| Checkpoint::open(path, &options);
    let (a, b) = (open(&command.a)?, open(&command.b)?);
    report_formats(&[&a, &b])?;
    let parents = command.parents.iter().map(open);
    let parents = parents.collect::<modeltrail::Result<Vec<_>>>()?;
    let diff = modeltrail::diff(
        &a,
        &b,
        &DiffOptions {
            frozen: &command.expect_frozen,
            parents: &parents,
            map,
        },
    )?;
    if global.json {
        print_json(&diff)?;
    } else {
        print_text(&diff.to_text(shown(command.all)))?;
    }
    Ok(match (diff.has_findings(), diff.is_undecided()) {
        (true, _) => Outcome::Finding,
        (false, true) => Outcome::Unknown,
        (false, false) => Outcome::Fine,
    })
}
