//! One foreign checkpoint, open for reading.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::claimed::Claimed;
use super::discover::Found;
use super::format::Format;
use super::place;
use super::source::{Source, quoted};
use super::tensor::{ForeignTensor, LeftOut, Stored, strip_wrappers};
use super::{burnpack, npy, npz, safetensors, shards, torch};
use crate::limits::Limits;
use crate::{Error, Result};

/// A foreign checkpoint: its tensors described, its values ready to be streamed.
///
/// It holds its files open, and shares freely between threads: every read brings its own buffer.
#[derive(Debug)]
pub struct ForeignCheckpoint {
    path: PathBuf,
    format: Format,
    sources: Vec<Source>,
    tensors: Vec<ForeignTensor>,
    places: Vec<place::Place>,
    left_out: Vec<LeftOut>,
    claimed: Claimed,
    limits: Limits,
}

/// What a format's reader makes of a file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) tensors: Vec<Stored>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) claimed: Claimed,
}

impl ForeignCheckpoint {
    /// Opens a checkpoint that [`discover`](super::discover) found, reading the description of its tensors.
    ///
    /// Costs one pass over the description; values are not touched. Memory stays within
    /// 64 MiB plus four times the size of the files, whatever they hold.
    ///
    /// # Errors
    /// [`Error::Foreign`] with what is wrong with the file and the way out; [`Error::Io`].
    pub fn open(found: &Found, limits: &Limits) -> Result<Self> {
        let mut sources = Vec::with_capacity(found.files.len());
        for path in &found.files {
            sources.push(Source::open(path)?);
        }
        let mut contents = Contents::default();
        for (file, source) in sources.iter().enumerate() {
            // What the content is now decides, not what it was when it was found.
            let format = Format::of(source, limits)?;
            let mut part = read_contents(format, source, limits)?;
            for stored in &mut part.tensors {
                stored.place.file = file;
            }
            contents.tensors.extend(part.tensors);
            contents.left_out.extend(part.left_out);
            contents.claimed = contents.claimed.overridden_by(&part.claimed);
            check_count(source, contents.tensors.len(), limits)?;
        }
        if let Some(index) = &found.index {
            shards::check_index(index, &found.files, &mut contents, limits)?;
        }
        let Some(first) = sources.first() else {
            return Err(super::source::damaged(&found.path, "it has no files"));
        };
        if contents.tensors.is_empty() {
            return Err(without_tensors(first, &contents.left_out));
        }
        strip_wrappers(&mut contents.tensors);
        check_names(&found.path, &contents.tensors)?;
        let (tensors, places) = contents
            .tensors
            .into_iter()
            .map(|stored| (stored.tensor, stored.place))
            .unzip();
        Ok(Self {
            path: found.path.clone(),
            format: found.format,
            sources,
            tensors,
            places,
            left_out: contents.left_out,
            claimed: found.claimed.overridden_by(&contents.claimed),
            limits: *limits,
        })
    }

    /// The path it was found at.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its tensors, in the order in which they lie in the files where that is known: reading them
    /// in this order is fastest.
    #[must_use]
    pub fn tensors(&self) -> &[ForeignTensor] {
        &self.tensors
    }

    /// What else the files hold: the state of an optimiser, quantised tensors, pickled objects.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// What the checkpoint says of its run and step, in its metadata or else in its names.
    #[must_use]
    pub fn claimed(&self) -> &Claimed {
        &self.claimed
    }

    /// Streams the values of the tensor at this index of [`tensors`](Self::tensors): f32, in
    /// row-major order, in slices of at most 262,144 values, none of them empty.
    ///
    /// f32, f16 and bf16 come exactly as they are stored; f64 and integers are rounded to the
    /// nearest f32, and booleans are 0 and 1. What was read before an error was handed over.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the file changed or does not hold what it said, or if the numbers
    /// are of a kind that is not read; [`Error::Invalid`] if there is no such tensor; [`Error::Io`].
    pub fn read(&self, index: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        let tensor = self.tensors.get(index).zip(self.places.get(index));
        let Some((tensor, place)) = tensor else {
            return Err(Error::invalid(format!(
                "tensor {index} of {} that {} has",
                self.tensors.len(),
                self.path.display()
            )));
        };
        let Some(source) = self.sources.get(place.file) else {
            return Err(Error::invalid("a tensor lies in a file that is not open"));
        };
        place::stream(
            source,
            place,
            (tensor.element, &tensor.shape),
            &self.limits,
            sink,
        )
    }
}

/// Reads one file's description.
fn read_contents(format: Format, source: &Source, limits: &Limits) -> Result<Contents> {
    match format {
        Format::Safetensors => safetensors::open(source, limits),
        Format::Torch => torch::open(source, limits),
        Format::TorchLegacy => torch::open_legacy(source, limits),
        Format::Npz => npz::open(source, limits),
        Format::Npy => npy::open(source, limits),
        Format::Burnpack => burnpack::open(source, limits),
    }
}

fn check_count(source: &Source, count: usize, limits: &Limits) -> Result<()> {
    if count > limits.most_tensors {
        return Err(source.too_large(
            "the number of tensors",
            count as u64,
            limits.most_tensors as u64,
        ));
    }
    Ok(())
}

/// Two tensors of one name could not be told apart.
fn check_names(path: &Path, tensors: &[Stored]) -> Result<()> {
    let mut seen = HashSet::with_capacity(tensors.len());
    for stored in tensors {
        if !seen.insert(stored.tensor.name.as_str()) {
            return Err(super::source::damaged(
                path,
                format!("two tensors are named {}", quoted(&stored.tensor.name)),
            ));
        }
    }
    Ok(())
}

fn without_tensors(source: &Source, left_out: &[LeftOut]) -> Error {
    let what = match left_out.first() {
        Some(first) => format!(
            "it holds no tensor that is read; {} of its entries are left out, the first of them {} ({})",
            left_out.len(),
            quoted(&first.name),
            first.why
        ),
        None => "it holds no tensor".to_owned(),
    };
    source.unsupported(what, "Save the weights of the model into it")
}
