//! Defects as published series have them, planted where the truth is known.

use super::series::{Series, file_name, sketch_of, to_bf16};
use crate::gallery::training::Training;
use modeltrail::audit::Kind;
use modeltrail::collection::sketches::Kept;
use std::collections::BTreeMap;
use weightspace::random::{ChaCha8Rng, below, normal, permutation};

/// What can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Defect {
    Copy,
    ServesEnd,
    Swapped,
    OtherRun,
    Resaved,
    Chimera,
    ForeignShard,
    StaleShard,
    Stale,
    Still,
    Foreign,
    Anew,
    AnewAndOn,
    HalfZero,
    MeanOfNeighbours,
    MovingAverage,
    FellBack,
    Restarted,
    Older,
    Rounded,
    Relabelled,
    Missing,
    NotFinite,
    Transposed,
    Permuted,
    Tied,
    Lacking,
}

/// What is planted into every series.
pub(crate) const KINDS: [Defect; 26] = [
    Defect::Copy,
    Defect::ServesEnd,
    Defect::Swapped,
    Defect::OtherRun,
    Defect::Resaved,
    Defect::Chimera,
    Defect::ForeignShard,
    Defect::StaleShard,
    Defect::Stale,
    Defect::Still,
    Defect::Foreign,
    Defect::Anew,
    Defect::AnewAndOn,
    Defect::HalfZero,
    Defect::MeanOfNeighbours,
    Defect::MovingAverage,
    Defect::FellBack,
    Defect::Restarted,
    Defect::Rounded,
    Defect::Relabelled,
    Defect::Missing,
    Defect::NotFinite,
    Defect::Transposed,
    Defect::Permuted,
    Defect::Tied,
    Defect::Lacking,
];

impl Defect {
    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy of another step",
            Self::ServesEnd => "serves the last step's weights",
            Self::Swapped => "two steps swapped",
            Self::OtherRun => "step of another run",
            Self::Resaved => "another step, saved anew in other bits",
            Self::Chimera => "file of another step",
            Self::ForeignShard => "file of another run",
            Self::StaleShard => "file of the step before",
            Self::Stale => "tensor of the step before (update not saved)",
            Self::Still => "tensor stands still for some steps",
            Self::Foreign => "tensor of another run",
            Self::Anew => "tensor initialised anew",
            Self::AnewAndOn => "the same, and trained on",
            Self::HalfZero => "half of a tensor zero",
            Self::MeanOfNeighbours => "mean of both neighbours",
            Self::MovingAverage => "mean of the last three",
            Self::FellBack => "fell back",
            Self::Restarted => "resumed from an earlier step",
            Self::Older => "resumed from an earlier step (trained so)",
            Self::Rounded => "rounded to bf16, stored as before",
            Self::Relabelled => "stored as another type",
            Self::Missing => "step missing",
            Self::NotFinite => "some values NaN",
            Self::Transposed => "tensor transposed",
            Self::Permuted => "rows of a tensor permuted",
            Self::Tied => "tied tensor out of step",
            Self::Lacking => "tensor missing",
        }
    }

    /// What may be said of it.
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Copy | Self::ServesEnd => &[Kind::Copy],
            Self::Swapped => &[Kind::Swapped],
            Self::OtherRun => &[Kind::Misplaced],
            Self::Resaved => &[Kind::Misplaced, Kind::Copy],
            Self::Chimera => &[Kind::Chimera],
            Self::ForeignShard | Self::Foreign | Self::Anew => &[Kind::Foreign],
            Self::StaleShard | Self::Stale => &[Kind::Stale],
            Self::Still => &[Kind::Still, Kind::Stale],
            Self::AnewAndOn => &[Kind::Reinitialised],
            Self::HalfZero => &[Kind::Zeros],
            Self::MeanOfNeighbours | Self::MovingAverage => &[Kind::Average],
            Self::FellBack => &[Kind::FellBack],
            Self::Restarted | Self::Older => &[Kind::Restarted],
            Self::Rounded | Self::Relabelled => &[Kind::Dtype],
            Self::Missing => &[Kind::Missing],
            Self::NotFinite => &[Kind::NotFinite],
            Self::Transposed | Self::Permuted => &[Kind::Rearranged],
            Self::Tied => &[Kind::Tied],
            Self::Lacking => &[Kind::Layout],
        }
    }

    /// Whether it changes one step alone, so that several fit into one series.
    pub(crate) fn goes_with_others(self) -> bool {
        !matches!(
            self,
            Self::FellBack
                | Self::Restarted
                | Self::AnewAndOn
                | Self::Missing
                | Self::Tied
                | Self::ServesEnd
                | Self::Still
        )
    }

    /// Steps that it needs before and behind it.
    fn room(self) -> (usize, usize) {
        match self {
            Self::Swapped => (0, 1),
            Self::StaleShard | Self::Stale => (1, 0),
            Self::Still => (2, 5),
            Self::AnewAndOn => (4, 4),
            Self::MeanOfNeighbours => (1, 1),
            Self::MovingAverage => (2, 0),
            Self::FellBack | Self::Restarted => (8, 3),
            Self::ServesEnd => (0, 1),
            Self::Missing => (2, 2),
            _ => (0, 0),
        }
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    pub(crate) defect: Defect,
    /// Claimed positions.
    pub(crate) steps: Vec<u64>,
    /// Names of the tensors; none where it is all of them.
    pub(crate) tensors: Option<Vec<String>>,
    /// The file, where it is one.
    pub(crate) shard: Option<String>,
    /// The step that it equals or comes from.
    pub(crate) other: Option<u64>,
    pub(crate) is_end: bool,
}

