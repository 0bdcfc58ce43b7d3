//! Reading everything under a path, to be compared with what lies under another.

// Every test file takes what it needs.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use checkpoint_store::foreign::{Discovery, ForeignCheckpoint, Found, Limits, discover};
use checkpoint_store::{Error, Fault};

/// What was read of one checkpoint.
#[derive(Debug, PartialEq)]
pub(crate) struct Whole {
    format: String,
    claimed: String,
    /// Names, shapes, types and all bytes of the tensors.
    pub(crate) tensors: Vec<(String, String, Vec<u8>)>,
    unread: Vec<(String, Vec<u8>)>,
    left_out: usize,
}

/// Everything that lies under a path, by the place below it, and what is wrong with the rest.
#[derive(Debug, PartialEq, Default)]
pub(crate) struct All {
    pub(crate) checkpoints: BTreeMap<PathBuf, Whole>,
    pub(crate) problems: BTreeMap<PathBuf, String>,
    pub(crate) companions: usize,
}

/// Reads every byte of everything under a path.
pub(crate) fn all_of(path: &Path) -> Result<All, Error> {
    let limits = Limits::default();
    let discovery = discover(&[path.to_path_buf()], &limits);
    let below = |found: &Path| found.strip_prefix(path).unwrap_or(found).to_path_buf();
    let Discovery {
        checkpoints,
        problems,
        companions,
        ..
    } = discovery;
    let mut all = All {
        companions: companions.len(),
        ..All::default()
    };
    for problem in problems {
        if problem.path == path {
            return Err(problem.error);
        }
        // Its words are compared too, but for the path.
        let said = problem.error.to_string();
        let said = said.replace(&*path.to_string_lossy(), "ROOT");
        all.problems.insert(below(&problem.path), said);
    }
    for found in checkpoints {
        match whole(&found, &limits) {
            Ok(whole) => {
                all.checkpoints.insert(below(&found.path), whole);
            }
            Err(error) if is_of_the_way(&error) => return Err(error),
            Err(error) => {
                let said = error.to_string();
                let said = said.replace(&*path.to_string_lossy(), "ROOT");
                all.problems.insert(below(&found.path), said);
            }
        }
    }
    Ok(all)
}

fn whole(found: &Found, limits: &Limits) -> Result<Whole, Error> {
    let checkpoint = ForeignCheckpoint::open(found, limits)?;
    let mut tensors = Vec::new();
    for (index, tensor) in checkpoint.tensors().iter().enumerate() {
        let mut bytes = Vec::new();
        checkpoint.read_stored(index, &mut |part| bytes.extend_from_slice(part))?;
        let what = format!("{:?} {:?} {:?}", tensor.shape, tensor.element, tensor.role);
        tensors.push((tensor.name.clone(), what, bytes));
    }
    let mut unread = Vec::new();
    for (index, tensor) in checkpoint.unread().iter().enumerate() {
        let mut bytes = Vec::new();
        checkpoint.read_unread(index, &mut |part| bytes.extend_from_slice(part))?;
        unread.push((tensor.name.clone(), bytes));
    }
    Ok(Whole {
        format: checkpoint.format().to_string(),
        claimed: format!("{:?}", checkpoint.claimed()),
        tensors,
        unread,
        left_out: checkpoint.left_out().len(),
    })
}

/// Whether an error is about the way to a file rather than about the file.
fn is_of_the_way(error: &Error) -> bool {
    match error {
        Error::Foreign { fault, .. } => matches!(
            fault,
            Fault::Unreachable | Fault::Refused | Fault::Changed | Fault::Missing
        ),
        _ => false,
    }
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/fixtures")
}
