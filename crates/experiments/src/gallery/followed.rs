//! What detectors see of a training of the gallery: one signal for every checkpoint.

use super::training::{Saved, Training, Weights};
use crate::shifts::fixed::{Fixed, FixedThresholds};
use anyhow::{Context, Result};
use std::collections::VecDeque;
use trajectory::shift::{Cause, Detector, Threshold, Verdict};
use weightspace::sketch::{Parameters, Sketcher};
use weightspace::statistics::median;

/// Numbers in the sketches that are followed beside the weights.
pub(super) const SKETCHES: [usize; 2] = [1024, 4096];
/// Checkpoints whose median is the usual value of what a trainer logs.
const RECENT: usize = 5;

/// What one checkpoint tells the detectors.
#[derive(Clone)]
pub(super) struct Signal {
    pub(super) ours: Verdict,
    /// What the alarm before turns out to have been.
    revised: Option<Cause>,
    /// By sketches instead of weights.
    pub(super) sketched: [Option<Verdict>; SKETCHES.len()],
    /// By version 0.1.
    pub(super) fixed: Fixed,
    /// ln(value ÷ its usual value) of the loss, the norm of the gradient, and the update ÷ the weights.
    pub(super) logged: [f64; 3],
    /// Whether the schedule lowered the rate at once on the way to it.
    pub(super) scheduled: bool,
}

/// A training after an event.
pub(super) struct Case {
    pub(super) kind: String,
    pub(super) event: String,
    pub(super) first: Signal,
    pub(super) second: Option<Signal>,
    /// The cause of the alarm at the first checkpoint, as it stands two checkpoints later.
    pub(super) cause: Cause,
}

/// A training, followed with all that happened to it.
pub(super) struct Followed {
    pub(super) training: Training,
    /// Of the training that was left alone.
    pub(super) undisturbed: Vec<Signal>,
    pub(super) cases: Vec<Case>,
}

/// Follows a training: checkpoints in, signals out.
#[derive(Clone)]
struct Follower {
    detector: Detector,
    sketched: [Detector; SKETCHES.len()],
    fixed: FixedThresholds,
    logged: [VecDeque<f64>; 3],
    step: Option<u64>,
}

impl Followed {
    pub(super) fn new(training: Training) -> Result<Self> {
        let first = training
            .base
            .first()
            .context("a training without checkpoints")?;
        let first = training.weights(first)?;
        let mut follower = Follower::new(&first)?;
        let mut undisturbed = Vec::new();
        let mut cases = Vec::new();
        for (number, saved) in training.base.iter().enumerate() {
            undisturbed.extend(follower.push(&training, saved)?);
            for (event, branch) in &training.events {
                if branch.from != number || event == "none" {
                    continue;
                }
                let mut branched = follower.clone();
                let mut checkpoints = branch.checkpoints.iter();
                let mut next = || {
                    let signal = checkpoints.next();
                    signal
                        .map(|saved| branched.push(&training, saved))
                        .transpose()
                };
                let (first, second, third) =
                    (next()?.flatten(), next()?.flatten(), next()?.flatten());
                let mut later = second.iter().chain(&third);
                let revised = later.find_map(|signal| signal.revised);
                cases.extend(first.map(|first| Case {
                    cause: revised.unwrap_or(first.ours.cause),
                    kind: training.kind.clone(),
                    event: event.clone(),
                    first,
                    second,
                }));
            }
        }
        Ok(Self {
            training,
            undisturbed,
            cases,
        })
    }
}

impl Follower {
    fn new(first: &Weights) -> Result<Self> {
        let threshold = Threshold::built_in();
        let sketched = Detector::new(threshold, &[])?;
        Ok(Self {
            detector: Detector::new(threshold, &first.tensors)?,
            sketched: [sketched.clone(), sketched],
            fixed: FixedThresholds::default(),
            logged: Default::default(),
            step: None,
        })
    }

    fn push(&mut self, training: &Training, saved: &Saved) -> Result<Option<Signal>> {
        let weights = training.weights(saved)?;
        let before = self.step.replace(saved.step);
        let interval = before.map_or(1.0, |before| saved.step.saturating_sub(before) as f64);
        let reading = self
            .detector
            .push_after(interval.max(1.0), &weights.values)?;
        let mut sketched = [None, None];
        for (number, dimensions) in SKETCHES.into_iter().enumerate() {
            let (sketch, prints) = sketch(&weights, dimensions)?;
            let detector = &mut self.sketched[number];
            let reading = detector.push_printed(interval.max(1.0), &sketch, &prints)?;
            sketched[number] = reading.verdict;
        }
        let fixed = reading
            .motion
            .as_ref()
            .map(|motion| self.fixed.push(motion));
        let values = [saved.loss, saved.gradient_norm, saved.update_to_weight];
        let logged = [0, 1, 2].map(|kind| {
            let past = &mut self.logged[kind];
            let usual = median(past.iter().copied());
            let now = values[kind].unwrap_or(f64::NAN);
            if past.len() == RECENT {
                past.pop_front();
            }
            past.push_back(now);
            (now / usual).ln()
        });
        let scheduled = before.is_some_and(|before| training.drops_between(before, saved.step));
        let judged = reading.verdict.zip(fixed.flatten());
        Ok(judged.map(|(ours, fixed)| Signal {
            ours,
            revised: reading.revised,
            sketched,
            fixed,
            logged,
            scheduled,
        }))
    }
}

/// The values of the sketch of a checkpoint, and fingerprints of its tensors.
fn sketch(weights: &Weights, dimensions: usize) -> Result<(Vec<f32>, Vec<u64>)> {
    let mut sketcher = Sketcher::new(Parameters {
        dimensions,
        ..Parameters::default()
    })?;
    for (number, range) in weights.tensors.iter().enumerate() {
        let mut tensor = sketcher.tensor(&number.to_string(), &[range.len()]);
        tensor.feed(&weights.values[range.clone()]);
        sketcher.add(tensor.finish())?;
    }
    let sketch = sketcher.finish();
    let prints = sketch.tensors.iter().map(|tensor| tensor.fingerprint);
    let prints = prints.collect();
    Ok((sketch.values, prints))
}
