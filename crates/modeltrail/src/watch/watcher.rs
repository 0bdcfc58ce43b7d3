//! The state of a watch: what it follows, and what it has seen.

use super::accredited::Accredited;
use super::facts::{Fact, Facts};
use super::observation::Observation;
use super::pending::Pending;
use super::reading::{Form, Stamp};
use crate::collection::{Options, PositionClaim, Problem, RunClaim, Unit, printable};
use crate::coverage::Unread;
use crate::detector::ranges;
use crate::error::{Error, Result};
use crate::remote::is_remote;
use checkpoint_store::TensorShape;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trajectory::shift::{Cause, Detector, Threshold};
use weightspace::sketch::{Parameters, relative_error};

/// What a look finds.
#[derive(Debug)]
pub enum Event {
    /// A checkpoint that was read.
    Checkpoint(Box<Observation>),
    /// A file that is skipped, and why.
    Problem(Problem),
    /// What is followed and how it is judged, before the first checkpoint.
    Note(String),
    /// A file that lies beside the checkpoints of the training: a copy, an average, or no model at all.
    Beside(Beside),
}

/// A file that lies beside the checkpoints of a training. That is no trouble of the training's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// The file.
    pub path: PathBuf,
    /// What it is, on one line, with the path.
    pub message: String,
}

/// Follows one training.
#[derive(Debug)]
pub struct Watcher {
    pub(super) directory: PathBuf,
    pub(super) options: Options,
    pub(super) threshold: Threshold,
    pub(super) detector: Detector,
    pub(super) accredited: Option<Accredited>,
    /// Files that were read or skipped, as they were then; they may be gone.
    pub(super) seen: HashMap<PathBuf, Stamp>,
    pub(super) pending: Pending,
    pub(super) followed: Option<Followed>,
    pub(super) recent: VecDeque<f64>,
    /// Cause of the newest alarm, and how many checkpoints ago it was raised.
    pub(super) alarm: Option<(Cause, usize)>,
    /// Where all this is kept.
    pub(super) state: Option<PathBuf>,
    /// The checkpoint that was in hand when the watch before this one ended, and whether all was
    /// done for it.
    pub(super) left: Option<(InHand, Vec<f32>, bool)>,
    /// What was judged, by its bits.
    pub(super) judged: HashMap<u64, String>,
    /// Whether it was said what is followed.
    pub(super) is_introduced: bool,
    /// What was said to lie beside.
    pub(super) beside: HashSet<PathBuf>,
}

/// What the checkpoints of the training have in common.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Followed {
    pub(super) layout: Vec<TensorShape>,
    pub(super) run: Option<RunClaim>,
    /// What claimed positions count; none where modification times order.
    pub(super) unit: Option<Unit>,
    /// The newest claimed position.
    pub(super) newest: Option<u64>,
    pub(super) form: Form,
    /// Checkpoints that were judged.
    pub(super) judged: u64,
    /// The position of the checkpoint that was judged last.
    #[serde(default)]
    pub(super) position: Option<u64>,
    /// What the trainer said then.
    #[serde(default)]
    pub(super) facts: Option<Facts>,
    /// Which rates were to come then: trainers that step the schedule before they save write the rate
    /// of the steps behind the checkpoint.
    #[serde(default)]
    pub(super) to_come: Vec<Fact>,
    /// Whether positions are those of the names, since the files all say the same.
    #[serde(default)]
    pub(super) by_names: bool,
    /// Whether two claimed positions were different.
    #[serde(default)]
    pub(super) varies: bool,
    /// Whether there was nothing but copies and averages, so that these are followed.
    #[serde(default)]
    pub(super) copies_only: bool,
}

impl Followed {
    /// Where the values of each tensor lie among all; none of a sketch, which mixes them.
    pub(super) fn tensors(&self) -> Vec<Range<usize>> {
        if self.form == Form::Sketches {
            return Vec::new();
        }
        ranges(&self.layout)
    }
}

/// A checkpoint that is about to be judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InHand {
    pub(super) path: OsString,
    pub(super) position: Option<PositionClaim>,
    pub(super) saved: Option<SystemTime>,
    pub(super) went_back: bool,
    /// Tensors of it that could not be read.
    pub(super) unread: Vec<Unread>,
    /// What the trainer's files say of the training.
    #[serde(default)]
    pub(super) facts: Option<Facts>,
}

impl Watcher {
    /// A watcher that has seen nothing yet. What takes more than the memory of the options, 13 · 4
    /// bytes a weight, is followed by its sketch.
    ///
    /// # Errors
    /// When there is no such folder, or the accredited checkpoint cannot be read or is not finite.
    pub fn new(directory: &Path, accredited: Option<&Path>, options: &Options) -> Result<Self> {
        if is_remote(directory) {
            return Err(Error::Unsuitable {
                path: directory.to_path_buf(),
                what: "a training is followed in a folder on this machine".to_owned(),
                way_out: "Ask whether the series is sound, or what happened in it, without following it",
            });
        }
        if !directory.is_dir() {
            return Err(Error::Unsuitable {
                path: directory.to_path_buf(),
                what: "it is not a folder".to_owned(),
                way_out: "Name the one that the training saves its checkpoints in",
            });
        }
        Self::of(directory.to_path_buf(), accredited, options)
    }

    pub(super) fn of(
        directory: PathBuf,
        accredited: Option<&Path>,
        options: &Options,
    ) -> Result<Self> {
        let accredited = accredited
            .map(|path| Accredited::read(path, options))
            .transpose()?;
        Ok(Self {
            directory,
            options: options.clone(),
            threshold: Threshold::built_in(),
            detector: Detector::new(Threshold::built_in(), &[])?,
            accredited,
            seen: HashMap::new(),
            pending: Pending::default(),
            followed: None,
            recent: VecDeque::new(),
            alarm: None,
            state: None,
            left: None,
            judged: HashMap::new(),
            is_introduced: false,
            beside: HashSet::new(),
        })
    }

    /// What this waits for, in words: the first checkpoint, a file that is being written, or the next
    /// checkpoint.
    pub fn waits_for(&self) -> String {
        let mut written = self.pending.unreported();
        written.sort();
        if let Some(first) = written.first() {
            let name = self.name(first);
            return match written.len() - 1 {
                0 => format!("waiting for {name} to be written to its end"),
                more => format!("waiting for {name} and {more} more to be written to their ends"),
            };
        }
        let next = if self.followed.is_some() {
            "next"
        } else {
            "first"
        };
        let folder = printable(&self.directory.to_string_lossy());
        format!("waiting for the {next} checkpoint in {folder}")
    }

    /// What to call a file of the folder, on one line.
    pub(super) fn name(&self, path: &Path) -> String {
        let name = path.strip_prefix(&self.directory).unwrap_or(path);
        printable(&name.to_string_lossy())
    }

    /// That the training is followed by sketches, if it is, and why.
    pub fn is_sketched(&self) -> Option<String> {
        let followed = self.followed.as_ref()?;
        (followed.form == Form::Sketches).then(|| {
            format!(
                "followed by sketches: lengths hold to {:.1} %, angles and shares likewise",
                100.0 * relative_error(Parameters::default().dimensions)
            )
        })
    }
}
