//! A training that is running, followed by the checkpoints that it writes into a folder.
//!
//! [`Watcher::look`] reads what is new in the folder, in the order of claimed steps, else of
//! modification times, and gives each checkpoint to the detector of [`trajectory::shift`]. The
//! detector holds the last steps itself, so that files that were read may be deleted. Nothing is
//! kept on disk: a watcher that starts anew reads what is there.

mod line;
mod pending;
pub mod prometheus;
mod reading;
pub mod tensorboard;

pub use line::{Line, Out};

use crate::collection::{Problem, RunClaim, Unit, printable, told};
use anyhow::{Context, Result, anyhow, ensure};
use checkpoint_store::foreign::{Claimed, Limits, discover};
use checkpoint_store::{Error, Fault, TensorShape};
use pending::Pending;
use reading::{Opened, Stamp};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trajectory::shift::{self, Calibration, Cause, Detector};
use weightspace::distance::distance;

/// Newest steps whose median is the unit of the distance since the accredited checkpoint, as in
/// `trajectory::progress`.
const RECENT: usize = 10;
/// Weights of the smallest and largest network that alarms were calibrated on.
const CALIBRATED: [u64; 2] = [1376, 2160];
/// A network so many times smaller or larger is unlike them.
const UNLIKE: u64 = 10;

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
    limits: Limits,
    calibration: Calibration,
    /// Whether that is the built-in one.
    is_built_in: bool,
    detector: Detector,
    accredited: Option<(String, Opened, Vec<f32>)>,
    /// Files that were read or left out, as they were then; they may be gone.
    seen: HashMap<PathBuf, Stamp>,
    pending: Pending,
    followed: Option<Followed>,
    recent: VecDeque<f64>,
    /// Cause of the newest alarm, and how many checkpoints ago it was raised.
    alarm: Option<(Cause, usize)>,
}

/// What the checkpoints of the training have in common.
#[derive(Debug)]
struct Followed {
    layout: Vec<TensorShape>,
    run: Option<RunClaim>,
    /// What claimed positions count; none where modification times order.
    unit: Option<Unit>,
    /// The newest claimed position.
    newest: Option<u64>,
}

impl Watcher {
    /// A watcher that has seen nothing yet.
    ///
    /// # Errors
    /// When there is no such folder, or the accredited checkpoint cannot be read or is not finite.
    pub fn new(directory: &Path, accredited: Option<&Path>, limits: Limits) -> Result<Self> {
        let shown = printable(&directory.to_string_lossy());
        ensure!(
            directory.is_dir(),
            "{shown} is no folder: name the one that the training saves its checkpoints in"
        );
        let accredited = accredited
            .map(|path| -> Result<_> {
                let name = printable(&path.to_string_lossy());
                let found = discover(&[path.to_path_buf()], &limits);
                if let Some(problem) = found.problems.into_iter().next() {
                    return Err(problem.error.into());
                }
                let count = found.checkpoints.len();
                let found = found.checkpoints.into_iter().next().filter(|_| count == 1);
                let found = found.with_context(|| {
                    format!(
                        "{name} holds {count} checkpoints, and one is accredited: name its file"
                    )
                })?;
                let opened = Opened::of(found, &limits)?;
                let values = opened.read(&limits)?;
                Ok((name, opened, values))
            })
            .transpose()?;
        Ok(Self {
            directory: directory.to_path_buf(),
            limits,
            calibration: Calibration::zoos(),
            is_built_in: true,
            detector: Detector::new(Calibration::zoos(), &[])?,
            accredited,
            seen: HashMap::new(),
            pending: Pending::default(),
            followed: None,
            recent: VecDeque::new(),
            alarm: None,
        })
    }

    /// Sets the thresholds of alarms by trainings in which nothing changed, each in a folder of its
    /// own, so that this share of their checkpoints raises one. Before the first look.
    ///
    /// # Errors
    /// When a folder or a file in it cannot be read, or the checkpoints are too few for the rate: 3
    /// ÷ rate of them are needed that have ten steps behind them.
    pub fn calibrate(&mut self, undisturbed: &[PathBuf], rate: f64) -> Result<()> {
        let mut features = Vec::new();
        for folder in undisturbed {
            Self::new(folder, None, self.limits)?.look(true, &mut |event| match event {
                Event::Checkpoint(line) => {
                    features.extend(line.reading.verdict.map(|verdict| verdict.features));
                    Ok(())
                }
                Event::Problem(problem) => Err(anyhow!("--undisturbed: {}", problem.message)),
            })?;
        }
        self.calibration = Calibration::zoos().with_thresholds_of(&features, rate)?;
        self.is_built_in = false;
        self.detector = Detector::new(self.calibration.clone(), &[])?;
        Ok(())
    }

