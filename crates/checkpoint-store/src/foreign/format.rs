//! Which format a file has, by its content.

use std::fmt;
use std::path::Path;

use super::archive::{Archive, LOCAL_SIGNATURE};
use super::source::{Source, foreign};
use crate::limits::Limits;
use crate::{Error, Fault, Result};

/// The format of a foreign checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// A `.safetensors` file, or several that belong together.
    Safetensors,
    /// PyTorch's zip archive, as `torch.save` writes it since 1.6, or several.
    Torch,
    /// PyTorch's form before 1.6: pickles, then the bytes of the tensors.
    TorchLegacy,
    /// NumPy's `.npz`: one array per entry of a zip archive.
    Npz,
    /// NumPy's `.npy`: one array.
    Npy,
    /// Burn's burnpack (`.bpk`).
    Burnpack,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::Torch => "PyTorch",
            Self::TorchLegacy => "PyTorch before 1.6",
            Self::Npz => "npz",
            Self::Npy => "npy",
            Self::Burnpack => "burnpack",
        })
    }
}

/// What npy files begin with.
pub(super) const NPY_MAGIC: &[u8] = b"\x93NUMPY";
/// What burnpack files begin with: `BURN` as a little-endian number.
pub(super) const BURNPACK_MAGIC: &[u8] = b"NRUB";
/// What files of PyTorch before 1.6 begin with: a pickle of its magic number.
pub(super) const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";

/// What other files begin with, what they are, and what to do about them.
const OTHERS: [(&[u8], &str, &str); 12] = [
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
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file, as Keras writes",
        "Save the weights with numpy.savez or safetensors",
    ),
    (
        b"GGUF",
        "a GGUF file, whose weights are quantised",
        "Name the safetensors or PyTorch file that it was made from",
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
        b"\x08",
        "perhaps an ONNX file",
        "Save the weights with safetensors or torch.save",
    ),
    (
        b"\x80",
        "a pickle, but not one that torch.save wrote",
        "Save the weights with torch.save(model.state_dict(), …), safetensors or numpy.savez",
    ),
];

impl Format {
    /// Tells the format of a file by its content.
    ///
    /// # Errors
    /// [`Fault::Damaged`] for a file that is empty or a zip archive without its directory,
    /// [`Fault::NotACheckpoint`] for everything that none of the formats begins with, saying what
    /// it is where that shows.
    pub(super) fn of(source: &Source, limits: &Limits) -> Result<Self> {
        let mut start = [0; 64];
        let len = source.len().min(start.len() as u64) as usize;
        let start = start.get_mut(..len).unwrap_or_default();
        source.read(start, 0)?;
        if start.is_empty() {
            return Err(source.damaged("it is empty"));
        }
        if start.iter().all(|&byte| byte == 0) {
            return Err(source.damaged("it begins with zeros, as a file that was never filled"));
        }
        if start.starts_with(NPY_MAGIC) {
            return Ok(Self::Npy);
        }
        if start.starts_with(BURNPACK_MAGIC) {
            return Ok(Self::Burnpack);
        }
        if start.starts_with(LEGACY_MAGIC) {
            return Ok(Self::TorchLegacy);
        }
        if start.starts_with(LOCAL_SIGNATURE) || start.starts_with(b"PK\x05\x06") {
            return Self::of_archive(source, limits);
        }
        // Eight bytes of length, then JSON; only that much of a cut-off file may be there.
        if start.get(8) == Some(&b'{') && start.get(7) == Some(&0) {
            return Ok(Self::Safetensors);
        }
        Err(unknown(source.path(), start))
    }

    fn of_archive(source: &Source, limits: &Limits) -> Result<Self> {
        let archive = Archive::read(source, limits)?;
        let mut names = archive.entries().iter().map(|entry| entry.name.as_str());
        if names.clone().any(|name| name.ends_with("/data.pkl")) {
            return Ok(Self::Torch);
        }
        if archive.entries().is_empty() || names.all(|name| name.ends_with(".npy")) {
            return Ok(Self::Npz);
        }
        Err(foreign(
            source.path(),
            Fault::NotACheckpoint,
            "this is a zip archive, and not one that torch.save or numpy.savez wrote",
            "If it holds checkpoints, unpack it and name the folder",
        ))
    }
}

/// The error for a file that begins like none of the formats.
fn unknown(path: &Path, start: &[u8]) -> Error {
    let text = start.trim_ascii_start();
    let other = OTHERS
        .iter()
        .find(|(magic, _, _)| text.starts_with(magic) || start.starts_with(magic));
    if start.get(257..262) == Some(b"ustar") {
        return foreign(
            path,
            Fault::NotACheckpoint,
            "this is a tar archive",
            "Unpack it",
        );
    }
    match other {
        Some((_, what, way_out)) => foreign(
            path,
            Fault::NotACheckpoint,
            format!("this is {what}"),
            *way_out,
        ),
        None => foreign(
            path,
            Fault::NotACheckpoint,
            "this is no checkpoint of a kind that is read",
            READ_KINDS,
        ),
    }
}

/// What is read, for whoever named something else.
pub(super) const READ_KINDS: &str = "Read are safetensors, PyTorch (.pt, .pth, .bin, .ckpt), NumPy (.npz, .npy) and Burn (.bpk) files";
