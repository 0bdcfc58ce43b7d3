//! What is fuzzed, and the files that fuzzing begins with: seeds out of the [families](crate::families),
//! and what cargo-fuzz found to take other ways through the readers, in `fuzz/corpus`.

use std::io;
use std::path::PathBuf;

use crate::families::{Broken, Expect, Reader};

/// Largest file to begin with, in bytes: a segment of one checkpoint has 4144.
const LARGEST: usize = 5000;
/// Most files of a target that must be refused: one byte after the other is changed in many of them.
const MOST_REFUSED: usize = 100;

/// Something that reads files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Sealed files of a store.
    Segment,
    /// The importer of safetensors.
    Safetensors,
    /// The importer of PyTorch's archives and of the pickles in them.
    Torch,
    /// The importer of single NumPy arrays.
    Npy,
    /// Recipes in TOML.
    Recipe,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Segment,
        Self::Safetensors,
        Self::Torch,
        Self::Npy,
        Self::Recipe,
    ];

    /// What it is called in `fuzz/fuzz_targets` and `fuzz/corpus`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Safetensors => "safetensors",
            Self::Torch => "torch",
            Self::Npy => "npy",
            Self::Recipe => "recipe",
        }
    }

    /// What its files are called.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Segment => "a.segment",
            Self::Safetensors => "a.safetensors",
            Self::Torch => "a.pt",
            Self::Npy => "a.npy",
            Self::Recipe => "a.toml",
        }
    }

    fn reader(self) -> Reader {
        match self {
            Self::Segment => Reader::Store,
            Self::Recipe => Reader::Recipe,
            Self::Safetensors | Self::Torch | Self::Npy => Reader::Weights,
        }
    }

    /// Its small files among the families, [all](crate::families::all) of them, sound or nearly so.
    #[must_use]
    pub fn seeds(self, families: &[Broken]) -> Vec<Vec<u8>> {
        let mut seeds: Vec<Vec<u8>> = Vec::new();
        for broken in families {
            let [(name, bytes)] = &broken.files[..] else {
                continue;
            };
            let is_its = broken.reader == self.reader() && name == self.file();
            let is_wanted = broken.expect != Expect::Refused || seeds.len() < MOST_REFUSED;
            if is_its && is_wanted && bytes.len() <= LARGEST {
                seeds.push(bytes.clone());
            }
        }
        seeds
    }

    /// The files of its corpus, by name; where this workspace was when it was compiled.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn corpus(self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let mut files = Vec::new();
        for entry in std::fs::read_dir(workspace.join("fuzz/corpus").join(self.name()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, std::fs::read(entry.path())?));
        }
        files.sort();
        Ok(files)
    }
}
