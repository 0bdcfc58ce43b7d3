//! A directory of segments that belong together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoints::{Checkpoints, Gathering};
use crate::codec;
use crate::directory::{self, Listing};
use crate::error::{Error, Result};
use crate::frame::{Frame, Kind};
use crate::header::{Checkpoint, Header, TensorShape, describe_layout, validate_description};
use crate::names::{self, Name};
use crate::new_file::{self, NewFile};
use crate::segment::{Mapped, Segment};
use crate::storage::{FileSystem, Storage};

/// A store: one directory, one recipe, one layout, any number of checkpoints.
///
/// A `Store` holds no file open and no lock; it can be cloned, sent to threads, and opened by
/// several processes at once. Each writer publishes under a shard number of its own.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) directory: PathBuf,
    recipe: String,
    layout: Vec<TensorShape>,
    pub(crate) parameters: usize,
}

/// Proof that a file is durable under its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where it lies.
    pub path: PathBuf,
    /// Its BLAKE3, in hexadecimal digits.
    pub hash: String,
}

impl Store {
    /// Creates a store for writing, or opens the one that is there if it has this recipe and
    /// layout. Removes what killed writers left behind, and nothing of living ones.
    ///
    /// # Errors
    /// [`Error::WrongRecipe`] and [`Error::WrongLayout`] if there is another store;
    /// [`Error::NotEmpty`] if the directory holds something else; [`Error::Invalid`] and
    /// [`Error::TooLarge`] for a recipe or layout that cannot be stored; [`Error::Damaged`],
    /// [`Error::Io`], [`Error::StorageFull`].
    pub fn create(
        directory: impl AsRef<Path>,
        recipe: &str,
        layout: &[TensorShape],
    ) -> Result<Self> {
        Self::create_on(Arc::new(FileSystem), directory, recipe, layout)
    }

    /// [`create`](Self::create) on any [`Storage`].
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_on(
        storage: Arc<dyn Storage>,
        directory: impl AsRef<Path>,
        recipe: &str,
        layout: &[TensorShape],
    ) -> Result<Self> {
        let directory = directory.as_ref();
        validate_description(recipe, layout)?;
        new_file::create_dir_all(storage.as_ref(), directory)?;
        let names = directory::list(directory)?;
        if !names.contains(names::DESCRIPTION) {
            if let Some(entry) = names
                .iter()
                .find(|name| names::parse(name) != Name::Unfinished)
            {
                return Err(Error::NotEmpty {
                    path: directory.to_path_buf(),
                    entry: entry.into(),
                });
            }
            describe(&storage, directory, recipe, layout)?;
        }
        let store = Self::open_on(storage, directory)?;
        store.expect(directory, recipe, layout)?;
        new_file::remove_abandoned(store.storage.as_ref(), directory, &names)?;
        store.remove_superseded_states()?;
        Ok(store)
    }

