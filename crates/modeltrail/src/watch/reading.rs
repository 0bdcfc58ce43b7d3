//! One checkpoint of the training: what it is, and its weights or their sketch.

use super::facts::Facts;
use crate::collection::listing::Opened;
use crate::collection::sketches::Kept;
use crate::collection::source::Source;
use crate::collection::{
    Claims, From, Options, PositionClaim, identity, parameters, printable, sketches,
};
use crate::coverage::Unread;
use crate::error::{Error, Result};
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::{Claimed, Found, Limits};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use trajectory::shift;
use weightspace::sketch::{Parameters, Sketch};

/// Vectors that are held of a training: the last steps, the newest checkpoint, the one in hand, and
/// the accredited one.
const HELD: u64 = shift::SPAN as u64 + 3;

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

/// A checkpoint that arrived: its description was read, and no file stays open.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// When its last file was written, if that is known.
    pub(super) saved: Option<SystemTime>,
    pub(super) claims: Claims,
    /// What its names alone say.
    names: Claimed,
    /// Its weights, sorted by name, so that the order within a file does not matter.
    pub(super) layout: Vec<TensorShape>,
    /// Tensors of it that could not be read.
    pub(super) unread: Vec<Unread>,
    /// What the trainer's files say of the training.
    pub(super) facts: Option<Facts>,
    /// Its files; none of a sketch.
    files: Vec<PathBuf>,
    source: Source,
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

impl Form {
    /// What is followed of checkpoints with these tensors.
    pub(super) fn of(layout: &[TensorShape], options: &Options) -> Self {
        if parameters(layout).saturating_mul(4 * HELD) > options.memory {
            Self::Sketches
        } else {
            Self::Weights
        }
    }
}

/// What was read of one checkpoint.
#[derive(Debug)]
pub(super) struct Point {
    /// Tensor after tensor in the order of the layout, or the sketch of all.
    pub(super) values: Vec<f32>,
    /// Of a sketch the fingerprints of its tensors, in the order of the layout.
    pub(super) prints: Vec<u64>,
    pub(super) is_finite: bool,
}

impl Arrival {
    /// # Errors
    /// When the file cannot be read, or has no weights.
    pub(super) fn of(found: Found, limits: &Limits) -> Result<Self> {
        let stamp = Stamp::of(&found.files);
        let opened = Opened::of(&found, limits)?;
        let facts = found.trainer_state(limits).map(Facts::from);
        let shown = printable(&found.path.to_string_lossy());
        let unread = opened.unread(&shown);
        let unread = unread.collect();
        let mut layout = opened.layout;
        layout.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            path: found.path,
            claims: opened.claims,
            names: found.claimed,
            saved: stamp.newest(),
            unread,
            facts,
            files: found.files,
            source: Source::Foreign(Box::new(opened.description)),
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
            Self::of_kept(path.into(), saved, kept)
        });
        Ok(each.collect())
    }

    /// A sketch that was kept.
    pub(super) fn of_kept(path: PathBuf, saved: Option<SystemTime>, kept: Kept) -> Self {
        let mut layout = sketches::layout(&kept.sketch);
        layout.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            path,
            stamp: Stamp::of_sketch(&kept.sketch),
            saved,
            claims: kept.claims,
            names: Claimed::default(),
            layout,
            unread: kept.unread,
            facts: None,
            files: Vec::new(),
            source: Source::Sketch(Arc::new(kept.sketch)),
        }
    }

    /// Tensors of it with values that are NaN or infinite, and how many.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn not_finite(&self) -> Result<Vec<(String, u64)>> {
        let reader = self.source.open(&self.layout)?;
        let mut bad = Vec::new();
        for (index, tensor) in self.layout.iter().enumerate() {
            let mut count = 0;
            reader.read(index, &mut |values| {
                count += values.iter().filter(|value| !value.is_finite()).count() as u64;
            })?;
            if count > 0 {
                bad.push((tensor.name.clone(), count));
            }
        }
        Ok(bad)
    }

    pub(super) fn is_sketch(&self) -> bool {
        self.source.is_sketch()
    }

    /// The claimed step or epoch.
    pub(super) fn position(&self) -> Option<u64> {
        self.claims.position.map(|claim| claim.value)
    }

    /// The position that its names give.
    pub(super) fn named_position(&self) -> Option<PositionClaim> {
        Claims::from(&self.names).position
    }

    /// Believes the names rather than the file.
    pub(super) fn prefer_names(&mut self) {
        let is_metadata = |claim: PositionClaim| claim.from == From::Metadata;
        if self.claims.position.is_some_and(is_metadata) {
            self.claims.position = self.named_position();
        }
    }

    /// What is followed of it. A sketch costs no more memory than a buffer, whatever the weights.
    ///
    /// # Errors
    /// When the file cannot be read, or changed since it arrived; when only a sketch is left of
    /// weights.
    pub(super) fn read(&self, form: Form) -> Result<Point> {
        if self.is_sketch() && form == Form::Weights {
            return Err(Error::Unsuitable {
                path: self.path.clone(),
                what:
                    "only a sketch is left of these weights, and the training is followed by its \
                       weights"
                        .to_owned(),
                way_out: "Watch a folder of one or the other",
            });
        }
        let point = match form {
            Form::Weights => {
                let reader = self.source.open(&self.layout)?;
                let mut values = Vec::new();
                for tensor in 0..self.layout.len() {
                    reader.read(tensor, &mut |chunk| values.extend_from_slice(chunk))?;
                }
                let is_finite = values.iter().all(|value: &f32| value.is_finite());
                Point {
                    values,
                    prints: Vec::new(),
                    is_finite,
                }
            }
            Form::Sketches => {
                let sketch = self.source.sketch(&self.layout, Parameters::default())?;
                sketched(sketch, &self.layout)
            }
        };
        if !self.is_sketch() && Stamp::of(&self.files) != self.stamp {
            return Err(Error::Changed {
                path: self.path.clone(),
            });
        }
        Ok(point)
    }
}

fn sketched(sketch: Sketch, layout: &[TensorShape]) -> Point {
    let prints = {
        let tensors = sketch.tensors.iter();
        let all: HashMap<&str, u64> = tensors
            .map(|tensor| (tensor.name.as_str(), tensor.fingerprint))
            .collect();
        let named = layout.iter().map(|tensor| all.get(tensor.name.as_str()));
        named
            .map(Option::<&u64>::copied)
            .collect::<Option<Vec<u64>>>()
    };
    let are_finite = sketch.tensors.iter().all(|tensor| tensor.non_finite == 0);
    Point {
        is_finite: are_finite && sketch.values.iter().all(|value| value.is_finite()),
        values: sketch.values,
        prints: prints.unwrap_or_default(),
    }
}
