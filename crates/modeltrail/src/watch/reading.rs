//! One checkpoint of the training: what it is, and its weights or their sketch.

use crate::collection::{Claims, identity, printable, sketches};
use anyhow::{Result, bail, ensure};
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::{ForeignCheckpoint, Found, Limits, Role};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use weightspace::sketch::{Parameters, Sketch, Sketcher};

/// Modification times and lengths of the files of a checkpoint; none of a file that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let stamp = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Self(files.iter().map(stamp).collect())
    }

    /// Of a sketch: the same when its file is written anew with others.
    fn of_sketch(sketch: &Sketch) -> Self {
        Self(vec![Some((SystemTime::UNIX_EPOCH, identity(sketch)))])
    }

    /// When the last of the files was written.
    fn newest(&self) -> Option<SystemTime> {
        self.0.iter().flatten().map(|(time, _)| *time).max()
    }
}

/// A checkpoint whose description was read. No file stays open.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// When its last file was written, if that is known.
    pub(super) saved: Option<SystemTime>,
    pub(super) claims: Claims,
    /// Its weights, sorted by name, so that the order within a file does not matter.
    pub(super) layout: Vec<TensorShape>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Weights(Box<Found>),
    Sketch(Box<Sketch>),
}

/// What of a checkpoint is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// All weights.
    Weights,
    /// The values of their sketch: lengths and angles hold within a stated error.
    Sketches,
}

/// What was read of one checkpoint.
#[derive(Debug)]
pub(super) struct Point {
    /// Tensor after tensor in the order of the layout, or the sketch of all.
    pub(super) values: Vec<f32>,
    pub(super) is_finite: bool,
}

impl Opened {
    /// # Errors
    /// When the file cannot be read, or has no weights.
    pub(super) fn of(found: Found, limits: &Limits) -> Result<Self> {
        let stamp = Stamp::of(&found.files);
        let checkpoint = ForeignCheckpoint::open(&found, limits)?;
        let layout: Vec<TensorShape> = weights(&checkpoint).map(|(_, tensor)| tensor).collect();
        ensure!(
            !layout.is_empty(),
            "{}: no tensor in it is a weight. Save the weights of the model into it",
            printable(&found.path.to_string_lossy())
        );
        Ok(Self {
            path: found.path.clone(),
            claims: checkpoint.claimed().into(),
            source: Source::Weights(Box::new(found)),
            saved: stamp.newest(),
            stamp,
            layout,
        })
    }

    /// The sketches in a file, each under the path FILE:NAME; they are in memory at once.
    ///
    /// # Errors
    /// When it cannot be read, or is something else.
    pub(super) fn of_sketches(file: &Path) -> Result<Vec<Self>> {
        let saved = std::fs::metadata(file).and_then(|m| m.modified()).ok();
        let kept = sketches::read(file)?.checkpoints.into_iter();
        let each = kept.map(|kept| {
            let mut path = file.as_os_str().to_owned();
            path.push(":");
            path.push(&kept.name);
            let mut layout = sketches::layout(&kept.sketch);
            layout.sort_by(|a, b| a.name.cmp(&b.name));
            Self {
                path: path.into(),
                stamp: Stamp::of_sketch(&kept.sketch),
                saved,
                claims: kept.claims,
                layout,
                source: Source::Sketch(Box::new(kept.sketch)),
            }
        });
        Ok(each.collect())
    }

    pub(super) fn is_sketch(&self) -> bool {
        matches!(self.source, Source::Sketch(_))
    }

    /// The claimed step or epoch.
    pub(super) fn position(&self) -> Option<u64> {
        self.claims.position.map(|claim| claim.value)
    }

    /// What is followed of it. A sketch costs no more memory than a buffer, whatever the weights.
    ///
    /// # Errors
    /// When the file cannot be read, or changed since it was opened; when only a sketch is left of
    /// weights.
    pub(super) fn read(&self, form: Form, limits: &Limits) -> Result<Point> {
        let shown = printable(&self.path.to_string_lossy());
        let found = match &self.source {
            Source::Sketch(sketch) => {
                ensure!(
                    form == Form::Sketches,
                    "{shown}: only a sketch is left of these weights, and the training is followed \
                     by its weights: watch a folder of one or the other"
                );
                return Ok(sketched(sketch));
            }
            Source::Weights(found) => found,
        };
        let checkpoint = ForeignCheckpoint::open(found, limits)?;
        let (places, layout): (Vec<usize>, Vec<TensorShape>) = weights(&checkpoint).unzip();
        let point = match form {
            Form::Weights => {
                let mut values = Vec::new();
                for place in places {
                    checkpoint.read(place, &mut |chunk| values.extend_from_slice(chunk))?;
                }
                let is_finite = values.iter().all(|value: &f32| value.is_finite());
                Point { values, is_finite }
            }
            Form::Sketches => {
                let mut sketcher = Sketcher::new(Parameters::default())?;
                for (place, tensor) in places.into_iter().zip(&layout) {
                    let sides = tensor.shape.iter().map(|&side| usize::try_from(side));
                    let shape: Vec<usize> = sides.collect::<Result<_, _>>()?;
                    let mut part = sketcher.tensor(&tensor.name, &shape);
                    checkpoint.read(place, &mut |chunk| part.feed(chunk))?;
                    sketcher.add(part.finish())?;
                }
                sketched(&sketcher.finish())
            }
        };
        if layout != self.layout || Stamp::of(&found.files) != self.stamp {
            bail!("{shown}: it changed while it was read");
        }
        Ok(point)
    }
}

fn sketched(sketch: &Sketch) -> Point {
    let are_finite = sketch.tensors.iter().all(|tensor| tensor.non_finite == 0);
    Point {
        is_finite: are_finite && sketch.values.iter().all(|value| value.is_finite()),
        values: sketch.values.clone(),
    }
}

/// Places and shapes of the weights, sorted by name.
fn weights(checkpoint: &ForeignCheckpoint) -> impl Iterator<Item = (usize, TensorShape)> {
    let tensors = checkpoint.tensors().iter().enumerate();
    let mut weights: Vec<(usize, TensorShape)> = tensors
        .filter(|(_, tensor)| tensor.role == Role::Weight)
        .map(|(place, tensor)| {
            let shape = TensorShape::new(tensor.name.clone(), tensor.shape.clone());
            (place, shape)
        })
        .collect();
    weights.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    weights.into_iter()
}
