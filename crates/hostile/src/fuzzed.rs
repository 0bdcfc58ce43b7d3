//! What is fuzzed, and the files that fuzzing begins with: seeds out of the [families](crate::families),
//! and what cargo-fuzz found to take other ways through the readers, in `fuzz/corpus`.

use std::io;
use std::path::PathBuf;

use crate::families::{Broken, Expect, FOLDER, Reader, sound_folders};

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
    /// Adapters with their configuration.
    Adapter,
    /// Folders of torch.distributed.checkpoint.
    Distributed,
    /// Ranks of distributed tensors.
    Ranks,
    /// Folders of ZeRO.
    Zero,
    /// The importer of GGUF.
    Gguf,
    /// The importer of ONNX.
    Onnx,
    /// The importer of HDF5.
    Hdf5,
    /// The importer of Flax's msgpack.
    Flax,
}

/// What stands between the files of a checkpoint of several, where they are one sequence of bytes.
pub const BETWEEN: &[u8] = b"\n--next file--\n";

impl Target {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Segment,
        Self::Safetensors,
        Self::Torch,
        Self::Npy,
        Self::Recipe,
        Self::Adapter,
        Self::Distributed,
        Self::Ranks,
        Self::Zero,
        Self::Gguf,
        Self::Onnx,
        Self::Hdf5,
        Self::Flax,
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
            Self::Adapter => "adapter",
            Self::Distributed => "distributed",
            Self::Ranks => "ranks",
            Self::Zero => "zero",
            Self::Gguf => "gguf",
            Self::Onnx => "onnx",
            Self::Hdf5 => "hdf5",
            Self::Flax => "flax",
        }
    }

    /// What its files are called; of several, the folder of them is read.
    #[must_use]
    pub fn files(self) -> &'static [&'static str] {
        match self {
            Self::Segment => &["a.segment"],
            Self::Safetensors => &["a.safetensors"],
            Self::Torch => &["a.pt"],
            Self::Npy => &["a.npy"],
            Self::Gguf => &["a.gguf"],
            Self::Onnx => &["a.onnx"],
            Self::Hdf5 => &["a.h5"],
            Self::Flax => &["a.msgpack"],
            Self::Recipe => &["a.toml"],
            Self::Adapter => &["adapter_config.json", "adapter_model.safetensors"],
            Self::Distributed => &[".metadata", "__0_0.distcp"],
            Self::Ranks => &["model_rank_0.pt", "model_rank_1.pt"],
            Self::Zero => &[
                "zero_pp_rank_0_mp_rank_00_optim_states.pt",
                "zero_pp_rank_1_mp_rank_00_optim_states.pt",
                "zero_pp_rank_0_mp_rank_00_model_states.pt",
                "zero_pp_rank_1_mp_rank_00_model_states.pt",
            ],
        }
    }

    /// What its first file is called.
    #[must_use]
    pub fn file(self) -> &'static str {
        self.files().first().copied().unwrap_or_default()
    }

    /// The contents of its files in a sequence of bytes; those that are not there are empty.
    #[must_use]
    pub fn parts(self, bytes: &[u8]) -> Vec<&[u8]> {
        let count = self.files().len();
        let mut parts = Vec::with_capacity(count);
        let mut rest = bytes;
        while parts.len() + 1 < count {
            let mut windows = rest.windows(BETWEEN.len());
            let Some(place) = windows.position(|window| window == BETWEEN) else {
                break;
            };
            let (part, after) = rest.split_at(place);
            parts.push(part);
            rest = &after[BETWEEN.len()..];
        }
        parts.push(rest);
        parts.resize(count, &[]);
        parts
    }

    fn reader(self) -> Reader {
        match self {
            Self::Segment => Reader::Store,
            Self::Recipe => Reader::Recipe,
            _ => Reader::Weights,
        }
    }

    /// Its small files among the families, [all](crate::families::all) of them, sound or nearly so.
    #[must_use]
    pub fn seeds(self, families: &[Broken]) -> Vec<Vec<u8>> {
        let mut seeds: Vec<Vec<u8>> = Vec::new();
        for (name, sound) in sound_folders() {
            if name == self.name() {
                seeds.extend(sound.iter().map(|files| self.sequence(files)));
            }
        }
        if self.files().len() > 1 {
            let is_folder = |broken: &&Broken| {
                let names = broken.files.iter().map(|(name, _)| name.as_str());
                names.clone().any(|name| name == FOLDER)
                    && names
                        .filter(|name| *name != FOLDER)
                        .all(|name| self.files().contains(&name))
            };
            let folders = families.iter().filter(is_folder);
            let folders = folders.map(|broken| self.sequence(&broken.files));
            seeds.extend(folders.filter(|bytes| bytes.len() <= 3 * LARGEST));
            return seeds;
        }
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

    /// The contents of its files as one sequence of bytes.
    fn sequence(self, files: &[(String, Vec<u8>)]) -> Vec<u8> {
        let contents = self.files().iter().map(|wanted| {
            let file = files.iter().find(|(name, _)| name == wanted);
            file.map_or(&[][..], |(_, bytes)| bytes.as_slice())
        });
        contents.collect::<Vec<_>>().join(BETWEEN)
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
