//! What can go wrong, where, and what helps.

mod labels;
mod problem;

pub use labels::LabelError;
pub use problem::{Limit, Problem};

use crate::printable::{printable, printable_path};
use checkpoint_store::{Error as Store, Fault, LimitMet};
use std::path::{Path, PathBuf};

/// Why a question about checkpoints could not be answered.
///
/// The message says what happened, where, and what helps. [`kind`](Self::kind) and
/// [`path`](Self::path) say the same to programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A checkpoint or a store could not be read or written.
    #[error(transparent)]
    Store(#[from] checkpoint_store::Error),
    /// A computation on weights could not be done.
    #[error(transparent)]
    Weights(#[from] weightspace::Error),
    /// A computation on trajectories could not be done.
    #[error(transparent)]
    Trajectory(#[from] trajectory::Error),
    /// A figure or a page could not be made.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// A file could not be read.
    #[error("{}: {what}. {way_out}", printable_path(.path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What happened.
        what: String,
        /// What helps.
        way_out: &'static str,
        /// What the operating system answered, if it refused.
        source: Option<std::io::Error>,
    },
    /// What was named is there, and is not what is needed.
    #[error("{}: {what}. {way_out}", printable_path(.path))]
    Unsuitable {
        /// The file or folder.
        path: PathBuf,
        /// What it is, or what is wrong with it.
        what: String,
        /// What helps.
        way_out: &'static str,
    },
    /// None of the weights of a checkpoint could be read.
    #[error(
        "{}: none of its weights can be read: {tensors} tensors are of types that are not supported, \
         the first of them {first} ({dtype}). Save the weights as f32, f16, bf16 or float8",
        printable_path(.path)
    )]
    Unread {
        /// The checkpoint.
        path: PathBuf,
        /// How many tensors.
        tensors: usize,
        /// The first of them.
        first: String,
        /// Its type, as the file names it.
        dtype: String,
    },
    /// No tensor of a checkpoint is a weight.
    #[error(
        "{}: none of its {tensors} tensors is a weight. Save the weights of the model into it",
        printable_path(.path)
    )]
    NoWeights {
        /// The checkpoint.
        path: PathBuf,
        /// How many tensors it has.
        tensors: usize,
    },
    /// Tensors that cannot be read would be lost.
    #[error(
        "{checkpoint}: its tensor {} cannot be read ({}: {reason}){}, and would be lost. Nothing is \
         written; allow it, or save the checkpoint in a type that is supported",
        printable(.tensor),
        printable(.dtype),
        and_more(*.others)
    )]
    WouldLose {
        /// The checkpoint.
        checkpoint: String,
        /// The first tensor that would be lost.
        tensor: String,
        /// Its type, as the file names it.
        dtype: String,
        /// Why it cannot be read.
        reason: String,
        /// How many more tensors would be lost, over all checkpoints.
        others: usize,
    },
    /// A file changed between two looks at it.
    #[error(
        "{}: it changed while it was read. Wait for the program that writes it",
        printable_path(.path)
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Weights are needed, and only a sketch is left of them.
    #[error("only a sketch is left of these weights: give the checkpoint itself")]
    SketchOnly,
    /// A source has no tensor of this number, or it has another shape.
    #[error("tensor {index} is not in the source as its list of tensors says")]
    NoSuchTensor {
        /// The number.
        index: usize,
    },
    /// A checkpoint of a training in memory does not come after the one before.
    #[error(
        "step {step} does not come after step {newest}, which was pushed before: push the steps in their order"
    )]
    NotAfter {
        /// The step.
        step: u64,
        /// The one that was pushed last.
        newest: u64,
    },
    /// A tensor has more values than this machine can count.
    #[error("tensor {tensor:?} is larger than the memory of any machine: its shape is wrong")]
    TooLarge {
        /// Its name.
        tensor: String,
    },
    /// None of the paths led to a checkpoint that could be read.
    #[error("no checkpoint could be read")]
    NothingRead,
    /// Checkpoints of several architectures, where one is needed.
    #[error(
        "these checkpoints are of {} architectures, and {whole} holds one. Name the paths of one of \
         them:{}",
        .groups.len(),
        .groups.concat()
    )]
    SeveralArchitectures {
        /// What holds one, in words.
        whole: &'static str,
        /// Each of them, on a line of its own.
        groups: Vec<String>,
    },
    /// A number of groups was asked for that the checkpoints cannot form.
    #[error(
        "{checkpoints} distinct checkpoints cannot be {asked} {what}: give a number from 1 to \
         {checkpoints}"
    )]
    Count {
        /// What was asked for: `runs` or `clusters`.
        what: &'static str,
        /// How many.
        asked: usize,
        /// Distinct checkpoints that there are.
        checkpoints: usize,
    },
    /// A file is there already, and may not be replaced.
    #[error(
        "{} exists already, and {others} more of the files to be written: choose another place, or \
         allow them to be replaced",
        printable_path(.path)
    )]
    Exists {
        /// The file.
        path: PathBuf,
        /// How many more there are.
        others: usize,
    },
    /// What checkpoints claim makes no labels of a store.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A file was written by another version of this program.
    #[error(
        "{}: it says that it is {:?}, and {supported:?} is supported. {way_out}",
        printable_path(.path),
        printable(.found)
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says that it is.
        found: String,
        /// What is supported.
        supported: &'static str,
        /// What helps.
        way_out: &'static str,
    },
    /// A training that sets the thresholds of alarms must be read whole, and was not.
    #[error("an undisturbed training must be read whole to set thresholds: {problem}")]
    Uncalibrated {
        /// What could not be read.
        problem: Problem,
    },
    /// No two checkpoints are left that could be compared.
    #[error(
        "no two of the {checkpoints} trained checkpoints with finite weights have the same tensors: \
         there is nothing to compare"
    )]
    NothingToCompare {
        /// Trained checkpoints with finite weights.
        checkpoints: usize,
    },
    /// Two checkpoints that are to be compared tensor by tensor do not have the same tensors.
    #[error(
        "{checkpoint} does not have the tensors of {reference}, and no budget says how far another \
         architecture may be: {}",
        first(.differences)
    )]
    DifferentTensors {
        /// The one that differs.
        checkpoint: String,
        /// The one that it is compared with.
        reference: String,
        /// In what it differs, tensor by tensor.
        differences: Vec<String>,
    },
    /// An adapter cannot be put onto the model that it is compared with.
    #[error("{adapter} is an adapter, and cannot be put onto {base}: {what}. {way_out}")]
    Adapter {
        /// The adapter.
        adapter: String,
        /// The model.
        base: String,
        /// Why, in words.
        what: String,
        /// What helps.
        way_out: &'static str,
    },
    /// Weights that are NaN or infinite, where a distance is asked for.
    #[error(
        "{checkpoint} has weights that are NaN or infinite, and is at no distance from anything: {}",
        counts(.tensors)
    )]
    NotFinite {
        /// The checkpoint.
        checkpoint: String,
        /// Its tensors that have any, and how many.
        tensors: Vec<(String, u64)>,
    },
    /// What should name tensors is not a glob.
    #[error("{pattern:?} is not a pattern of tensor names: {why}")]
    Pattern {
        /// The text.
        pattern: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A pattern matches no tensor, so that nothing could ever break it.
    #[error("no tensor has a name like {pattern:?}")]
    NoTensorMatches {
        /// The pattern.
        pattern: String,
    },
    /// A budget limits the change in steps, and how long a step is is not known.
    #[error("the budget has a limit in steps: give checkpoints of the run as its history")]
    HistoryMissing,
    /// The history of a run does not say how long a step is.
    #[error("the history cannot be used: {reason}")]
    History {
        /// Why, and what helps.
        reason: String,
    },
    /// No checkpoint has enough tensors of the suspect to be compared with it.
    #[error(
        "no checkpoint has the tensors of {suspect}. The nearest, {nearest}, has {:.0} % of its \
         weights, {why}: {}",
        100.0 * .share,
        first(.differences)
    )]
    NothingInCommon {
        /// The suspect.
        suspect: String,
        /// The checkpoint with the most in common.
        nearest: String,
        /// Share of the suspect's weights that it has too.
        share: f64,
        /// Why that is too little, in words.
        why: String,
        /// In what it differs, tensor by tensor.
        differences: Vec<String>,
    },
}