/// A series with defects: what differs from the sound one.
pub(crate) struct Planted {
    pub(crate) truth: Vec<Truth>,
    /// By step and tensor: other values.
    changed: BTreeMap<(usize, usize), Vec<f32>>,
    /// Steps stored as another type.
    relabelled: BTreeMap<usize, &'static str>,
    removed: Option<usize>,
    lacking: BTreeMap<usize, usize>,
    tied: Option<usize>,
}

/// Tries to find places for several defects.
const TRIES: usize = 60;

impl Planted {
    fn none() -> Self {
        Self {
            truth: Vec::new(),
            changed: BTreeMap::new(),
            relabelled: BTreeMap::new(),
            removed: None,
            lacking: BTreeMap::new(),
            tied: None,
        }
    }

    /// Plants defects at drawn steps, at least two apart. At place 0 the first is at the first step that it
    /// can be at, at place 1 at the last.
    pub(crate) fn draw(
        series: &Series,
        foreign: Option<&Series>,
        kinds: &[Defect],
        place: u64,
        random: &mut ChaCha8Rng,
    ) -> Option<Self> {
        let mut planted = Self::none();
        let count = series.steps.len();
        let mut taken: Vec<usize> = Vec::new();
        for &kind in kinds {
            let (before, behind) = kind.room();
            let last = count - 1 - behind;
            for _ in 0..TRIES {
                let step = match place {
                    0 => before,
                    1 => last,
                    _ => before + below((last - before + 1) as u32, random) as usize,
                };
                if taken.iter().all(|other| other.abs_diff(step) > 2) {
                    if planted.plant(series, foreign, kind, step, random) {
                        taken.push(step);
                    }
                    break;
                }
            }
        }
        (!planted.truth.is_empty()).then_some(planted)
    }

    /// The gallery's own: weights and optimiser of five checkpoints before, trained on.
    pub(crate) fn older(series: &Series, training: &Training) -> Self {
        let from = training.events.get("older").map_or(0, |branch| branch.from);
        let mut planted = Self::none();
        let other = series.steps[from.saturating_sub(5)];
        planted.note(series, Defect::Older, &[from + 1], None, None, Some(other));
        planted
    }

