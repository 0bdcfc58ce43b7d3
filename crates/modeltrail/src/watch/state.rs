//! What a watch keeps on disk, so that one that was killed continues as if it had not been.
//!
//! The file is one line of JSON, then vectors of f32, little-endian, then the BLAKE3 of all before
//! it. It is replaced as a whole **before** a checkpoint is reported, with the checkpoint in hand and the
//! detector as it was before it. A watch that starts judges it again, says that it does so, and has
//! lost nothing, though the checkpoint itself may be deleted by then.

use super::reading::{Form, Stamp};
use super::watcher::{Followed, InHand};
use crate::error::{Error, Result};
use crate::small_file;
use checkpoint_store::NewFile;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::Path;
use trajectory::shift::{Cause, Numbers};

/// What a state says that it is.
const SCHEMA: &str = "modeltrail.watch-state/3";
/// Largest state that is read, in bytes.
const LARGEST: u64 = 1 << 36;
/// Bytes of a BLAKE3.
const DIGEST: usize = 32;

/// What helps where a state cannot be used.
const WAY_OUT: &str = "Remove it, and the watch starts anew";

/// What every version of a state has.
#[derive(Deserialize)]
struct Versioned {
    schema: String,
}

/// Everything but the vectors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    schema: String,
    /// The folder that is followed, by its real path.
    pub(super) directory: OsString,
    pub(super) followed: Followed,
    pub(super) seen: Vec<(OsString, Stamp)>,
    /// Lengths of the newest steps, as bits: texts of fractions need not come back as they were.
    pub(super) recent: Vec<u64>,
    pub(super) alarm: Option<(Cause, usize)>,
    pub(super) numbers: Numbers,
    /// The checkpoint in hand, which is to be judged again; none between two that are given one by one.
    pub(super) in_hand: Option<InHand>,
    /// Whether all is done that an alarm of the checkpoint in hand asks for.
    pub(super) was_reported: bool,
    /// Numbers in a vector.
    length: usize,
}

/// A state in memory.
#[derive(Debug)]
pub(super) struct State {
    pub(super) header: Header,
    /// That of the checkpoint in hand, if there is one, then those of the detector.
    pub(super) vectors: Vec<Vec<f32>>,
}

impl Header {
    pub(super) fn new(
        directory: OsString,
        followed: Followed,
        numbers: Numbers,
        in_hand: Option<InHand>,
        length: usize,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            directory,
            followed,
            seen: Vec::new(),
            recent: Vec::new(),
            alarm: None,
            numbers,
            in_hand,
            was_reported: false,
            length,
        }
    }
}

impl State {
    pub(super) fn form(&self) -> Form {
        self.header.followed.form
    }

    /// Puts it in the place of an older one, whole and durable, or leaves that as it is.
    ///
    /// # Errors
    /// When the folder cannot be written to or is full.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut file = NewFile::create(path, true)?;
        self.encode(path, &mut |bytes| file.append(bytes))?;
        Ok(file.finish()?)
    }

    /// Hands over its bytes, part by part; errors name the path.
    ///
    /// # Errors
    /// When the header cannot be written as JSON.
    pub(super) fn encode(&self, path: &Path, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        let header = serde_json::to_vec(&self.header).map_err(|error| Error::Unsuitable {
            path: path.to_path_buf(),
            what: format!("it cannot hold this state ({error})"),
            way_out: WAY_OUT,
        })?;
        let mut hasher = blake3::Hasher::new();
        let mut append = |bytes: &[u8]| {
            hasher.update(bytes);
            sink(bytes);
        };
        append(&header);
        append(b"\n");
        for vector in &self.vectors {
            for values in vector.chunks(1 << 14) {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                append(&bytes);
            }
        }
        sink(hasher.finalize().as_bytes());
        Ok(())
    }

    /// Reads a state, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, of another version, or something else.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        Self::decode(path, &small_file::read(path, LARGEST)?).map(Some)
    }

    /// A state of these bytes; errors name the path.
    ///
    /// # Errors
    /// When they are damaged, of another version, or something else.
    pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::Unsuitable {
            path: path.to_path_buf(),
            what: "it is not the state of a watch, or it is damaged".to_owned(),
            way_out: WAY_OUT,
        };
        let (bytes, digest) = bytes
            .len()
            .checked_sub(DIGEST)
            .and_then(|end| bytes.split_at_checked(end))
            .ok_or_else(damaged)?;
        if blake3::hash(bytes).as_bytes().as_slice() != digest {
            return Err(damaged());
        }
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let (header, values) = end
            .and_then(|end| bytes.split_at_checked(end))
            .ok_or_else(damaged)?;
        let Versioned { schema } = serde_json::from_slice(header).map_err(|_| damaged())?;
        if schema != SCHEMA {
            return Err(Error::Version {
                path: path.to_path_buf(),
                found: schema,
                supported: SCHEMA,
                way_out: WAY_OUT,
            });
        }
        let header: Header = serde_json::from_slice(header).map_err(|_| damaged())?;
        let values = values.get(1..).unwrap_or_default();
        let row = header.length.checked_mul(4).filter(|&bytes| bytes > 0);
        let row = row.ok_or_else(damaged)?;
        if !values.len().is_multiple_of(row) {
            return Err(damaged());
        }
        let number = |bytes: &[u8]| {
            let bytes = bytes.first_chunk().copied().unwrap_or_default();
            f32::from_le_bytes(bytes)
        };
        let vectors = values.chunks(row);
        let vectors = vectors.map(|vector| vector.chunks(4).map(number).collect());
        Ok(Self {
            header,
            vectors: vectors.collect(),
        })
    }
}
