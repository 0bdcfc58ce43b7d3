//! A file of sketches: which files are such, and reading one.

use crate::collection::claims::Claims;
use crate::coverage::Unread;
use crate::error::{Error, Result};
use crate::remote::is_remote;
use crate::small_file;
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::natural;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::{Path, PathBuf};
use weightspace::sketch::{Parameters, Sketch, VERSION, matrix};

/// What a file of sketches says that it is.
pub const SCHEMA: &str = "modeltrail.sketches/2";
/// The version before, which does not say how tensors are stored; it is read as well.
const BEFORE: &str = "modeltrail.sketches/1";
/// Largest file of sketches that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// A file of sketches.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sketches {
    /// [`SCHEMA`].
    pub schema: String,
    /// One per checkpoint.
    pub checkpoints: Vec<Kept>,
}

/// What is kept of one checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// What it was called.
    pub name: String,
    /// What it said of itself.
    pub claims: Claims,
    /// Its sketch.
    pub sketch: Sketch,
    /// How its tensors are stored, as far as that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stored: Vec<StoredAs>,
    /// Tensors of it that could not be read, and that the sketch lacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// Tensors that are stored alike: in one file, and with one number type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAs {
    /// The name of the file, where a checkpoint may have several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The number type, as `inspect` names it.
    pub dtype: String,
    /// The tensors.
    pub tensors: Vec<String>,
}

/// Whether a path is called as files of sketches are, and is no index of shards or folder. They lie on
/// this machine.
pub fn is_named_so(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".json") && !name.ends_with(".index.json") && !path.is_dir() && !is_remote(path)
}

/// The files of sketches that a path stands for: itself, or those that a glob matches. By a glob
/// that does not end in `.json`, only what begins as a file of sketches is one.
pub fn named(path: &Path) -> Vec<PathBuf> {
    if is_remote(path) {
        return Vec::new();
    }
    if path.symlink_metadata().is_ok() {
        return is_named_so(path)
            .then(|| path.to_path_buf())
            .into_iter()
            .collect();
    }
    // As checkpoints are matched.
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        case_sensitive: true,
    };
    let pattern = path.to_str().filter(|text| text.contains(['*', '?', '[']));
    let matches = pattern.and_then(|pattern| glob::glob_with(pattern, options).ok());
    let is_meant = is_named_so(path);
    let mut files: Vec<PathBuf> = matches.into_iter().flatten().flatten().collect();
    files.retain(|file| file.is_file() && is_named_so(file) && (is_meant || begins_so(file)));
    files.sort_by(|a, b| natural(a, b));
    files
}

/// How files of sketches begin, whatever else is in them.
const START: &[u8] = br#"{"schema":"modeltrail.sketches/"#;

/// The files right inside a folder that are called as files of sketches are and begin as these do,
/// sorted by name; other `.json` files are passed over.
pub fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && path.is_file() && is_named_so(path) && begins_so(path)
    });
    files.sort_by(|a, b| natural(a, b));
    files
}

fn begins_so(path: &Path) -> bool {
    let mut start = [0; START.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == START
}

/// The tensors of a sketch.
pub fn layout(sketch: &Sketch) -> Vec<TensorShape> {
    let tensors = sketch.tensors.iter().map(|tensor| {
        let shape: Vec<u64> = tensor.shape.iter().map(|&side| side as u64).collect();
        TensorShape::new(tensor.name.clone(), shape)
    });
    tensors.collect()
}

/// Reads a file of sketches.
///
/// # Errors
/// When it cannot be read, is something else, or was made in another way than this program makes
/// sketches.
pub fn read(path: &Path) -> Result<Sketches> {
    let unsuitable = |what: String, way_out| Error::Unsuitable {
        path: path.to_path_buf(),
        what,
        way_out,
    };
    let text = small_file::read(path, LARGEST)?;
    let file: Sketches = serde_json::from_slice(&text).map_err(|error| {
        let what = format!("it is not a file of sketches ({error})");
        unsuitable(
            what,
            "Sketch the checkpoints, and give the file that this writes",
        )
    })?;
    if ![SCHEMA, BEFORE].contains(&file.schema.as_str()) {
        return Err(unsuitable(
            format!(
                "it says that it is {:?}, and {BEFORE:?} and {SCHEMA:?} are read",
                file.schema
            ),
            ANEW,
        ));
    }
    for kept in &file.checkpoints {
        check(kept).map_err(|what| unsuitable(what, ANEW))?;
    }
    Ok(file)
}

/// Checks that a sketch is one that this program makes.
///
/// # Errors
/// With what is wrong with it, in words.
pub fn check(kept: &Kept) -> std::result::Result<(), String> {
    let Kept { name, sketch, .. } = kept;
    let usual = Parameters {
        tensor_dimensions: sketch.parameters.tensor_dimensions,
        ..Parameters::default()
    };
    if sketch.version != VERSION || sketch.parameters != usual {
        return Err(format!(
            "the sketch of {name} was made in another way than this program makes them"
        ));
    }
    let is_finite = sketch.tensors.iter().all(|tensor| tensor.non_finite == 0);
    // Refuses what no sketcher can have made.
    if is_finite && let Err(error) = matrix(&[sketch]) {
        return Err(format!("the sketch of {name} is damaged ({error})"));
    }
    Ok(())
}

/// What helps against sketches that are not read.
const ANEW: &str = "Sketch the checkpoints anew";
