//! A training that is running, followed by the checkpoints that it writes into a folder.
//!
//! [`Watcher::look`] reads what is new in the folder, in the order of claimed steps, else of
//! modification times, and gives each checkpoint to the detector of [`trajectory::shift`]. The
//! detector holds the last steps itself, so that files that were read may be deleted; what would be
//! too large is followed by its sketch. With [`Watcher::keep`] all of it is on disk, too, and a
//! watcher that starts anew goes on; without, it reads what is there.

mod accredited;
mod line;
mod pending;
pub mod prometheus;
mod reading;
mod state;
pub mod tensorboard;

pub use line::{Line, Out};

use crate::collection::{
    Options, PositionClaim, Problem, RunClaim, Unit, parameters, printable, sketches, told,
};
use accredited::Accredited;
use anyhow::{Result, anyhow, ensure};
use checkpoint_store::foreign::{Claimed, discover};
use checkpoint_store::{Error, Fault, TensorShape};
use pending::Pending;
use reading::{Form, Opened, Stamp};
use serde::{Deserialize, Serialize};
use state::{Header, State};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trajectory::shift::{self, Calibration, Cause, Detector};
use weightspace::sketch::{Parameters, relative_error};

/// Newest steps whose median is the unit of the distance since the accredited checkpoint, as in
/// `trajectory::progress`.
const RECENT: usize = 10;
/// Weights of the smallest and largest network that alarms were calibrated on.
const CALIBRATED: [u64; 2] = [1376, 2160];
/// A network so many times smaller or larger is unlike them.
const UNLIKE: u64 = 10;
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

    /// Keeps all that is known in this file, and goes on from what is in it; whether anything is.
    /// Before the first look, and after [`calibrate`](Self::calibrate).
    ///
    /// The file is replaced before every checkpoint that is told, and after every alarm. It takes 4
    /// bytes for each of the last twelve vectors' numbers.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is of a watch of another folder.
    pub fn keep(&mut self, path: &Path) -> Result<bool> {
        self.state = Some(path.to_path_buf());
        let Some(state) = State::read(path)? else {
            return Ok(false);
        };
        let shown = printable(&path.to_string_lossy());
        let form = state.form();
        let State { header, vectors } = state;
        ensure!(
            header.directory == self.real_directory(),
            "{shown} is the state of a watch of {}: give each folder a state of its own",
            printable(&header.directory.to_string_lossy())
        );
        let mut vectors = vectors.into_iter();
        let in_hand = vectors.next().unwrap_or_default();
        let calibration = self.calibration.clone();
        self.detector = Detector::restored(calibration, &[], header.tracks, vectors)?;
        if let Some(accredited) = &mut self.accredited {
            accredited.take_form(form, &self.options.limits)?;
        }
        self.followed = Some(header.followed);
        let seen = header.seen.into_iter();
        self.seen = seen.map(|(path, stamp)| (path.into(), stamp)).collect();
        self.recent = header.recent.into_iter().map(f64::from_bits).collect();
        self.alarm = header.alarm;
        self.left = Some((header.in_hand, in_hand, header.is_told));
        Ok(true)
    }

    /// One name for the folder, however it is reached.
    fn real_directory(&self) -> OsString {
        let real = std::fs::canonicalize(&self.directory);
        real.unwrap_or_else(|_| self.directory.clone()).into()
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
            Self::new(folder, None, &self.options)?.look(true, &mut |event| match event {
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
        let weights = parameters(&followed.layout);
        let [smallest, largest] = CALIBRATED;
        if weights > largest * UNLIKE || weights < smallest / UNLIKE {
            return Some(format!("it has {weights} weights"));
        }
        let is_epochs = followed.unit == Some(Unit::Epoch);
        (!is_epochs).then(|| "its checkpoints do not claim to be epochs".to_owned())
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
        if let Some((in_hand, values, is_told)) = self.left.take() {
            let event = self.judge(in_hand, &values, Some(is_told))?;
            sink(event)?;
            self.note_told()?;
        }
        let limits = self.options.limits;
        let discovery = discover(std::slice::from_ref(&self.directory), &limits);
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
        if discovery.checkpoints.is_empty() {
            self.find_sketches(&mut fresh, &mut broken);
        }
        for found in discovery.checkpoints {
            let stamp = Stamp::of(&found.files);
            if self.seen.get(&found.path) == Some(&stamp) {
                continue;
            }
            let path = found.path.clone();
            match Opened::of(found, &limits) {
                Ok(opened) => fresh.push(opened),
                Err(error) => broken.push((path, stamp, error)),
            }
        }
        self.follow(&fresh)?;
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
            let form = self.followed.as_ref().map_or(Form::Weights, |f| f.form);
            let point = opened.read(form, &limits);
            let path = opened.path.clone();
            match point {
                Ok(point) => {
                    self.pending.remove(&path);
                    let admitted = self.admit(&opened, point.is_finite)?;
                    self.seen.insert(path.clone(), opened.stamp);
                    match admitted {
                        Err(why) => {
                            let shown = printable(&path.to_string_lossy());
                            sink(Event::Problem(problem(&path, format!("{shown}: {why}"))))?;
                        }
                        Ok(in_hand) => {
                            let kept = self.keep_now(&in_hand, &point.values)?;
                            let event = self.judge(in_hand, &point.values, None)?;
                            let is_alarm =
                                matches!(&event, Event::Checkpoint(line) if line.is_new_alarm());
                            sink(event)?;
                            if let Some(state) = kept.filter(|_| is_alarm) {
                                self.done(state)?;
                            }
                        }
                    }
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
    ///
    /// # Errors
    /// When the accredited checkpoint cannot be read in the form in which this is followed.
    fn follow(&mut self, fresh: &[Opened]) -> Result<()> {
        if self.followed.is_some() {
            return Ok(());
        }
        let Some(newest) = fresh.iter().max_by_key(|opened| opened.saved) else {
            return Ok(());
        };
        let is_sketch =
            newest.is_sketch() || self.accredited.as_ref().is_some_and(Accredited::is_sketch);
        let form = if is_sketch {
            Form::Sketches
        } else {
            form(&newest.layout, &self.options)
        };
        if let Some(accredited) = &mut self.accredited {
            accredited.take_form(form, &self.options.limits)?;
        }
        self.followed = Some({
            let units = fresh
                .iter()
                .filter(|opened| opened.claims.run == newest.claims.run)
                .filter_map(|opened| Some(opened.claims.position?.unit));
            Followed {
                layout: newest.layout.clone(),
                run: newest.claims.run.clone(),
                unit: units.min(),
                newest: None,
                form,
                judged: 0,
            }
        });
        Ok(())
    }

    fn sort(&self, fresh: &mut [Opened]) {
        let is_claimed = self.followed.as_ref().is_some_and(|f| f.unit.is_some());
        let time = |opened: &Opened| opened.saved.unwrap_or(SystemTime::UNIX_EPOCH);
        fresh.sort_by(|a, b| {
            let claimed = is_claimed.then(|| a.position().cmp(&b.position()));
            let claimed = claimed.unwrap_or(std::cmp::Ordering::Equal);
            claimed
                .then_with(|| time(a).cmp(&time(b)))
                .then_with(|| a.path.cmp(&b.path))
        });
    }

    /// Whether a checkpoint is judged, or why not.
    fn admit(&mut self, opened: &Opened, is_finite: bool) -> Result<Result<InHand, String>> {
        let was_seen = self.seen.contains_key(&opened.path);
        let Some(followed) = self.followed.as_mut() else {
            return Ok(Err("no run is followed".to_owned()));
        };
        let left_out = |why: &str| Ok(Err(why.to_owned()));
        if opened.layout != followed.layout {
            return left_out("its tensors are not those of the training that is followed");
        }
        if opened.claims.run.as_ref().map(|run| &run.value)
            != followed.run.as_ref().map(|run| &run.value)
        {
            return left_out("it claims another run; watch the folder of one run");
        }
        if !is_finite {
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
        Ok(Ok(InHand {
            path: opened.path.clone().into(),
            position: opened.claims.position,
            saved: opened.saved,
            went_back,
        }))
    }

    /// Judges a checkpoint. `left`: that it was in hand when the watch before this one ended, and
    /// whether all was done for it.
    fn judge(&mut self, in_hand: InHand, values: &[f32], left: Option<bool>) -> Result<Event> {
        let reading = self.detector.push(values)?;
        if let Some(motion) = &reading.motion {
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(motion.step_length);
        }
        let continues = self.continues(reading.verdict.as_ref());
        let (mut number, mut since) = (0, None);
        if let Some(followed) = &mut self.followed {
            number = followed.judged;
            followed.judged += 1;
            if let Some(accredited) = &self.accredited {
                let distance = accredited.distance(&followed.layout, values)?;
                since = Some(distance / median(&self.recent)).filter(|since| since.is_finite());
            }
        }
        let path = PathBuf::from(in_hand.path);
        let name = path.strip_prefix(&self.directory).unwrap_or(&path);
        Ok(Event::Checkpoint(Box::new(Line {
            name: printable(&name.to_string_lossy()),
            saved: in_hand.saved,
            position: in_hand.position,
            number,
            reading,
            since_accredited: since,
            went_back: in_hand.went_back,
            continues,
            again: left.is_some(),
            is_told: left.unwrap_or(false),
            path,
        })))
    }

    /// Puts all that is known on disk, with the checkpoint in hand, if it is to be kept.
    fn keep_now(&self, in_hand: &InHand, values: &[f32]) -> Result<Option<State>> {
        let (Some(path), Some(followed)) = (&self.state, &self.followed) else {
            return Ok(None);
        };
        let mut header = Header::new(
            self.real_directory(),
            followed.clone(),
            self.detector.tracks(),
            in_hand.clone(),
            values.len(),
        );
        let seen = self.seen.iter();
        header.seen = seen
            .map(|(path, stamp)| (path.clone().into(), stamp.clone()))
            .collect();
        header.seen.sort_by(|(a, _), (b, _)| a.cmp(b));
        header.recent = self.recent.iter().map(|step| step.to_bits()).collect();
        header.alarm = self.alarm;
        let vectors = std::iter::once(values).chain(self.detector.vectors());
        let vectors = vectors.map(<[f32]>::to_vec).collect();
        let state = State { header, vectors };
        state.write(path)?;
        Ok(Some(state))
    }

    /// Notes on disk that an alarm was told, and its command has ended.
    fn done(&self, mut state: State) -> Result<()> {
        state.header.is_told = true;
        match &self.state {
            Some(path) => state.write(path),
            None => Ok(()),
        }
    }

    /// As [`done`](Self::done), for the checkpoint that was in hand at the start.
    fn note_told(&self) -> Result<()> {
        let Some(path) = &self.state else {
            return Ok(());
        };
        match State::read(path)? {
            Some(state) if !state.header.is_told => self.done(state),
            _ => Ok(()),
        }
    }

    /// Adds what is new in the files of sketches, where there is nothing but these.
    fn find_sketches(
        &mut self,
        fresh: &mut Vec<Opened>,
        broken: &mut Vec<(PathBuf, Stamp, anyhow::Error)>,
    ) {
        if self
            .followed
            .as_ref()
            .is_some_and(|f| f.form == Form::Weights)
        {
            return;
        }
        for file in sketches::in_folder(&self.directory) {
            let stamp = Stamp::of(std::slice::from_ref(&file));
            if self.seen.get(&file) == Some(&stamp) {
                continue;
            }
            match Opened::of_sketches(&file) {
                Ok(opened) => {
                    self.pending.remove(&file);
                    let is_new = |one: &Opened| self.seen.get(&one.path) != Some(&one.stamp);
                    fresh.extend(opened.into_iter().filter(is_new));
                    self.seen.insert(file, stamp);
                }
                Err(error) => broken.push((file, stamp, error)),
            }
        }
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

/// What is followed of checkpoints with these tensors.
fn form(layout: &[TensorShape], options: &Options) -> Form {
    if parameters(layout).saturating_mul(4 * HELD) > options.memory {
        Form::Sketches
    } else {
        Form::Weights
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
