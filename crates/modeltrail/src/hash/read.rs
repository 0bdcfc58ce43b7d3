//! Streams the tensors of files and stores through the hashes.

use super::digest::{Hasher, root};
use super::{Model, Tensor};
use crate::checkpoint::sketch_in;
use crate::collection::listing::{is_without_model, stores};
use crate::collection::{LeftOut, Options, in_store};
use crate::coverage::{Coverage, Unread};
use crate::error::{Error, Problem, Result};
use crate::printable::{printable, printable_path};
use crate::progress::Progress;
use checkpoint_store::foreign::{ForeignCheckpoint, Found, Role};
use checkpoint_store::{Checkpoint, Checkpoints, Store, TensorShape};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// What the paths led to.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) models: Vec<Model>,
    pub(super) problems: Vec<Problem>,
    pub(super) coverage: Coverage,
}

impl Read {
    fn take(&mut self, path: &Path, model: Result<(Model, LeftOut)>) {
        match model {
            Ok((model, left_out)) => {
                let mut coverage = Coverage::of_one(model.weights, model.unread.clone());
                coverage.skipped = left_out.skipped(0);
                self.coverage.add(&coverage);
                self.models.push(model);
            }
            Err(error) => self.problems.push(Problem::new(path, &error)),
        }
    }
}

/// Hashes everything that the paths stand for, one model after the other.
pub(super) fn all(paths: &[PathBuf], options: &Options, progress: &dyn Progress) -> Read {
    let mut read = Read::default();
    for path in paths {
        if options.in_memory.has(path) {
            if options.in_memory.sketch(path).is_some() {
                read.take(path, Err(Error::SketchOnly));
            } else {
                foreign(path, options, progress, &mut read);
            }
            continue;
        }
        if sketch_in(path).is_some() {
            read.take(path, Err(Error::SketchOnly));
            continue;
        }
        let text = path.to_string_lossy();
        if let (false, Some((store, run, epoch))) = (path.exists(), in_store(&text)) {
            let hashed = column(Path::new(store), Some((run, epoch)), progress, &mut read);
            if let Err(error) = hashed {
                read.take(path, Err(error));
            }
            continue;
        }
        let found = stores(path);
        for store in &found {
            if let Err(error) = column(store, None, progress, &mut read) {
                read.take(store, Err(error));
            }
        }
        // A store holds nothing else; a folder of stores may.
        if found.first().is_none_or(|first| first != path) {
            let before = read.models.len();
            let problems = read.problems.len();
            foreign(path, options, progress, &mut read);
            if !found.is_empty() && read.models.len() == before {
                read.problems.truncate(problems);
            }
        }
    }
    read
}

/// Checkpoints of other programs, and in memory.
fn foreign(path: &Path, options: &Options, progress: &dyn Progress, read: &mut Read) {
    let discovery = options.discover(&[path.to_path_buf()]);
    for found in &discovery.checkpoints {
        let model = one(found, options, progress);
        match model {
            // Beside models there may be files without one.
            Err(error) if is_without_model(&error) && found.path != path => {}
            model => read.take(&found.path, model),
        }
    }
    for problem in discovery.problems {
        let error = Error::from(problem.error);
        read.problems.push(Problem::new(&problem.path, &error));
    }
}

fn one(found: &Found, options: &Options, progress: &dyn Progress) -> Result<(Model, LeftOut)> {
    let checkpoint = ForeignCheckpoint::open(found, &options.limits)?;
    let name = printable_path(&found.path);
    let tensors = checkpoint.tensors();
    progress.add(tensors.len() as u64);
    progress.working_on(&name);
    // One tensor at a time for each thread: every read brings one buffer.
    let hashed = tensors
        .par_iter()
        .enumerate()
        .with_max_len(1)
        .map(|(index, tensor)| {
            let dtype = tensor.element.to_string();
            let mut hasher = Hasher::of_tensor(&dtype, &tensor.shape);
            checkpoint.read_stored(index, &mut |bytes| hasher.update(bytes))?;
            progress.done(1);
            Ok(Tensor {
                name: tensor.name.clone(),
                dtype,
                shape: tensor.shape.clone(),
                digest: hasher.finish(),
            })
        })
        .collect::<Result<Vec<Tensor>>>()?;
    let unread = checkpoint.unread().iter().map(|tensor| Unread {
        checkpoint: name.clone(),
        tensor: printable(&tensor.name),
        dtype: printable(&tensor.dtype),
        elements: tensor.elements,
        reason: tensor.reason.clone(),
    });
    let weights = tensors.iter().filter(|tensor| tensor.role == Role::Weight);
    let left_out = checkpoint.left_out();
    let averaged = left_out.iter().filter(|left| left.is_averaged_copy());
    let averaged = averaged.count();
    let left_out = LeftOut {
        averaged,
        others: left_out.len() - averaged,
        ..LeftOut::default()
    };
    let model = Model {
        path: found.path.clone(),
        format: checkpoint.format().to_string(),
        unread: unread.collect(),
        weights: weights.map(|tensor| tensor.elements()).sum(),
        ..Model::of(name, hashed)
    };
    Ok((model.with_root(), left_out))
}