impl Error {
    /// What kind of error it is, in snake case; a program may branch on it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(error) => store_kind(error),
            Self::Weights(_) => "weights",
            Self::Trajectory(_) => "trajectory",
            Self::Report(_) => "report",
            Self::Unreadable { .. } => "unreadable",
            Self::Unsuitable { .. } => "unsuitable",
            Self::Unread { .. } => "unread",
            Self::NoWeights { .. } => "no_weights",
            Self::WouldLose { .. } => "unread",
            Self::Changed { .. } => "changed",
            Self::SketchOnly => "sketch_only",
            Self::NoSuchTensor { .. } => "no_such_tensor",
            Self::NotAfter { .. } => "not_after",
            Self::TooLarge { .. } => "too_large",
            Self::NothingRead => "nothing_read",
            Self::SeveralArchitectures { .. } => "several_architectures",
            Self::Count { .. } => "count",
            Self::Exists { .. } => "exists",
            Self::Labels(_) => "labels",
            Self::Version { .. } => "version",
            Self::Uncalibrated { .. } => "uncalibrated",
            Self::NothingToCompare { .. } => "nothing_to_compare",
            Self::DifferentTensors { .. } => "different_tensors",
            Self::Adapter { .. } => "adapter",
            Self::NotFinite { .. } => "not_finite",
            Self::Pattern { .. } => "pattern",
            Self::NoTensorMatches { .. } => "no_tensor_matches",
            Self::HistoryMissing => "history_missing",
            Self::History { .. } => "history",
            Self::NothingInCommon { .. } => "nothing_in_common",
        }
    }

    /// The file or folder that it is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { path, .. }
            | Self::Unsuitable { path, .. }
            | Self::Unread { path, .. }
            | Self::NoWeights { path, .. }
            | Self::Exists { path, .. }
            | Self::Version { path, .. }
            | Self::Uncalibrated {
                problem: Problem { path, .. },
            }
            | Self::Changed { path } => Some(path),
            Self::Store(
                Store::Io { path, .. }
                | Store::StorageFull { path, .. }
                | Store::Damaged { path, .. }
                | Store::NotAStore { path, .. }
                | Store::Foreign { path, .. },
            ) => Some(path),
            _ => None,
        }
    }

    /// The limit on reading files that it meets, if raising one helps.
    pub fn limit(&self) -> Option<LimitMet> {
        match self {
            Self::Store(Store::Foreign { limit, .. }) => *limit,
            Self::Uncalibrated { problem } => problem.limit.map(|limit| LimitMet {
                name: limit.name,
                enough: limit.enough,
            }),
            _ => None,
        }
    }

    /// The message with those of its causes that it does not say itself, on one line.
    pub fn to_line(&self) -> String {
        let mut message = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        printable(&message)
    }
}

