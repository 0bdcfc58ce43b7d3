//! A training's checkpoints in memory, in three files each, and their sketches.

use crate::gallery::training::{Saved, Training};
use anyhow::Result;
use modeltrail::audit::{Audit, AuditOptions, of_kept};
use modeltrail::collection::sketches::{Kept, StoredAs};
use modeltrail::collection::{Claims, From, PositionClaim, Unit};
use weightspace::sketch::{Parameters, Sketcher, TensorSketch};

/// Files of a checkpoint.
const FILES: usize = 3;

/// Checkpoints in memory.
#[derive(Clone)]
pub(crate) struct Series {
    pub(crate) names: Vec<String>,
    pub(crate) shapes: Vec<Vec<usize>>,
    /// Which file each tensor lies in.
    pub(crate) file: Vec<usize>,
    pub(crate) steps: Vec<u64>,
    /// By step and tensor.
    pub(crate) weights: Vec<Vec<Vec<f32>>>,
    pub(crate) dtype: &'static str,
    /// Whether all values are of bf16, whatever they are stored as.
    pub(crate) is_on_bf16: bool,
    pub(crate) spacing: String,
}

impl Series {
    /// The training that was left alone.
    pub(crate) fn base(training: &Training) -> Result<Self> {
        Self::read(training, training.base.iter())
    }

    /// For each event the base up to it, and what followed.
    pub(crate) fn events(training: &Training, base: &Self) -> Result<Vec<(String, Self)>> {
        let events = training.events.iter().filter(|(name, _)| *name != "none");
        events
            .map(|(name, branch)| {
                let after = Self::read(training, branch.checkpoints.iter())?;
                let until = branch.from + 1;
                let mut series = base.clone();
                series.steps.truncate(until);
                series.weights.truncate(until);
                series.steps.extend(after.steps);
                series.weights.extend(after.weights);
                Ok((name.clone(), series))
            })
            .collect()
    }

    fn read<'a>(training: &Training, saved: impl Iterator<Item = &'a Saved>) -> Result<Self> {
        let mut series = Self {
            names: Vec::new(),
            shapes: Vec::new(),
            file: Vec::new(),
            steps: Vec::new(),
            weights: Vec::new(),
            dtype: "f32",
            is_on_bf16: false,
            spacing: training.spacing.clone(),
        };
        for one in saved {
            let mut weights = Vec::new();
            let is_first = series.weights.is_empty();
            training.read_weights(one, |name, shape, values| {
                if is_first {
                    series.names.push(name.to_owned());
                    series.shapes.push(shape.to_vec());
                }
                weights.push(values);
                Ok(())
            })?;
            series.steps.push(one.step);
            series.weights.push(weights);
        }
        let mut values = series.weights.iter().flatten().flatten();
        series.is_on_bf16 = values.all(|value| to_bf16(*value) == *value);
        let first = series.weights.first().cloned().unwrap_or_default();
        let all: usize = first.iter().map(Vec::len).sum();
        let mut before = 0;
        for values in &first {
            series
                .file
                .push((FILES * before / all.max(1)).min(FILES - 1));
            before += values.len();
        }
        Ok(series)
    }

    /// The same, as f32 or rounded to bf16.
    pub(crate) fn stored(&self, is_bf16: bool) -> Self {
        let mut series = self.clone();
        if is_bf16 {
            series.dtype = "bf16";
            series.is_on_bf16 = true;
            let tensors = series.weights.iter_mut().flatten();
            tensors.flatten().for_each(|value| *value = to_bf16(*value));
        }
        series
    }

    /// Sketches with so many numbers of each tensor.
    pub(crate) fn sketched(&self, size: usize) -> Vec<Kept> {
        (0..self.steps.len())
            .map(|step| self.kept(step, size))
            .collect()
    }

    fn kept(&self, step: usize, size: usize) -> Kept {
        let parameters = parameters(size);
        let mut sketcher = sketcher(parameters);
        for (tensor, values) in self.weights[step].iter().enumerate() {
            let mut part = sketcher.tensor(&self.names[tensor], &self.shapes[tensor]);
            part.feed(values);
            // The shapes are those of the values, and names are unique.
            let _ = sketcher.add(part.finish());
        }
        let position = self.steps[step];
        Kept {
            name: format!("step-{position}"),
            claims: Claims {
                position: Some(PositionClaim {
                    value: position,
                    unit: Unit::Step,
                    from: From::FolderName,
                }),
                ..Claims::default()
            },
            sketch: sketcher.finish(),
            stored: self.stored_as(),
            unread: Vec::new(),
        }
    }

    fn stored_as(&self) -> Vec<StoredAs> {
        (0..FILES)
            .map(|file| StoredAs {
                file: Some(file_name(file)),
                dtype: self.dtype.to_owned(),
                tensors: (0..self.names.len())
                    .filter(|&tensor| self.file[tensor] == file)
                    .map(|tensor| self.names[tensor].clone())
                    .collect(),
            })
            .collect()
    }
}

/// The sketch of one tensor.
pub(crate) fn sketch_of(
    name: &str,
    shape: &[usize],
    values: &[f32],
    size: usize,
) -> Option<TensorSketch> {
    let mut sketcher = sketcher(parameters(size));
    let mut part = sketcher.tensor(name, shape);
    part.feed(values);
    sketcher.add(part.finish()).ok()?;
    sketcher.finish().tensors.pop()
}

fn parameters(size: usize) -> Parameters {
    Parameters {
        tensor_dimensions: size,
        ..Parameters::default()
    }
}

#[allow(clippy::expect_used)]
fn sketcher(parameters: Parameters) -> Sketcher {
    Sketcher::new(parameters).expect("the sizes are powers of two up to 1,024")
}

pub(crate) fn file_name(file: usize) -> String {
    format!("model-{:05}-of-{FILES:05}.safetensors", file + 1)
}

/// Rounded to the nearest number of bf16, ties to even.
pub(crate) fn to_bf16(value: f32) -> f32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
    if value.is_finite() {
        f32::from_bits(rounded)
    } else {
        value
    }
}

/// The answer of the library.
pub(crate) fn audit(kept: &[Kept]) -> Result<Audit> {
    Ok(of_kept(kept, &AuditOptions::default())?)
}