/// The checkpoints of a store, or one of them: weights alone, as f32.
fn column(
    directory: &Path,
    wanted: Option<(u64, u32)>,
    progress: &dyn Progress,
    read: &mut Read,
) -> Result<()> {
    let store = Store::open(directory)?;
    let checkpoints = store.load()?;
    let is_wanted =
        |label: &Checkpoint| wanted.is_none_or(|wanted| wanted == (label.run, label.epoch));
    let labels = checkpoints.checkpoints().iter().enumerate();
    let labels: Vec<(usize, &Checkpoint)> = labels.filter(|(_, one)| is_wanted(one)).collect();
    if labels.is_empty() {
        return Err(Error::Unsuitable {
            path: directory.to_path_buf(),
            what: "the store has no such run and epoch".to_owned(),
            way_out: "List what the store holds, and name one of its runs and epochs",
        });
    }
    progress.add(labels.len() as u64);
    for (place, label) in labels {
        let name = format!(
            "{}:{}/{}",
            printable_path(directory),
            label.run,
            label.epoch
        );
        progress.working_on(&name);
        let tensors = of_column(&checkpoints, place, store.layout())?;
        progress.done(1);
        let model = Model {
            path: directory.to_path_buf(),
            format: "modeltrail store".to_owned(),
            weights: tensors.iter().map(elements).sum(),
            ..Model::of(name, tensors)
        };
        read.take(directory, Ok((model.with_root(), LeftOut::default())));
    }
    Ok(())
}

fn elements(tensor: &Tensor) -> u64 {
    tensor.shape.iter().copied().fold(1, u64::saturating_mul)
}

/// Values that are turned into bytes at a time.
const AT_ONCE: usize = 1 << 14;

fn of_column(
    checkpoints: &Checkpoints,
    column: usize,
    layout: &[TensorShape],
) -> Result<Vec<Tensor>> {
    let matrix = checkpoints.matrix();
    let column = matrix.column(column);
    let mut rest = column.as_slice();
    let mut bytes = Vec::with_capacity(4 * AT_ONCE);
    let tensors = layout.iter().enumerate().map(|(index, tensor)| {
        let count = tensor.shape.iter().copied().fold(1, u64::saturating_mul);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let (values, after) = rest
            .split_at_checked(count)
            .ok_or(Error::NoSuchTensor { index })?;
        rest = after;
        let mut hasher = Hasher::of_tensor("f32", &tensor.shape);
        for values in values.chunks(AT_ONCE) {
            bytes.clear();
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            hasher.update(&bytes);
        }
        Ok(Tensor {
            name: tensor.name.clone(),
            dtype: "f32".to_owned(),
            shape: tensor.shape.clone(),
            digest: hasher.finish(),
        })
    });
    tensors.collect()
}

impl Model {
    /// Of these tensors.
    fn of(name: String, mut tensors: Vec<Tensor>) -> Self {
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            name,
            path: PathBuf::new(),
            format: String::new(),
            root: None,
            tensors,
            unread: Vec::new(),
            weights: 0,
        }
    }

    /// With its root, if everything was read.
    fn with_root(self) -> Self {
        let tensors = self.tensors.iter();
        let root = root(tensors.map(|tensor| (tensor.name.as_str(), tensor.digest)));
        Self {
            root: self.unread.is_empty().then_some(root),
            ..self
        }
    }
}
