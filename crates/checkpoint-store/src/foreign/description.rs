//! What a foreign checkpoint holds, read once and kept while its files are closed.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::adapter::{self, Adapter};
use super::claimed::{Aside, Claimed};
use super::contents::Contents;
use super::cut;
use super::distributed;
use super::format::Format;
use super::found::Found;
use super::gguf;
use super::memory::Shared;
use super::metadata::Metadata;
use super::packed::found::put_together;
use super::place::Place;
use super::quantised;
use super::readers;
use super::shards;
use super::sniff::Sniffed;
use super::source::{Source, damaged, foreign, quoted};
use super::stored::{Made, RawBytes};
use super::tensor::{ForeignTensor, LeftOut, Unread, strip_wrappers};
use super::zero;
use crate::limits::Limits;
use crate::{Error, Fault, Result};

/// What a checkpoint holds: its tensors, and what it says of itself. No file stays open.
///
/// Of thousands of checkpoints with the same tensors, [`share`](Self::share) keeps the list of them
/// in memory once.
#[derive(Debug, Clone)]
pub struct Description {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) files: Vec<Stamp>,
    pub(super) table: Arc<Table>,
    left_out: Vec<LeftOut>,
    adapter: Option<Arc<Adapter>>,
    claimed: Claimed,
    metadata: Metadata,
    pub(super) limits: Limits,
}

/// The tensors, and where they lie.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) tensors: Vec<ForeignTensor>,
    pub(super) places: Vec<Place>,
    /// How tensors are made that are not whole at their places.
    pub(super) made: BTreeMap<usize, Made>,
    pub(super) unread: Vec<Unread>,
    pub(super) raw: Vec<Option<RawBytes>>,
}

/// A file, and what shows that it is still the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
    version: Option<String>,
    /// The array that it stands for, if it is none.
    memory: Option<Shared>,
}

impl Stamp {
    fn of(source: &Source) -> Self {
        Self {
            path: source.path().to_path_buf(),
            len: source.len(),
            modified: source.modified(),
            version: source.version().map(str::to_owned),
            memory: source.memory().cloned(),
        }
    }

    /// Opens the file again.
    ///
    /// # Errors
    /// [`Fault::Changed`] if it is another one by now.
    pub(super) fn reopen(&self) -> Result<Source> {
        if let Some(bytes) = &self.memory {
            return Ok(Source::in_memory(&self.path, bytes));
        }
        let source = Source::open(&self.path)?;
        if Self::of(&source) != *self {
            return Err(foreign(
                &self.path,
                Fault::Changed,
                "it changed after its description was read",
                "Wait for the program that writes it, and read it again",
            ));
        }
        Ok(source)
    }
}

impl Description {
    /// Reads the description of a checkpoint; its files stay open with what is returned.
    pub(super) fn read(found: &Found, limits: &Limits) -> Result<(Self, Vec<Source>)> {
        let (path, files) = (found.path.as_path(), found.files.as_slice());
        let mut sources = Vec::with_capacity(files.len());
        if files.len() > 1 {
            crate::files::warm(files.iter().map(PathBuf::as_path));
        }
        for path in files {
            sources.push(Source::open(path)?);
        }
        let index = found.index.as_deref();
        let config = index.filter(|index| adapter::is_config(index));
        let metadata = index.filter(|index| distributed::is_metadata(index));
        let (mut contents, format) = match (metadata, found.format) {
            _ if let Some(arrays) = &found.arrays => {
                sources = arrays.sources(path);
                (arrays.contents(path)?, Some(Format::Memory))
            }
            (Some(metadata), _) => (
                distributed::open(metadata, &sources, limits)?,
                Some(Format::TorchDistributed),
            ),
            (None, Format::DeepSpeedZero) => {
                (zero::open(&sources, limits)?, Some(Format::DeepSpeedZero))
            }
            _ if files.iter().any(|file| zero::is_part(file)) => return Err(zero::alone(path)),
            _ => Self::of_files(&mut sources, limits)?,
        };
        cut::join(&sources, &mut contents, limits)?;
        if let (Some(index), None, None) = (index, metadata, config) {
            shards::check_index(index, files, &mut contents, limits)?;
        }
        let (Some(first), Some(format)) = (sources.first(), format) else {
            return Err(damaged(path, "it has no files"));
        };
        if contents.count() == 0 {
            return Err(without_tensors(first, &contents.left_out));
        }
        if is_empty_of_zero(first, &contents) {
            return Err(without_values(first));
        }
        // PyTorch's AveragedModel counts what it averaged.
        if contents.names().iter().any(|name| *name == "n_averaged") {
            contents.claimed.stands_aside(Aside::Average);
        }
        gguf::names::as_in_transformers(&mut contents);
        strip_wrappers(contents.names());
        let total = sources.iter().map(Source::len).fold(0, u64::saturating_add);
        let adapter = adapter::set_apart(path, config, &mut contents, total, limits)?;
        check_names(path, &mut contents)?;
        put_together(path, &sources, &mut contents, limits);
        quantised::set_apart(&mut contents);

        let mut table = Table::default();
        for stored in contents.tensors {
            if stored.made != Made::Whole {
                table.made.insert(table.tensors.len(), stored.made);
            }
            table.tensors.push(stored.tensor);
            table.places.push(stored.place);
        }
        for raw in contents.unread {
            table.unread.push(raw.unread);
            table.raw.push(raw.bytes);
        }
        let description = Self {
            path: path.to_path_buf(),
            format,
            files: sources.iter().map(Stamp::of).collect(),
            table: Arc::new(table),
            left_out: contents.left_out,
            adapter: adapter.map(Arc::new),
            // A field of its own is put over the name, and the name over the settings.
            claimed: contents
                .settings
                .overridden_by(&found.claimed)
                .overridden_by(&contents.claimed),
            metadata: contents.metadata,
            limits: *limits,
        };
        Ok((description, sources))
    }