impl Problem {
    /// What is wrong with a path.
    pub fn new(path: &Path, error: &Error) -> Self {
        Self {
            path: path.to_path_buf(),
            kind: error.kind(),
            message: error.to_line(),
            limit: error.limit().map(|limit| Limit {
                name: limit.name,
                enough: limit.enough,
            }),
        }
    }
}

/// How many values of which tensors.
fn counts(tensors: &[(String, u64)]) -> String {
    let tensors = tensors.iter();
    let tensors: Vec<String> = tensors
        .map(|(name, count)| format!("{count} in {}", printable(name)))
        .collect();
    tensors.join(", ")
}

/// How many more tensors there are, if any.
fn and_more(others: usize) -> String {
    match others {
        0 => String::new(),
        more => format!(", as cannot {more} more"),
    }
}

/// The first few, and how many more there are.
fn first(all: &[String]) -> String {
    const NAMED: usize = 5;
    let named = all.get(..NAMED).unwrap_or(all).join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

/// What kind of error a store or a reader met.
fn store_kind(error: &Store) -> &'static str {
    match error {
        Store::Io { .. } => "io",
        Store::StorageFull { .. } => "storage_full",
        Store::Damaged { .. } => "damaged",
        Store::NewerFormat { .. } => "newer_format",
        Store::NotAStore { .. } => "not_a_store",
        Store::Foreign { fault, .. } => match fault {
            Fault::NotACheckpoint => "not_a_checkpoint",
            Fault::Missing => "missing",
            Fault::Damaged => "damaged",
            Fault::Unsupported => "unsupported",
            Fault::NoModel => "no_model",
            Fault::Mismatch => "mismatch",
            Fault::TooLarge => "too_large",
            Fault::Code => "code",
            Fault::Changed => "changed",
            Fault::Unreachable => "unreachable",
            Fault::Refused => "refused",
            _ => "foreign",
        },
        _ => "store",
    }
}

/// The result of asking.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_place_on_one_line_and_says_what_helps() {
        let error = Error::Unsuitable {
            path: PathBuf::from("a\nb.json"),
            what: "it is not a file of sketches".to_owned(),
            way_out: "Make one anew",
        };
        let line = error.to_line();
        assert_eq!(
            line,
            "a\\nb.json: it is not a file of sketches. Make one anew"
        );
        assert_eq!(error.kind(), "unsuitable");
        assert_eq!(error.path(), Some(Path::new("a\nb.json")));
    }

    #[test]
    fn causes_are_said_once() {
        let error = Error::Unreadable {
            path: PathBuf::from("a"),
            what: "it cannot be opened".to_owned(),
            way_out: "Check the name",
            source: Some(std::io::Error::other("it is locked")),
        };
        assert_eq!(
            error.to_line(),
            "a: it cannot be opened. Check the name: it is locked"
        );
    }
}
