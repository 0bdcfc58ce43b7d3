//! The state of a watch: what it follows, and what it has seen.

use super::accredited::Accredited;
use super::observation::Observation;
use super::pending::Pending;
use super::reading::{Form, Stamp};
use crate::collection::{Options, PositionClaim, Problem, RunClaim, Unit};
use crate::coverage::Unread;
use crate::error::{Error, Result};
use checkpoint_store::TensorShape;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trajectory::shift::{Calibration, Cause, Detector};
use weightspace::sketch::{Parameters, relative_error};

/// What a look finds.
#[derive(Debug)]
pub enum Event {
    /// A checkpoint that was read.
    Checkpoint(Box<Observation>),
    /// A file that is skipped, and why.
    Problem(Problem),
}

/// Follows one training.
#[derive(Debug)]
pub struct Watcher {
    pub(super) directory: PathBuf,
    pub(super) options: Options,
    pub(super) calibration: Calibration,
    /// Whether that is the built-in one.
    pub(super) is_built_in: bool,
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
}

impl Watcher {
    /// A watcher that has seen nothing yet. What takes more than the memory of the options, 13 · 4
    /// bytes a weight, is followed by its sketch.
    ///
    /// # Errors
    /// When there is no such folder, or the accredited checkpoint cannot be read or is not finite.
    pub fn new(directory: &Path, accredited: Option<&Path>, options: &Options) -> Result<Self> {
        if !directory.is_dir() {
            return Err(Error::Unsuitable {
                path: directory.to_path_buf(),
                what: "it is not a folder".to_owned(),
                way_out: "Name the one that the training saves its checkpoints in",
            });
        }
        let accredited = accredited
            .map(|path| Accredited::read(path, options))
            .transpose()?;
        Ok(Self {
            directory: directory.to_path_buf(),
            options: *options,
            calibration: Calibration::zoos(),
            is_built_in: true,
            detector: Detector::new(Calibration::zoos(), &[])?,
            accredited,
            seen: HashMap::new(),
            pending: Pending::default(),
            followed: None,
            recent: VecDeque::new(),
            alarm: None,
            state: None,
            left: None,
        })
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
