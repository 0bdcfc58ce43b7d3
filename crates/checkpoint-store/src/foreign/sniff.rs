//! Which format a file has, by its content.

use std::path::Path;

use super::archive::{Archive, LOCAL_SIGNATURE};
use super::flax;
use super::format::{BURNPACK_MAGIC, Format, LEGACY_MAGIC, NPY_MAGIC, READ_KINDS};
use super::gguf;
use super::hdf5;
use super::onnx;
use super::others;
use super::source::{Source, foreign};
use crate::limits::Limits;
use crate::{Error, Fault, Result};

/// Longest name of the first entry of an archive that is looked at.
const MAX_NAME_BYTES: u64 = 1024;

/// What a file is, with the directory of an archive, which tells it.
#[derive(Debug)]
pub(super) enum Sniffed {
    Torch(Archive),
    Npz(Archive),
    Safetensors,
    TorchLegacy,
    Npy,
    Burnpack,
    Gguf,
    Onnx,
    Hdf5,
    Flax,
    Keras(Archive),
}

impl Sniffed {
    /// Tells the format of a file by its content.
    ///
    /// # Errors
    /// [`Fault::Damaged`] for a file that is empty or a zip archive without its directory,
    /// [`Fault::NotACheckpoint`] for everything that none of the formats begins with, saying what
    /// it is where that shows.
    pub(super) fn of(source: &Source, limits: &Limits) -> Result<Self> {
        let start = start_of(source)?;
        if start.is_empty() {
            return Err(source.damaged("it is empty"));
        }
        if start.iter().take(64).all(|&byte| byte == 0) {
            return Err(source.damaged("it begins with zeros, as a file that was never filled"));
        }
        if start.starts_with(NPY_MAGIC) {
            return Ok(Self::Npy);
        }
        if start.starts_with(BURNPACK_MAGIC) {
            return Ok(Self::Burnpack);
        }
        if start.starts_with(hdf5::MAGIC) {
            return Ok(Self::Hdf5);
        }
        if start.starts_with(gguf::MAGIC) {
            return Ok(Self::Gguf);
        }
        if start.starts_with(LEGACY_MAGIC) {
            return Ok(Self::TorchLegacy);
        }
        if start.starts_with(LOCAL_SIGNATURE) || start.starts_with(b"PK\x05\x06") {
            return Self::of_archive(source, limits);
        }
        if onnx::is_model(&start) {
            return Ok(Self::Onnx);
        }
        // Eight bytes of length, then JSON; only that much of a cut-off file may be there.
        if start.get(8) == Some(&b'{') && start.get(7) == Some(&0) {
            return Ok(Self::Safetensors);
        }
        if flax::is_dictionary(&start) {
            return Ok(Self::Flax);
        }
        Err(unknown(source.path(), &start))
    }

    fn of_archive(source: &Source, limits: &Limits) -> Result<Self> {
        if source.path().extension().unwrap_or_default() == "distcp" {
            return Err(foreign(
                source.path(),
                Fault::NotACheckpoint,
                "this is one of the files of a checkpoint that torch.distributed.checkpoint wrote, and \
                 what is in it stands in the `.metadata` beside it",
                "Name the folder that holds both",
            ));
        }
        let archive = Archive::read(source, limits)?;
        let mut names = archive.entries().iter().map(|entry| entry.name.as_str());
        if names.clone().any(|name| name.ends_with("/data.pkl")) {
            return Ok(Self::Torch(archive));
        }
        if archive.entries().is_empty() || names.all(|name| name.ends_with(".npy")) {
            return Ok(Self::Npz(archive));
        }
        let has = |name: &str| archive.get(name).is_some();
        if has(hdf5::IN_ARCHIVE) && has("config.json") {
            return Ok(Self::Keras(archive));
        }
        let (what, way_out) = if has("policy.pth") {
            (
                "this is a zip archive of Stable-Baselines3, with the weights in its `policy.pth`",
                "Take `policy.pth` out of it, and name that",
            )
        } else {
            (
                "this is a zip archive, and not one that torch.save or numpy.savez wrote",
                "If it holds checkpoints, unpack it and name the folder",
            )
        };
        Err(foreign(source.path(), Fault::NotACheckpoint, what, way_out))
    }

    pub(super) fn format(&self) -> Format {
        match self {
            Self::Torch(_) => Format::Torch,
            Self::Npz(_) => Format::Npz,
            Self::Safetensors => Format::Safetensors,
            Self::TorchLegacy => Format::TorchLegacy,
            Self::Npy => Format::Npy,
            Self::Burnpack => Format::Burnpack,
            Self::Gguf => Format::Gguf,
            Self::Onnx => Format::Onnx,
            Self::Hdf5 | Self::Keras(_) => Format::Hdf5,
            Self::Flax => Format::Flax,
        }
    }
}