    /// What all these files hold, and the format of the first.
    fn of_files(sources: &mut Vec<Source>, limits: &Limits) -> Result<(Contents, Option<Format>)> {
        let mut contents = Contents::default();
        let mut format = None;
        let mut beside = Vec::new();
        for (file, source) in sources.iter().enumerate() {
            // What the content is now decides, not what it was when it was found.
            let sniffed = Sniffed::of(source, limits)?;
            format.get_or_insert(sniffed.format());
            let mut part = readers::read(&sniffed, source, limits)?;
            part.lies_in(file, sources.len() + beside.len());
            beside.append(&mut part.beside);
            contents.tensors.extend(part.tensors);
            contents.unread.extend(part.unread);
            contents.left_out.extend(part.left_out);
            contents.parts.extend(part.parts);
            contents.architecture = contents.architecture.take().or(part.architecture);
            contents.metadata.extend(part.metadata);
            contents.claimed = contents.claimed.overridden_by(&part.claimed);
            contents.settings = contents.settings.overridden_by(&part.settings);
            check_count(source, contents.count(), limits)?;
        }
        sources.append(&mut beside);
        Ok((contents, format))
    }

    /// The path it was found at.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its format: that of its first file.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its tensors, in the order in which they lie in the files where that is known: reading them
    /// in this order is fastest.
    #[must_use]
    pub fn tensors(&self) -> &[ForeignTensor] {
        &self.table.tensors
    }

    /// The tensors of the model that cannot be read as numbers. As long as there is one, nothing
    /// can be said of the whole model.
    #[must_use]
    pub fn unread(&self) -> &[Unread] {
        &self.table.unread
    }

    /// What the files hold beside the model: the state of an optimiser, pickled objects.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// What it is to the model that it changes, if it is an adapter, or holds one that was not merged.
    /// The changes are among the [`tensors`](Self::tensors), multiplied out.
    #[must_use]
    pub fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_deref()
    }

    /// What the checkpoint says of its run and step, in its metadata or else in its names.
    #[must_use]
    pub fn claimed(&self) -> &Claimed {
        &self.claimed
    }

    /// Texts and numbers that the files hold beside their tensors.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The file that a tensor lies in, or that its first part does; none if there is no such tensor.
    #[must_use]
    pub fn file_of(&self, tensor: usize) -> Option<&Path> {
        let place = self.table.places.get(tensor)?;
        let file = self.files.get(place.file)?;
        Some(&file.path)
    }

    /// Its files, with their lengths in bytes; none in memory.
    pub fn files(&self) -> impl Iterator<Item = (&Path, u64)> {
        let files = self.files.iter().filter(|file| file.memory.is_none());
        files.map(|file| (file.path.as_path(), file.len))
    }

    /// What tells each of these files from every other version of it, if it lies elsewhere and its server
    /// says.
    pub fn versions(&self) -> impl Iterator<Item = Option<&str>> {
        let files = self.files.iter().filter(|file| file.memory.is_none());
        files.map(|file| file.version.as_deref())
    }

    /// Keeps the list of tensors in memory once, if it is the same as the other's. Returns whether
    /// it is: the same names, shapes and types, at the same places in the files.
    pub fn share(&mut self, other: &Self) -> bool {
        let is_same = self.table == other.table;
        if is_same {
            self.table = Arc::clone(&other.table);
        }
        is_same
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
fn check_names(path: &Path, contents: &mut Contents) -> Result<()> {
    let mut seen: HashSet<&str> = HashSet::with_capacity(contents.count());
    for name in contents.names() {
        if !seen.insert(name) {
            return Err(damaged(
                path,
                format!("two tensors are named {}", quoted(name)),
            ));
        }
    }
    Ok(())
}

fn without_tensors(source: &Source, left_out: &[LeftOut]) -> Error {
    let what = match left_out.first() {
        Some(first) => format!(
            "it holds no tensor of a model; {} of its entries are skipped, the first of them {} ({})",
            left_out.len(),
            quoted(&first.name),
            first.why
        ),
        None => "it holds no tensor".to_owned(),
    };
    foreign(
        source.path(),
        Fault::NoModel,
        what,
        "Save the weights of the model into it",
    )
}

/// Whether these are the empty places that DeepSpeed leaves in a file of this name.
fn is_empty_of_zero(source: &Source, contents: &Contents) -> bool {
    let name = source.path().file_name().unwrap_or_default();
    let mut tensors = contents.tensors.iter();
    name.to_string_lossy().contains("_model_states.")
        && contents.unread.is_empty()
        && tensors.all(|stored| stored.tensor.elements() == 0)
}

fn without_values(source: &Source) -> Error {
    source.unsupported(
        "all its tensors are empty: DeepSpeed's ZeRO stage 3 writes such a file, and keeps the weights \
         in the files of its optimiser (`*_optim_states.pt`)",
        "Name the folder that holds both",
    )
}