    /// Why the declared rate of false alarms does not hold for this training, if it is known not
    /// to; none before the first checkpoint.
    pub fn unlike_calibration(&self) -> Option<String> {
        if !self.is_built_in {
            return None;
        }
        let followed = self.followed.as_ref()?;
        let sides = followed.layout.iter().map(|tensor| {
            let sides = tensor.shape.iter();
            sides.fold(1_u64, |product, &side| product.saturating_mul(side))
        });
        let weights = sides.fold(0_u64, u64::saturating_add);
        let [smallest, largest] = CALIBRATED;
        if weights > largest * UNLIKE || weights < smallest / UNLIKE {
            return Some(format!("it has {weights} weights"));
        }
        let is_epochs = followed.unit == Some(Unit::Epoch);
        (!is_epochs).then(|| "its checkpoints do not claim to be epochs".to_owned())
    }

    /// False alarms per checkpoint that are declared for networks like those of the calibration.
    pub fn false_alarm_rate() -> f64 {
        Calibration::DEFAULT_FALSE_ALARM_RATE
    }

    /// Reads what is new. With `at_once`, a file that cannot be read is reported now; otherwise it
    /// may be half-written, and is reported if it is the same at the next look.
    ///
    /// Costs a look at the header of every file in the folder, and for a new one a pass over its
    /// weights and O(10 · weights) time and memory.
    ///
    /// # Errors
    /// What the sink returns, and an accredited checkpoint with other tensors.
    pub fn look(&mut self, at_once: bool, sink: &mut dyn FnMut(Event) -> Result<()>) -> Result<()> {
        let discovery = discover(std::slice::from_ref(&self.directory), &self.limits);
        let mut broken: Vec<(PathBuf, Stamp, anyhow::Error)> = Vec::new();
        for problem in discovery.problems {
            // In an empty folder the training has not begun.
            let is_empty = problem.path == self.directory
                && matches!(&problem.error, Error::Foreign { fault, .. } if *fault == Fault::Missing);
            if !is_empty {
                let stamp = Stamp::of(std::slice::from_ref(&problem.path));
                broken.push((problem.path, stamp, problem.error.into()));
            }
        }
        let mut fresh = Vec::new();
        for found in discovery.checkpoints {
            let stamp = Stamp::of(&found.files);
            if self.seen.get(&found.path) == Some(&stamp) {
                continue;
            }
            let path = found.path.clone();
            match Opened::of(found, &self.limits) {
                Ok(opened) => fresh.push(opened),
                Err(error) => broken.push((path, stamp, error)),
            }
        }
        self.follow(&fresh);
        self.sort(&mut fresh);
        let mut wait_from: Option<u64> = None;
        for (path, stamp, error) in broken {
            wait_from = self.broken(&path, stamp, &error, at_once, wait_from, sink)?;
        }
        for opened in fresh {
            // What comes after a file that may be half-written waits with it.
            if wait_from.is_some_and(|from| opened.position().is_some_and(|at| at > from)) {
                continue;
            }
            let values = opened.read(&self.limits);
            let path = opened.found.path.clone();
            match values {
                Ok(values) => {
                    self.pending.remove(&path);
                    let event = self.take(&opened, &values)?;
                    self.seen.insert(path, opened.stamp);
                    sink(event)?;
                }
                Err(error) => {
                    let stamp = opened.stamp.clone();
                    wait_from = self.broken(&path, stamp, &error, at_once, wait_from, sink)?;
                }
            }
        }
        Ok(())
    }

    /// Notes a file that cannot be read; the claimed position from which others wait for it.
    fn broken(
        &mut self,
        path: &Path,
        stamp: Stamp,
        error: &anyhow::Error,
        at_once: bool,
        wait_from: Option<u64>,
        sink: &mut dyn FnMut(Event) -> Result<()>,
    ) -> Result<Option<u64>> {
        if self.pending.is_new(path, stamp, at_once) {
            sink(Event::Problem(problem(path, told(error))))?;
        }
        if self.pending.is_reported(path) {
            return Ok(wait_from);
        }
        let claimed = Claimed::by_name(path).position();
        Ok(match (wait_from, claimed) {
            (Some(from), Some(claimed)) => Some(from.min(claimed)),
            (from, claimed) => from.or(claimed),
        })
    }