    fn note(
        &mut self,
        series: &Series,
        defect: Defect,
        steps: &[usize],
        tensors: Option<Vec<usize>>,
        file: Option<usize>,
        other: Option<u64>,
    ) {
        let last = series.steps.len() - 1;
        self.truth.push(Truth {
            defect,
            steps: steps.iter().map(|&step| series.steps[step]).collect(),
            tensors: tensors.map(|all| {
                all.iter()
                    .map(|&tensor| series.names[tensor].clone())
                    .collect()
            }),
            shard: file.map(file_name),
            other,
            is_end: steps.iter().any(|&step| step == 0 || step == last),
        });
    }

    /// Plants one; whether that is possible.
    fn plant(
        &mut self,
        series: &Series,
        foreign: Option<&Series>,
        defect: Defect,
        t: usize,
        random: &mut ChaCha8Rng,
    ) -> bool {
        let count = series.steps.len();
        let mut any = |bound: usize| below(bound as u32, random) as usize;
        let all = 0..series.names.len();
        // Another step, not a neighbour.
        let far = loop {
            let s = any(count);
            if s.abs_diff(t) > 2 {
                break s;
            }
        };
        // A matrix of some size that moves, and one of any kind.
        let moving: Vec<usize> = all
            .clone()
            .filter(|&i| (1..count).all(|s| series.weights[s][i] != series.weights[s - 1][i]))
            .collect();
        let matrices: Vec<usize> = moving
            .iter()
            .copied()
            .filter(|&i| series.shapes[i].len() >= 2 && series.weights[0][i].len() >= 256)
            .collect();
        if matrices.is_empty() {
            return false;
        }
        let matrix = matrices[any(matrices.len())];
        let tensor = moving[any(moving.len())];
        let file = any(3);
        let of_file = |file: usize| all.clone().filter(move |&i| series.file[i] == file);
        let weights = &series.weights;
        match defect {
            Defect::Copy | Defect::ServesEnd => {
                let s = match defect {
                    Defect::ServesEnd => count - 1,
                    _ if any(2) == 0 && t > 0 => t - 1,
                    _ => far,
                };
                all.for_each(|i| self.put(t, i, weights[s][i].clone()));
                self.note(series, defect, &[t], None, None, Some(series.steps[s]));
            }
            Defect::Swapped => {
                let u = (t + 1 + any(4)).min(count - 1);
                for i in all {
                    self.put(t, i, weights[u][i].clone());
                    self.put(u, i, weights[t][i].clone());
                }
                self.note(series, defect, &[t, u], None, None, None);
            }
            Defect::OtherRun => {
                let Some(foreign) = foreign else { return false };
                all.for_each(|i| self.put(t, i, foreign.weights[t][i].clone()));
                self.note(series, defect, &[t], None, None, None);
            }
            Defect::Resaved => {
                if series.is_on_bf16 {
                    return false;
                }
                for i in all {
                    let values = weights[far][i].iter();
                    self.put(t, i, values.map(|value| value * (1.0 + 1e-6)).collect());
                }
                self.note(series, defect, &[t], None, None, Some(series.steps[far]));
            }
            Defect::Chimera | Defect::StaleShard => {
                let s = if defect == Defect::Chimera {
                    far
                } else {
                    t - 1
                };
                if of_file(file).all(|i| weights[s][i] == weights[t][i]) {
                    return false;
                }
                of_file(file).for_each(|i| self.put(t, i, weights[s][i].clone()));
                let tensors = of_file(file).collect();
                let other = Some(series.steps[s]);
                self.note(series, defect, &[t], Some(tensors), Some(file), other);
            }
            Defect::ForeignShard => {
                let Some(foreign) = foreign else { return false };
                of_file(file).for_each(|i| self.put(t, i, foreign.weights[t][i].clone()));
                let tensors = of_file(file).collect();
                self.note(series, defect, &[t], Some(tensors), Some(file), None);
            }
            Defect::Stale => {
                self.put(t, matrix, weights[t - 1][matrix].clone());
                let other = Some(series.steps[t - 1]);
                self.note(series, defect, &[t], Some(vec![matrix]), None, other);
            }
            Defect::Still => {
                let until = t + 1 + any(4);
                let steps: Vec<usize> = (t..=until).collect();
                for &step in &steps {
                    self.put(step, matrix, weights[t - 1][matrix].clone());
                }
                let other = Some(series.steps[t - 1]);
                self.note(series, defect, &steps, Some(vec![matrix]), None, other);
            }
            Defect::Foreign => {
                let Some(foreign) = foreign else { return false };
                self.put(t, matrix, foreign.weights[t][matrix].clone());
                self.note(series, defect, &[t], Some(vec![matrix]), None, None);
            }
            Defect::Anew | Defect::AnewAndOn => {
                let own = &weights[t][matrix];
                let square: f32 = own.iter().map(|value| value * value).sum();
                let size = (square / own.len() as f32).sqrt();
                let fresh: Vec<f32> = own.iter().map(|_| size * normal(random) as f32).collect();
                let until = if defect == Defect::Anew { t + 1 } else { count };
                for (step, there) in weights.iter().enumerate().take(until).skip(t) {
                    let moved = there[matrix].iter().zip(own);
                    let values = fresh
                        .iter()
                        .zip(moved)
                        .map(|(fresh, (now, then))| fresh + (now - then));
                    self.put(step, matrix, series.rounded(values));
                }
                self.note(series, defect, &[t], Some(vec![matrix]), None, None);
            }
            Defect::HalfZero => {
                let mut values = weights[t][tensor].clone();
                let half = values.len() / 2;
                if half < 4 {
                    return false;
                }
                values.iter_mut().take(half).for_each(|value| *value = 0.0);
                if values == weights[t][tensor]
                    || weights[t][tensor].iter().filter(|v| **v == 0.0).count() > 0
                {
                    return false;
                }
                self.put(t, tensor, values);
                self.note(series, defect, &[t], Some(vec![tensor]), None, None);
            }
            Defect::MeanOfNeighbours | Defect::MovingAverage => {
                let of: Vec<usize> = match defect {
                    Defect::MeanOfNeighbours => vec![t - 1, t + 1],
                    _ => vec![t - 2, t - 1, t],
                };
                for i in all {
                    let means = (0..weights[t][i].len()).map(|k| {
                        let sum: f32 = of.iter().map(|&s| weights[s][i][k]).sum();
                        sum / of.len() as f32
                    });
                    self.put(t, i, series.rounded(means));
                }
                self.note(series, defect, &[t], None, None, None);
            }
            Defect::FellBack | Defect::Restarted => {
                let s = t - 3 - any(4);
                let then = if defect == Defect::FellBack { t } else { t - 1 };
                for step in t..count {
                    for i in all.clone() {
                        let moved = weights[step][i].iter().zip(&weights[then][i]);
                        let values = weights[s][i]
                            .iter()
                            .zip(moved)
                            .map(|(from, (now, then))| from + (now - then));
                        self.put(step, i, series.rounded(values));
                    }
                }
                self.note(series, defect, &[t], None, None, Some(series.steps[s]));
            }
            Defect::Rounded => {
                if series.is_on_bf16 {
                    return false;
                }
                for i in all {
                    let values = weights[t][i].iter();
                    self.put(t, i, values.map(|&value| to_bf16(value)).collect());
                }
                self.note(series, defect, &[t], None, None, None);
            }
            Defect::Relabelled => {
                let (other, factor) = match series.dtype {
                    "bf16" => ("f32", 1.0 + 1e-4),
                    _ => ("bf16", 1.0),
                };
                for i in all {
                    let values = weights[t][i].iter().map(|&value| match other {
                        "bf16" => to_bf16(value),
                        _ => value * factor,
                    });
                    self.put(t, i, values.collect());
                }
                self.relabelled.insert(t, other);
                self.note(series, defect, &[t], None, None, None);
            }
            Defect::Missing => {
                if !["steps", "epoch"].contains(&series.spacing.as_str()) {
                    return false;
                }
                self.removed = Some(t);
                self.note(series, defect, &[t], None, None, None);
            }
            Defect::NotFinite => {
                let mut values = weights[t][tensor].clone();
                if let Some(value) = values.first_mut() {
                    *value = f32::NAN;
                }
                self.put(t, tensor, values);
                self.note(series, defect, &[t], Some(vec![tensor]), None, None);
            }
            Defect::Transposed | Defect::Permuted => {
                let columns: usize = series.shapes[matrix][1..].iter().product();
                let own = &weights[t][matrix];
                let rows = own.len() / columns;
                let order = permutation(rows as u32, random);
                let values: Vec<f32> = (0..own.len())
                    .map(|k| match defect {
                        Defect::Transposed => own[(k % rows) * columns + k / rows],
                        _ => own[order[k / columns] as usize * columns + k % columns],
                    })
                    .collect();
                if values == *own {
                    return false;
                }
                self.put(t, matrix, values);
                self.note(series, defect, &[t], Some(vec![matrix]), None, None);
            }
            Defect::Tied => {
                self.tied = Some(matrix);
                self.note(series, defect, &[t], Some(vec![matrix]), None, None);
                if let Some(truth) = self.truth.last_mut() {
                    truth.tensors = Some(vec![series.names[matrix].clone(), TIED.to_owned()]);
                }
                // The copy has the values of another step.
                self.put(
                    t,
                    series.names.len(),
                    weights[if t > 0 { t - 1 } else { 1 }][matrix].clone(),
                );
            }
            Defect::Lacking => {
                self.lacking.insert(t, tensor);
                self.note(series, defect, &[t], Some(vec![tensor]), None, None);
            }
            Defect::Older => return false,
        }
        true
    }

