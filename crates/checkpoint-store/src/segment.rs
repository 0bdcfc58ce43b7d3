//! A sealed segment, mapped into memory.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use blake3::Hash;
use memmap2::Mmap;
use nalgebra::DMatrixView;
use serde::de::DeserializeOwned;

use crate::codec;
use crate::error::{Error, Result};
use crate::frame::{Kind, PREAMBLE_BYTES};
use crate::header::{Checkpoint, Header};
use crate::preamble::{self, Preamble, Refusal};

/// A sealed segment: checkpoints that never change any more, mapped and verified.
///
/// The weights are those in the file, not a copy of them: opening costs one pass over the file
/// for its BLAKE3, and no memory beyond the header. It stays readable when the file is removed
/// meanwhile. It must not be truncated or written to by another program while it is open.
#[derive(Debug)]
pub struct Segment {
    file: Mapped,
    header: Header,
}

impl Segment {
    /// Maps a segment and verifies every byte of it.
    ///
    /// # Errors
    /// [`Error::Damaged`] for anything but exactly what was published, [`Error::NewerFormat`],
    /// [`Error::WrongKind`] for another file of a store, [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let file = Mapped::open(path.as_ref(), Kind::Segment)?;
        let header = file.decode()?;
        Ok(Self { file, header })
    }

    /// The weights, of shape (parameters, checkpoints).
    #[must_use]
    pub fn matrix(&self) -> DMatrixView<'_, f32> {
        DMatrixView::from_slice(
            self.weights(),
            self.parameters(),
            self.header.checkpoints.len(),
        )
    }

    /// The labels of the columns, ascending by (epoch, run).
    #[must_use]
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.header.checkpoints
    }

    /// Everything the segment says about its weights.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The number of parameters of a model, which is the number of rows.
    #[must_use]
    pub fn parameters(&self) -> usize {
        // Fits, since the weights are mapped and there is at least one column of them.
        self.file.preamble.rows as usize
    }

    /// The BLAKE3 of the segment, in hexadecimal digits. It covers weights, labels, recipe and
    /// layout, and was verified.
    #[must_use]
    pub fn hash(&self) -> String {
        self.file.digest.to_hex().to_string()
    }

    /// Where the segment lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    pub(crate) fn digest(&self) -> Hash {
        self.file.digest
    }

    /// The weights, column after column.
    pub(crate) fn weights(&self) -> &[f32] {
        self.file.weights()
    }
}

/// Reads the header of a segment or description, and only that: its digest is verified, the
/// weights are not looked at.
///
/// # Errors
/// As [`Segment::open`].
pub(crate) fn read_header(path: &Path, kind: Kind) -> Result<Header> {
    let (mut file, bytes) = open_file(path)?;
    let mut read = |length: usize, front: &mut Vec<u8>| {
        let missing = length - front.len();
        file.by_ref()
            .take(missing as u64)
            .read_to_end(front)
            .map_err(|source| Error::io("read", path, source))
    };
    let mut front = Vec::new();
    read(PREAMBLE_BYTES, &mut front)?;
    let preamble = match Preamble::parse(path, &front, bytes) {
        Ok(preamble) => preamble,
        Err(Refusal::Damaged(error)) => return Err(error),
        // Only the whole file can tell a newer version from damage.
        Err(Refusal::Version(_)) => return Mapped::open(path, kind).and_then(|file| file.decode()),
    };
    expect_kind(path, &preamble, kind)?;
    read(preamble.header.end, &mut front)?;
    if front.len() < preamble.header.end {
        return Err(Error::damaged(
            path,
            front.len() as u64,
            "it became shorter while it was read",
        ));
    }
    preamble.check_header(path, &front)?;
    decode_header(path, &preamble, &front[preamble.header.clone()])
}

/// Decodes the header of a segment or description and checks it against the preamble.
fn decode_header(path: &Path, preamble: &Preamble, bytes: &[u8]) -> Result<Header> {
    let damaged = |what: String| Error::damaged(path, preamble.header.start as u64, what);
    let header: Header = codec::decode(bytes).map_err(damaged)?;
    let parameters = header
        .validate()
        .map_err(|error| damaged(error.to_string()))?;
    let columns = header.checkpoints.len() as u64;
    if (parameters, columns) != (preamble.rows, preamble.columns) {
        return Err(damaged(format!(
            "its header speaks of {parameters} x {columns} weights, its preamble of {} x {}",
            preamble.rows, preamble.columns
        )));
    }
    match (preamble.kind, columns) {
        (Kind::Segment, 0) => Err(damaged("it is a segment without checkpoints".to_owned())),
        (Kind::Description, 1..) => Err(damaged("it is a description with checkpoints".to_owned())),
        _ => Ok(header),
    }
}

fn expect_kind(path: &Path, preamble: &Preamble, wanted: Kind) -> Result<()> {
    if preamble.kind == wanted {
        return Ok(());
    }
    Err(Error::WrongKind {
        path: path.to_path_buf(),
        found: preamble.kind.name(),
        wanted: wanted.name(),
    })
}

/// Opens a file for reading; returns it with its length.
fn open_file(path: &Path) -> Result<(File, u64)> {
    let io = |source| Error::io("open", path, source);
    // Looked at before it is opened, since opening a pipe waits for its other end.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(Error::damaged(path, 0, "it is not a regular file"));
    }
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    Ok((file, bytes))
}

/// A file of a store, mapped and verified.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) path: PathBuf,
    map: Mmap,
    pub(crate) preamble: Preamble,
    digest: Hash,
}

impl Mapped {
    pub(crate) fn open(path: &Path, kind: Kind) -> Result<Self> {
        let (file, bytes) = open_file(path)?;
        if bytes == 0 {
            return Err(Error::damaged(path, 0, "it is empty"));
        }
        let map = map(&file).map_err(|source| Error::io("map", path, source))?;
        let (preamble, digest) = preamble::check(path, &map)?;
        expect_kind(path, &preamble, kind)?;
        Ok(Self {
            path: path.to_path_buf(),
            map,
            preamble,
            digest,
        })
    }

    fn header(&self) -> &[u8] {
        &self.map[self.preamble.header.clone()]
    }

    pub(crate) fn weights(&self) -> &[f32] {
        // Maps begin at a page, and weights at a multiple of 4096 bytes: this cannot be unaligned.
        bytemuck::cast_slice(&self.map[self.preamble.weights.clone()])
    }

    /// Decodes the header of a segment or description.
    pub(crate) fn decode(&self) -> Result<Header> {
        decode_header(&self.path, &self.preamble, self.header())
    }

    /// Decodes a header of another kind.
    pub(crate) fn decode_as<T: DeserializeOwned>(&self) -> Result<T> {
        codec::decode(self.header())
            .map_err(|what| Error::damaged(&self.path, self.preamble.header.start as u64, what))
    }

    pub(crate) fn digest(&self) -> Hash {
        self.digest
    }
}

/// Maps a file read-only.
#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is read-only, and only sealed files are mapped: they got their name after
    // their last write, and this crate never writes to, truncates or replaces the inode behind
    // such a name again (publishing and removing change names only). Another program that changes
    // the file in place while it is mapped breaks this promise; the documentation of `Segment`
    // asks it not to.
    unsafe { Mmap::map(file) }
}