    /// Decides at the first checkpoints which run is followed, and by what it is ordered.
    fn follow(&mut self, fresh: &[Opened]) {
        if self.followed.is_some() {
            return;
        }
        let newest = fresh.iter().max_by_key(|opened| opened.stamp.newest());
        self.followed = newest.map(|newest| {
            let units = fresh
                .iter()
                .filter(|opened| opened.claims.run == newest.claims.run)
                .filter_map(|opened| Some(opened.claims.position?.unit));
            Followed {
                layout: newest.layout.clone(),
                run: newest.claims.run.clone(),
                unit: units.min(),
                newest: None,
            }
        });
    }

    fn sort(&self, fresh: &mut [Opened]) {
        let is_claimed = self.followed.as_ref().is_some_and(|f| f.unit.is_some());
        let time = |opened: &Opened| opened.stamp.newest().unwrap_or(SystemTime::UNIX_EPOCH);
        fresh.sort_by(|a, b| {
            let claimed = is_claimed.then(|| a.position().cmp(&b.position()));
            let claimed = claimed.unwrap_or(std::cmp::Ordering::Equal);
            claimed
                .then_with(|| time(a).cmp(&time(b)))
                .then_with(|| a.found.path.cmp(&b.found.path))
        });
    }

    /// Judges a checkpoint, or says why not.
    fn take(&mut self, opened: &Opened, values: &[f32]) -> Result<Event> {
        let path = &opened.found.path;
        let was_seen = self.seen.contains_key(path);
        let Some(followed) = self.followed.as_mut() else {
            return Ok(Event::Problem(problem(
                path,
                "no run is followed".to_owned(),
            )));
        };
        let left_out = |why: &str| {
            let shown = printable(&path.to_string_lossy());
            Ok(Event::Problem(problem(path, format!("{shown}: {why}"))))
        };
        if opened.layout != followed.layout {
            return left_out("its tensors are not those of the training that is followed");
        }
        if opened.claims.run.as_ref().map(|run| &run.value)
            != followed.run.as_ref().map(|run| &run.value)
        {
            return left_out("it claims another run; watch the folder of one run");
        }
        if values.iter().any(|value| !value.is_finite()) {
            return left_out("it has weights that are NaN or infinite");
        }
        let mut went_back = false;
        if let Some(unit) = followed.unit {
            let Some(position) = opened.claims.position.filter(|claim| claim.unit == unit) else {
                return left_out("it claims no step to be ordered by, as the others do");
            };
            if followed
                .newest
                .is_some_and(|newest| position.value <= newest)
            {
                if !was_seen {
                    return left_out("it came too late: a later step, or the same, was judged");
                }
                went_back = true;
                self.detector = Detector::new(self.calibration.clone(), &[])?;
                self.recent.clear();
                self.alarm = None;
            }
            followed.newest = Some(position.value);
        }
        let reading = self.detector.push(values)?;
        if let Some(motion) = &reading.motion {
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(motion.step_length);
        }
        let continues = self.continues(reading.verdict.as_ref());
        let since = self
            .accredited
            .as_ref()
            .map(|(name, accredited, weights)| {
                ensure!(
                    accredited.layout == opened.layout,
                    "{name}: its tensors are not those of the training, so that there is no \
                     distance between them. Give a checkpoint of the same network"
                );
                Ok(distance(weights, values) / median(&self.recent))
            })
            .transpose()?
            .filter(|since: &f64| since.is_finite());
        let name = path.strip_prefix(&self.directory).unwrap_or(path);
        Ok(Event::Checkpoint(Box::new(Line {
            name: printable(&name.to_string_lossy()),
            path: path.clone(),
            saved: opened.stamp.newest(),
            position: opened.claims.position,
            reading,
            since_accredited: since,
            went_back,
            continues,
        })))
    }

    /// Notes an alarm, and whether one of the same cause came just before: steps are compared with
    /// the last ones, so that what changes little by little raises alarm after alarm.
    fn continues(&mut self, verdict: Option<&shift::Verdict>) -> bool {
        let before = self.alarm.map(|(cause, ago)| (cause, ago + 1));
        self.alarm = before;
        let Some(verdict) = verdict.filter(|verdict| verdict.alarm) else {
            return false;
        };
        self.alarm = Some((verdict.cause, 0));
        before.is_some_and(|(cause, ago)| cause == verdict.cause && ago <= shift::RECENT)
    }
}

fn problem(path: &Path, message: String) -> Problem {
    Problem {
        path: path.to_path_buf(),
        message,
    }
}

/// NaN of nothing.
fn median(values: &VecDeque<f64>) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(middle)
    } else {
        0.5 * (at(middle.wrapping_sub(1)) + at(middle))
    }
}
