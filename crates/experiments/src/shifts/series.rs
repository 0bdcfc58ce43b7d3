//! What detectors see: one signal for every checkpoint of a run.

use super::super::world::World;
use super::changes::{Change, Kind};
use super::fixed::{Fixed, FixedThresholds};
use crate::thinned::null_points;
use anyhow::Result;
use std::collections::VecDeque;
use std::ops::Range;
use trajectory::shift::{Detector, Threshold, Verdict};
use weightspace::statistics::median;
use zoo_training::{Architecture, Dataset, Engine, Population};

/// Checkpoints whose median loss is the usual one.
const RECENT: usize = 5;
/// Images that models are tested on where only their weights matter.
const FEW_IMAGES: usize = 100;
/// Images that tell how strong a shift is.
const TRIAL_IMAGES: usize = 2000;

/// What one checkpoint tells the detectors.
#[derive(Clone)]
pub(super) struct Signal {
    pub(super) verdict: Verdict,
    pub(super) fixed: Fixed,
    /// ln(training loss ÷ its median over recent epochs).
    pub(super) loss: f64,
    /// ln(step length ÷ its recent median) of every layer.
    pub(super) layers: Vec<f64>,
}

/// One model after a change: the signals of the checkpoints that follow it.
pub(super) struct Changed {
    pub(super) change: usize,
    pub(super) seed: u64,
    pub(super) after: Vec<Signal>,
}

/// All changes of models of one architecture.
pub(super) struct Trial {
    /// Of each change: mean accuracy of the models on its images ÷ that on the old ones, before
    /// they learn from them.
    pub(super) accuracy_kept: Vec<f64>,
    pub(super) changed: Vec<Changed>,
}

/// Follows one run: weights and training losses in, signals out.
struct Follower {
    detector: Detector,
    fixed: FixedThresholds,
    losses: VecDeque<f64>,
    /// ln(step length) of every layer over the newest steps.
    layers: VecDeque<Vec<f64>>,
}

impl Follower {
    fn new(architecture: Architecture) -> Result<Self> {
        Ok(Self {
            detector: Detector::new(Threshold::built_in(), &layers(architecture))?,
            fixed: FixedThresholds::default(),
            losses: VecDeque::new(),
            layers: VecDeque::new(),
        })
    }

    fn push(&mut self, weights: &[f32], train_loss: f64) -> Result<Option<Signal>> {
        let reading = self.detector.push(weights)?;
        let usual = median(self.losses.iter().copied());
        if self.losses.len() == RECENT {
            self.losses.pop_front();
        }
        self.losses.push_back(train_loss);
        let lengths: Vec<f64> = reading
            .tensors
            .iter()
            .map(|layer| layer.map_or(f64::NAN, |motion| motion.step_length.ln()))
            .collect();
        let layers = lengths.iter().enumerate().map(|(layer, now)| {
            let past = self.layers.iter().map(|lengths| lengths[layer]);
            now - median(past)
        });
        let layers = layers.collect();
        if self.layers.len() == RECENT {
            self.layers.pop_front();
        }
        self.layers.push_back(lengths);
        let fixed = reading
            .motion
            .as_ref()
            .map(|motion| self.fixed.push(motion));
        let judged = reading.verdict.zip(fixed.flatten());
        Ok(judged.map(|(verdict, fixed)| Signal {
            verdict,
            fixed,
            loss: (train_loss / usual).ln(),
            layers,
        }))
    }
}

fn layers(architecture: Architecture) -> Vec<Range<usize>> {
    let mut start = 0;
    let tensors = architecture.layout().iter();
    tensors
        .map(|tensor| {
            let range = start..start + tensor.parameters();
            start = range.end;
            range
        })
        .collect()
}

/// The signals of every run of a zoo, each with the run's seed; nothing changes in them.
pub(super) fn undisturbed(world: &World, zoo: &str) -> Result<Vec<(u64, Vec<Signal>)>> {
    let zoo = world.zoo(zoo)?;
    let points = &zoo.points;
    let matrix = points.matrix();
    std::iter::zip(points.runs(), points.true_order())
        .map(|(&seed, order)| {
            let mut follower = Follower::new(zoo.zoo.recipe.architecture)?;
            let mut signals = Vec::new();
            for point in order {
                let column = matrix.column(point as usize);
                let loss = points.checkpoints()[point as usize].train_loss;
                let loss = loss.map_or(f64::NAN, f64::from);
                signals.extend(follower.push(column.as_slice(), loss)?);
            }
            Ok((seed, signals))
        })
        .collect()
}