/// The first bytes of a file: as many as tell a tar archive.
fn start_of(source: &Source) -> Result<Vec<u8>> {
    let mut start = vec![0; source.len().min(512) as usize];
    source.read(&mut start, 0)?;
    Ok(start)
}

/// Whether a file that is none of a format that is read is one of another that is known.
pub(super) fn is_known_otherwise(path: &Path) -> bool {
    let start = Source::open(path).and_then(|source| start_of(&source));
    start.is_ok_and(|start| is_tar(&start) || other(&start).is_some())
}

fn is_tar(start: &[u8]) -> bool {
    start.get(257..262) == Some(b"ustar")
}

/// What a file that begins so is, and what to do about it.
fn other(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = start.trim_ascii_start();
    OTHERS
        .iter()
        .find(|(magic, _, _)| text.starts_with(magic) || start.starts_with(magic))
        .map(|&(_, what, way_out)| (what, way_out))
}

/// Tells the format by the first bytes, and by the directory of an archive only where its first
/// entry does not tell: what the content really is shows when it is read.
///
/// # Errors
/// As [`Sniffed::of`].
pub(super) fn quick(source: &Source, limits: &Limits) -> Result<Format> {
    match first_entry(source)? {
        Some(name) if name.ends_with(b"/data.pkl") => Ok(Format::Torch),
        Some(name) if name.ends_with(b".npy") => Ok(Format::Npz),
        _ => Sniffed::of(source, limits).map(|sniffed| sniffed.format()),
    }
}

/// The name of the entry that an archive begins with.
fn first_entry(source: &Source) -> Result<Option<Vec<u8>>> {
    const NAME_AT: u64 = 30;
    let mut head = [0; NAME_AT as usize];
    if source.len() < NAME_AT {
        return Ok(None);
    }
    source.read(&mut head, 0)?;
    let [.., low, high, _, _] = head;
    let len = u64::from(u16::from_le_bytes([low, high]));
    if !head.starts_with(LOCAL_SIGNATURE)
        || len > MAX_NAME_BYTES
        || source.len() < NAME_AT.saturating_add(len)
    {
        return Ok(None);
    }
    let mut name = vec![0; len as usize];
    source.read(&mut name, NAME_AT)?;
    Ok(Some(name))
}

/// What other files begin with, what they are, and what to do about them.
const OTHERS: [(&[u8], &str, &str); 10] = [
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file itself",
        "Fetch the file with `git lfs pull`",
    ),
    (
        b"<",
        "a page of HTML or XML",
        "The download went wrong: open it in a text editor to see what the server said, and download again",
    ),
    (
        b"\x1f\x8b",
        "compressed with gzip",
        "Unpack it first with gunzip",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "compressed with zstd",
        "Unpack it first with `zstd -d`",
    ),
    (
        b"\xfd7zXZ\0",
        "compressed with xz",
        "Unpack it first with unxz",
    ),
    (
        b"BZh",
        "compressed with bzip2",
        "Unpack it first with bunzip2",
    ),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first"),
    (b"PAR1", "a Parquet file", "Name the checkpoint itself"),
    (
        b"\x08\x01\x12",
        "a TensorFlow SavedModel",
        "Load it with tf.saved_model.load, and save the weights with numpy.savez",
    ),
    (
        b"\x80",
        "a pickle, but not one that torch.save wrote",
        "Save the weights with torch.save(model.state_dict(), …), safetensors or numpy.savez",
    ),
];

/// Whether a file that begins as a pickle, of which several libraries write some, is called as those of one.
fn is_named(path: &Path, start: &[u8]) -> bool {
    let is_general = |what: &str| what.starts_with("pickle");
    start.starts_with(b"\x80") && others::by_name(path).is_some_and(|(what, _)| !is_general(what))
}

/// The error for a file that begins like none of the formats.
fn unknown(path: &Path, start: &[u8]) -> Error {
    let is_description = path.file_name().unwrap_or_default() == super::distributed::METADATA;
    if let (true, Some((what, way_out))) = (is_description, others::by_name(path)) {
        return foreign(
            path,
            Fault::NotACheckpoint,
            format!("it describes {what}, and holds no weights itself"),
            way_out,
        );
    }
    let (what, way_out) = if is_tar(start) {
        (
            "a tar archive",
            "Unpack it, and name the files or the folder",
        )
    } else if let Some(other) = other(start).filter(|_| !is_named(path, start)) {
        other
    } else if let Some((what, way_out)) = others::by_name(path) {
        return foreign(
            path,
            Fault::NotACheckpoint,
            format!("it is called as {what} are, which are not read"),
            way_out,
        );
    } else {
        ("no checkpoint of a kind that is supported", READ_KINDS)
    };
    foreign(
        path,
        Fault::NotACheckpoint,
        format!("this is {what}"),
        way_out,
    )
}