    fn put(&mut self, step: usize, tensor: usize, values: Vec<f32>) {
        self.changed.insert((step, tensor), values);
    }

    /// The sketches of the series with its defects.
    pub(crate) fn sketched(&self, series: &Series, clean: &[Kept], size: usize) -> Vec<Kept> {
        let mut kept: Vec<Kept> = clean
            .iter()
            .map(|kept| Kept {
                name: kept.name.clone(),
                claims: kept.claims.clone(),
                sketch: kept.sketch.clone(),
                stored: kept.stored.clone(),
                unread: Vec::new(),
            })
            .collect();
        for (step, kept) in kept.iter_mut().enumerate() {
            if let Some(tied) = self.tied {
                let values = self.changed.get(&(step, series.names.len()));
                let values = values.unwrap_or(&series.weights[step][tied]);
                kept.sketch
                    .tensors
                    .extend(sketch_of(TIED, &series.shapes[tied], values, size));
                if let Some(stored) = kept.stored.last_mut() {
                    stored.tensors.push(TIED.to_owned());
                }
            }
            for (tensor, own) in kept
                .sketch
                .tensors
                .iter_mut()
                .enumerate()
                .take(series.names.len())
            {
                if let Some(values) = self.changed.get(&(step, tensor))
                    && let Some(new) =
                        sketch_of(&series.names[tensor], &series.shapes[tensor], values, size)
                {
                    *own = new;
                }
            }
            if let Some(dtype) = self.relabelled.get(&step) {
                kept.stored
                    .iter_mut()
                    .for_each(|stored| stored.dtype = (*dtype).to_owned());
            }
            if let Some(&tensor) = self.lacking.get(&step) {
                let name = &series.names[tensor];
                kept.sketch.tensors.retain(|own| own.name != *name);
                kept.stored
                    .iter_mut()
                    .for_each(|stored| stored.tensors.retain(|own| own != name));
            }
        }
        if let Some(step) = self.removed {
            kept.remove(step);
        }
        kept
    }
}

/// The tensor that is tied to another.
const TIED: &str = "tied.weight";

impl Series {
    /// As it is stored.
    fn rounded(&self, values: impl Iterator<Item = f32>) -> Vec<f32> {
        if self.is_on_bf16 {
            values.map(to_bf16).collect()
        } else {
            values.collect()
        }
    }
}