/// The signals of random walks, and of independent points.
pub(super) fn nulls(world: &World) -> Result<Vec<(&'static str, Vec<Signal>)>> {
    let mut nulls = Vec::new();
    for null in null_points(world)? {
        let (points, runs, ranks) = (null.matrix, null.labels, null.ranks);
        let mut order: Vec<usize> = (0..points.ncols()).collect();
        order.sort_unstable_by_key(|&point| (runs[point], ranks[point]));
        let mut signals = Vec::new();
        for run in order.chunk_by(|&a, &b| runs[a] == runs[b]) {
            let mut follower = Follower::new(Architecture::Mlp)?;
            for &point in run {
                signals.extend(follower.push(points.column(point).as_slice(), f64::NAN)?);
            }
        }
        nulls.push((null.name, signals));
    }
    Ok(nulls)
}

/// Trains models, changes something at each onset, and trains on for `after` epochs.
pub(super) fn trial(
    world: &World,
    mut models: Population,
    changes: &[Change],
    onsets: &[u32],
    after: usize,
) -> Result<Trial> {
    let engine = world.engine.as_ref();
    let data = Dataset {
        test: world.data.test.take(FEW_IMAGES),
        ..world.data.clone()
    };
    let sets: Vec<Dataset> = changes
        .iter()
        .map(|change| Dataset {
            train: change.images.clone().unwrap_or_else(|| data.train.clone()),
            ..data.clone()
        })
        .collect();
    let mut past: Vec<(Vec<f32>, Vec<f64>)> = Vec::new();
    let mut trial = Trial {
        accuracy_kept: Vec::new(),
        changed: Vec::new(),
    };
    for &onset in onsets {
        while models.epoch < onset {
            past.push(epoch(engine, &mut models, &data)?);
        }
        if trial.accuracy_kept.is_empty() {
            trial.accuracy_kept = accuracy_kept(engine, &models, &sets)?;
        }
        for (number, (change, set)) in std::iter::zip(changes, &sets).enumerate() {
            let mut branch = models.clone();
            (change.models)(&mut branch);
            let mut future = Vec::new();
            for _ in 0..after {
                future.push(epoch(engine, &mut branch, set)?);
            }
            for (model, &seed) in models.seeds.iter().enumerate() {
                let after = signals(&models, model, &past, &future)?;
                trial.changed.push(Changed {
                    change: number,
                    seed,
                    after,
                });
            }
        }
    }
    Ok(trial)
}

fn epoch(
    engine: &dyn Engine,
    models: &mut Population,
    data: &Dataset,
) -> Result<(Vec<f32>, Vec<f64>)> {
    let metrics = engine.train_epoch(models, data, &|_| ())?;
    let losses = metrics.iter().map(|metrics| f64::from(metrics.train_loss));
    Ok((models.weights.clone(), losses.collect()))
}

/// The signals of one model after the change.
fn signals(
    models: &Population,
    model: usize,
    past: &[(Vec<f32>, Vec<f64>)],
    future: &[(Vec<f32>, Vec<f64>)],
) -> Result<Vec<Signal>> {
    let mut follower = Follower::new(models.recipe.architecture)?;
    let parameters = models.parameters();
    let mut after = Vec::new();
    for (number, (weights, losses)) in past.iter().chain(future).enumerate() {
        let weights = &weights[model * parameters..][..parameters];
        let signal = follower.push(weights, losses[model])?;
        if number >= past.len() {
            after.extend(signal);
        }
    }
    Ok(after)
}

fn accuracy_kept(engine: &dyn Engine, models: &Population, sets: &[Dataset]) -> Result<Vec<f64>> {
    let accuracy = |set: &Dataset| -> Result<f64> {
        let trial = Dataset {
            train: set.train.take(1),
            test: set.train.take(TRIAL_IMAGES),
            name: set.name.clone(),
        };
        let metrics = engine.test(models, &trial)?;
        let sum: f64 = metrics.iter().map(|m| f64::from(m.test_accuracy)).sum();
        Ok(sum / metrics.len() as f64)
    };
    let all: Vec<f64> = sets.iter().map(accuracy).collect::<Result<_>>()?;
    Ok(all.iter().map(|accuracy| accuracy / all[0]).collect())
}

/// Whether a change is a strong shift: of data, and such that the models lose half of what they
/// could do.
pub(super) fn is_strong(change: &Change, accuracy_kept: f64) -> bool {
    change.kind == Kind::Data && accuracy_kept < 0.5
}
