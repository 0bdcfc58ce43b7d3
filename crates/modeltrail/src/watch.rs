//! A training that is running, followed by the checkpoints that it writes into a folder.
//!
//! [`Watcher::look`] reads what is new in the folder, in the order of claimed steps, else of
//! modification times, and gives each checkpoint to the detector of [`trajectory::shift`]. The
//! detector holds the last steps itself, so that files that were read may be deleted; what would be
//! too large is followed by its sketch. With [`Watcher::keep`] all of it is on disk, too, and a
//! watcher that starts anew goes on; without, it reads what is there.

mod accredited;
mod following;
mod judging;
mod keeping;
mod line;
mod pending;
pub mod prometheus;
mod reading;
mod state;
pub mod tensorboard;

pub use line::{Line, Out};

use crate::collection::{Options, PositionClaim, Problem, RunClaim, Unit, printable};
use accredited::Accredited;
use anyhow::{Result, ensure};
use checkpoint_store::TensorShape;
use pending::Pending;
use reading::{Form, Stamp};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trajectory::shift::{self, Calibration, Cause, Detector};
use weightspace::sketch::{Parameters, relative_error};

/// Vectors that are held of a training: the last steps, the newest checkpoint, the one in hand, and
/// the accredited one.
const HELD: u64 = shift::SPAN as u64 + 3;

/// What a look finds.
#[derive(Debug)]
pub enum Event {
    /// A checkpoint that was read.
    Checkpoint(Box<Line>),
    /// A file that is left out, and why.
    Problem(Problem),
}

/// Follows one training.
#[derive(Debug)]
pub struct Watcher {
    directory: PathBuf,
    options: Options,
    calibration: Calibration,
    /// Whether that is the built-in one.
    is_built_in: bool,
    detector: Detector,
    accredited: Option<Accredited>,
    /// Files that were read or left out, as they were then; they may be gone.
    seen: HashMap<PathBuf, Stamp>,
    pending: Pending,
    followed: Option<Followed>,
    recent: VecDeque<f64>,
    /// Cause of the newest alarm, and how many checkpoints ago it was raised.
    alarm: Option<(Cause, usize)>,
    /// Where all this is kept.
    state: Option<PathBuf>,
    /// The checkpoint that was in hand when the watch before this one ended, and whether all was
    /// done for it.
    left: Option<(InHand, Vec<f32>, bool)>,
}

/// What the checkpoints of the training have in common.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Followed {
    layout: Vec<TensorShape>,
    run: Option<RunClaim>,
    /// What claimed positions count; none where modification times order.
    unit: Option<Unit>,
    /// The newest claimed position.
    newest: Option<u64>,
    form: Form,
    /// Checkpoints that were judged.
    judged: u64,
}

/// A checkpoint that is about to be judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct InHand {
    path: OsString,
    position: Option<PositionClaim>,
    saved: Option<SystemTime>,
    went_back: bool,
}

impl Watcher {
    /// A watcher that has seen nothing yet. What takes more than the memory of the options, 13 · 4
    /// bytes a weight, is followed by its sketch.
    ///
    /// # Errors
    /// When there is no such folder, or the accredited checkpoint cannot be read or is not finite.
    pub fn new(directory: &Path, accredited: Option<&Path>, options: &Options) -> Result<Self> {
        let shown = printable(&directory.to_string_lossy());
        ensure!(
            directory.is_dir(),
            "{shown} is no folder: name the one that the training saves its checkpoints in"
        );
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
