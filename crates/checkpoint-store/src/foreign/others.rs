//! Formats that are known and not read, by the names of their files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files of one format that is known and not read, met in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFormat {
    /// What it is: `a Keras file (HDF5)`.
    pub what: &'static str,
    /// What to do to have it read: a sentence without its full stop.
    pub way_out: &'static str,
    /// The first of the files.
    pub first: PathBuf,
    /// How many there are.
    pub count: usize,
}

/// A file that lies beside checkpoints and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// The file.
    pub path: PathBuf,
    /// What it is, in a few words: `it holds the state of an optimiser, a schedule or a generator`.
    pub what: &'static str,
}

/// A format: what its files are, what to do, and how they are told by their names.
struct Known {
    what: &'static str,
    way_out: &'static str,
    extensions: &'static [&'static str],
    /// Parts of names, for files whose extension does not tell.
    parts: &'static [&'static str],
}

const AS_STATE_DICT: &str =
    "Save the weights with safetensors, torch.save(model.state_dict(), …) or numpy.savez";

const KNOWN: [Known; 10] = [
    Known {
        what: "DeepSpeed ZeRO files",
        way_out: "Copy the files of all ranks into one folder, those of the model and those of the optimiser, and name it",
        extensions: &[],
        parts: &["zero_pp_rank_", "_optim_states.pt"],
    },
    Known {
        what: "torch.distributed.checkpoint files (.distcp)",
        way_out: "Name the folder that holds them and their `.metadata`",
        extensions: &["distcp"],
        parts: &[".metadata"],
    },
    Known {
        what: "Orbax checkpoints (OCDBT)",
        way_out: "Restore them with orbax.checkpoint, and save the weights with safetensors or numpy.savez",
        extensions: &["ocdbt"],
        parts: &["_CHECKPOINT_METADATA", "array_metadatas", "ocdbt."],
    },
    Known {
        what: "TensorFlow files",
        way_out: "Load them with tf.train.load_checkpoint or tf.saved_model.load, and save the weights with numpy.savez",
        extensions: &["pb", "tflite", "index"],
        parts: &[".data-00000-of-", ".ckpt.index", ".ckpt.meta"],
    },
    Known {
        what: "GGML files, from before GGUF",
        way_out: "Convert the model again with a current llama.cpp, to GGUF",
        extensions: &["ggml"],
        parts: &[],
    },
    Known {
        what: "pickle or joblib files",
        way_out: AS_STATE_DICT,
        extensions: &["joblib", "pkl", "pickle"],
        parts: &[],
    },
    Known {
        what: "zip archives",
        way_out: "If there are checkpoints in them, unpack them and name the folder",
        extensions: &["zip"],
        parts: &[],
    },
    Known {
        what: "tar archives",
        way_out: "If there are checkpoints in them, unpack them and name the folder",
        extensions: &["tar", "tgz", "nemo"],
        parts: &[".tar.gz"],
    },
    Known {
        what: "PaddlePaddle files",
        way_out: "Load them with paddle.load, and save the weights with numpy.savez or safetensors",
        extensions: &["pdparams", "pdopt", "pdiparams", "pdmodel"],
        parts: &[],
    },
    Known {
        what: "MXNet files",
        way_out: "Load them with mxnet.nd.load, and save the weights with numpy.savez or safetensors",
        extensions: &["params"],
        parts: &[],
    },
];

/// A format that is known and not supported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFormat {
    /// What its files are.
    pub what: &'static str,
    /// How they are known by their names: `*.h5`, `*zero_pp_rank_*`.
    pub names: Vec<String>,
    /// What to do to have them read: a sentence without its full stop.
    pub way_out: &'static str,
}

/// The formats whose files are named where they are met, and are not supported.
#[must_use]
pub fn known_and_not_supported() -> Vec<KnownFormat> {
    let known = KNOWN.iter().map(|known| {
        let extensions = known.extensions.iter().map(|own| format!("*.{own}"));
        let parts = known.parts.iter().map(|part| format!("*{part}*"));
        KnownFormat {
            what: known.what,
            names: extensions.chain(parts).collect(),
            way_out: known.way_out,
        }
    });
    known.collect()
}

/// The format whose files are called so.
fn known(path: &Path) -> Option<&'static Known> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_ascii_lowercase();
    let extension = Path::new(&lower).extension();
    let extension = extension.unwrap_or_default().to_string_lossy();
    KNOWN.iter().find(|known| {
        known.extensions.contains(&&*extension)
            || known.parts.iter().any(|part| name.contains(part))
    })
}

/// What files called so are, and what to do, if that is known.
pub(super) fn by_name(path: &Path) -> Option<(&'static str, &'static str)> {
    known(path).map(|known| (known.what, known.way_out))
}

/// What was met so far, by format.
#[derive(Debug, Clone, Default)]
pub(super) struct Met(BTreeMap<&'static str, OtherFormat>);

impl Met {
    /// Takes note of a file, if its name is one of a known format. Returns whether it is.
    pub(super) fn note(&mut self, path: &Path) -> bool {
        let Some(known) = known(path) else {
            return false;
        };
        let met = self.0.entry(known.what).or_insert_with(|| OtherFormat {
            what: known.what,
            way_out: known.way_out,
            first: path.to_path_buf(),
            count: 0,
        });
        met.count += 1;
        true
    }

    /// Takes over what was met elsewhere.
    pub(super) fn add(&mut self, other: &Self) {
        for (what, other) in &other.0 {
            let own = self.0.entry(what).or_insert_with(|| OtherFormat {
                count: 0,
                ..other.clone()
            });
            own.count += other.count;
        }
    }

    pub(super) fn into_vec(self) -> Vec<OtherFormat> {
        self.0.into_values().collect()
    }

    /// The format of which there is most.
    pub(super) fn most(&self) -> Option<&OtherFormat> {
        self.0.values().max_by_key(|met| met.count)
    }

    /// What was met, in words; empty if nothing was.
    pub(super) fn in_words(&self) -> String {
        let each = self.0.values().map(|met| {
            let first = met.first.file_name().unwrap_or_default().to_string_lossy();
            format!("{} ({})", met.what, super::source::shown(&first))
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_known_formats_are_told_by_their_names() {
        let mut met = Met::default();
        for name in [
            "a/model.tflite",
            "a/b.pb",
            "__0_0.distcp",
            "ckpt-1.data-00000-of-00001",
            "zero_pp_rank_0_mp_rank_00_model_states.pt",
            "manifest.ocdbt",
            "x.GGML",
            "variables.index",
            "model.pdparams",
        ] {
            assert!(met.note(Path::new(name)), "{name}");
        }
        for name in ["notes.txt", "model.pt", "README", "config.json"] {
            assert!(!met.note(Path::new(name)), "{name}");
        }
        let most = met.most().unwrap();
        assert_eq!((most.what, most.count), ("TensorFlow files", 4));
        assert!(met.in_words().contains("model.tflite"));
    }
}