    /// Opens a store, and changes nothing.
    ///
    /// # Errors
    /// [`Error::NotAStore`], [`Error::Damaged`], [`Error::NewerFormat`], [`Error::Io`].
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        Self::open_on(Arc::new(FileSystem), directory)
    }

    /// [`open`](Self::open) on any [`Storage`].
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(storage: Arc<dyn Storage>, directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let not_a_store = |what| Error::NotAStore {
            path: directory.to_path_buf(),
            what,
        };
        if !directory.is_dir() {
            return Err(not_a_store("there is no such directory"));
        }
        let description = directory.join(names::DESCRIPTION);
        let header = match Mapped::open(&description, Kind::Description) {
            Err(error) if error.is_vanished() => {
                return Err(not_a_store("it has no zoo.description"));
            }
            other => other?.decode()?,
        };
        let parameters = validate_description(&header.recipe, &header.layout)?;
        let parameters = usize::try_from(parameters).map_err(|_| Error::TooLarge {
            what: "the number of parameters of a model",
            found: parameters,
            limit: usize::MAX as u64,
        })?;
        Ok(Self {
            storage,
            directory: directory.to_path_buf(),
            recipe: header.recipe,
            layout: header.layout,
            parameters,
        })
    }

    /// The directory of the store.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The recipe, as TOML text.
    #[must_use]
    pub fn recipe(&self) -> &str {
        &self.recipe
    }

    /// The tensors that make up one column.
    #[must_use]
    pub fn layout(&self) -> &[TensorShape] {
        &self.layout
    }

    /// Parameters of one model: the length of a column.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// Stores one epoch of one shard. When this returns, it is durable.
    ///
    /// `columns` holds the weights of one checkpoint after the other, in the order of
    /// `checkpoints`, which must all be of `epoch` and ascend by run. Publishing the same bytes
    /// again is fine and makes sure that they are durable.
    ///
    /// Costs one BLAKE3 pass and one write over `columns`, which are not copied.
    ///
    /// # Errors
    /// [`Error::Invalid`] if lengths, order or flags do not fit; [`Error::Conflict`] if this shard
    /// and epoch were published with other bytes; [`Error::TooLarge`], [`Error::StorageFull`],
    /// [`Error::Io`]. After an error the store holds what it held before, or, if only the last
    /// step failed, the whole epoch without the promise that it survives a loss of power.
    pub fn publish(
        &self,
        shard: u32,
        epoch: u32,
        checkpoints: &[Checkpoint],
        columns: &[f32],
    ) -> Result<Published> {
        self.check_columns(epoch, checkpoints, columns)?;
        let frame = self.segment_frame(checkpoints.to_vec(), vec![columns])?;
        self.publish_segment(&names::segment(shard, epoch), &frame)
    }

    /// The labels of all checkpoints, ascending by (epoch, run). Reads headers only: the weights
    /// are not looked at, and not verified.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Overlap`], [`Error::WrongRecipe`], [`Error::WrongLayout`] if a
    /// segment does not belong here; [`Error::Io`].
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        Ok(self.listing()?.checkpoints())
    }

    /// All checkpoints as one matrix. If one segment holds them all, as after
    /// [`compact`](Self::compact), it is mapped and nothing is copied; otherwise all columns are
    /// gathered in memory. Every byte is verified.
    ///
    /// # Errors
    /// [`Error::Empty`], and as [`checkpoints`](Self::checkpoints).
    pub fn load(&self) -> Result<Checkpoints> {
        let (_, mut segments) = self.open_segments()?;
        if segments.len() > 1 {
            return Ok(Checkpoints::gathered(&segments, self.parameters));
        }
        segments
            .pop()
            .map(Checkpoints::mapped)
            .ok_or_else(|| self.empty())
    }

    /// The hash of the store's content: the BLAKE3, in hexadecimal digits, of the one segment
    /// that holds all checkpoints, or would after [`compact`](Self::compact).
    ///
    /// It covers recipe, layout, labels and weights, and does not depend on how many writers,
    /// resumes and segments there were. Reads every weight, copies none.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn hash(&self) -> Result<String> {
        let (_, segments) = self.open_segments()?;
        match segments.as_slice() {
            [] => Err(self.empty()),
            [only] => Ok(only.hash()),
            _ => {
                let Gathering { labels, pieces } = Gathering::of(&segments);
                Ok(self
                    .segment_frame(labels, pieces)?
                    .digest()
                    .to_hex()
                    .to_string())
            }
        }
    }

    /// Which segments there are, and which of them count.
    pub(crate) fn listing(&self) -> Result<Listing> {
        Listing::read(&self.directory, |path, header| {
            self.expect(path, &header.recipe, &header.layout)
        })
    }

    /// Maps and verifies the segments that count.
    pub(crate) fn open_segments(&self) -> Result<(Listing, Vec<Segment>)> {
        directory::retry(|| {
            let listing = self.listing()?;
            let segments = listing
                .current
                .iter()
                .map(|entry| Segment::open(&entry.path));
            let segments = segments.collect::<Result<_>>()?;
            Ok((listing, segments))
        })
    }

    /// A segment of these columns, with this store's recipe and layout.
    pub(crate) fn segment_frame<'a>(
        &self,
        checkpoints: Vec<Checkpoint>,
        pieces: Vec<&'a [f32]>,
    ) -> Result<Frame<'a>> {
        let header = Header {
            recipe: self.recipe.clone(),
            layout: self.layout.clone(),
            checkpoints,
        };
        let parameters = header.validate()?;
        Frame::new(Kind::Segment, &codec::encode(&header)?, parameters, pieces)
    }

    /// Publishes a segment, unless the same bytes are there already.
    pub(crate) fn publish_segment(&self, name: &str, frame: &Frame<'_>) -> Result<Published> {
        let hash = frame.digest().to_hex().to_string();
        let path = self.directory.join(name);
        match Segment::open(&path) {
            Ok(there) if there.digest() == frame.digest() => {
                // Whoever published it may have been killed before the directory was synced.
                new_file::sync_dir(self.storage.as_ref(), &self.directory)?;
            }
            Ok(_) => return Err(Error::Conflict { path }),
            Err(error) if error.is_vanished() => {
                self.write(name, frame)?;
            }
            Err(error) => return Err(error),
        }
        Ok(Published { path, hash })
    }

    /// Writes a frame under its final name; returns its path once it is durable.
    pub(crate) fn write(&self, name: &str, frame: &Frame<'_>) -> Result<PathBuf> {
        write_frame(&self.storage, &self.directory, name, frame)
    }

    /// Refuses what belongs to another store.
    pub(crate) fn expect(&self, path: &Path, recipe: &str, layout: &[TensorShape]) -> Result<()> {
        // In a file it is the file's that is stored; asked for, it is this store's.
        let is_file = path != self.directory;
        if recipe != self.recipe {
            let (stored, wanted) = if is_file {
                (recipe, self.recipe())
            } else {
                (self.recipe(), recipe)
            };
            return Err(Error::WrongRecipe {
                path: path.to_path_buf(),
                stored: stored.to_owned(),
                wanted: wanted.to_owned(),
            });
        }
        if layout != self.layout {
            let (stored, wanted) = if is_file {
                (layout, self.layout())
            } else {
                (self.layout(), layout)
            };
            return Err(Error::WrongLayout {
                path: path.to_path_buf(),
                stored: describe_layout(stored),
                wanted: describe_layout(wanted),
            });
        }
        Ok(())
    }

    pub(crate) fn empty(&self) -> Error {
        Error::Empty {
            path: self.directory.clone(),
        }
    }

    fn check_columns(&self, epoch: u32, checkpoints: &[Checkpoint], columns: &[f32]) -> Result<()> {
        if checkpoints.is_empty() {
            return Err(Error::invalid("a segment needs at least one checkpoint"));
        }
        if checkpoints.len().checked_mul(self.parameters) != Some(columns.len()) {
            return Err(Error::invalid(format!(
                "{} weights for {} checkpoints of {} parameters",
                columns.len(),
                checkpoints.len(),
                self.parameters
            )));
        }
        for (checkpoint, column) in checkpoints
            .iter()
            .zip(columns.chunks_exact(self.parameters))
        {
            if checkpoint.epoch != epoch {
                return Err(Error::invalid(format!(
                    "run {} is of epoch {}, in a segment of epoch {epoch}",
                    checkpoint.run, checkpoint.epoch
                )));
            }
            if checkpoint.finite && !column.iter().all(|weight| weight.is_finite()) {
                return Err(Error::invalid(format!(
                    "run {}, epoch {epoch} has weights that are not finite, and is not marked so",
                    checkpoint.run
                )));
            }
        }
        Ok(())
    }

    /// The names in the directory, sorted.
    pub(crate) fn names(&self) -> Result<BTreeSet<String>> {
        directory::list(&self.directory)
    }
}

/// Writes the description that makes a directory a store.
pub(crate) fn describe(
    storage: &Arc<dyn Storage>,
    directory: &Path,
    recipe: &str,
    layout: &[TensorShape],
) -> Result<()> {
    let parameters = validate_description(recipe, layout)?;
    let header = codec::encode(&Header {
        recipe: recipe.to_owned(),
        layout: layout.to_vec(),
        checkpoints: Vec::new(),
    })?;
    let frame = Frame::new(Kind::Description, &header, parameters, Vec::new())?;
    write_frame(storage, directory, names::DESCRIPTION, &frame).map(drop)
}

fn write_frame(
    storage: &Arc<dyn Storage>,
    directory: &Path,
    name: &str,
    frame: &Frame<'_>,
) -> Result<PathBuf> {
    let target = directory.join(name);
    let mut file = NewFile::begin(storage.clone(), &target, true)?;
    for piece in frame.pieces() {
        file.append(piece);
        file.check()?;
    }
    file.finish()?;
    Ok(target)
}
