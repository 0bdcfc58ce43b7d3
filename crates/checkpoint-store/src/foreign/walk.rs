//! From the paths that a person names to the files that may be checkpoints.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::distributed;
use super::format::{Format, READ_KINDS};
use super::others::{Companion, Met};
use super::problem::Problem;
use super::source::{foreign, too_large};
use super::zero;
use crate::files::{self, Look};
use crate::limits::MAX_FILES;
use crate::{Error, Fault};

/// What tells two files apart whatever their paths.
#[cfg(unix)]
pub(super) type Identity = (u64, u64);
#[cfg(not(unix))]
pub(super) type Identity = PathBuf;

/// The identity of a file or folder; links are followed.
#[cfg(unix)]
pub(super) fn identity(_path: &Path, look: &Look) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    match look {
        Look::Here(metadata) => Some((metadata.dev(), metadata.ino())),
        Look::There { .. } => {
            // What lies elsewhere is what its path says; no disk has this number.
            let hash = blake3::hash(_path.as_os_str().as_encoded_bytes());
            let first = hash.as_bytes().first_chunk().copied();
            Some((u64::MAX, u64::from_le_bytes(first.unwrap_or_default())))
        }
    }
}

#[cfg(not(unix))]
pub(super) fn identity(path: &Path, look: &Look) -> Option<Identity> {
    match look {
        Look::Here(_) => std::fs::canonicalize(path).ok(),
        Look::There { .. } => Some(path.to_path_buf()),
    }
}

/// A file that may be a checkpoint.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// Whether it was named itself, rather than found in a folder.
    pub(super) named: bool,
}

/// The files found so far.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) candidates: HashMap<Identity, Candidate>,
    pub(super) problems: Vec<Problem>,
    /// Folders that are one checkpoint each, with their files.
    pub(super) folders: Vec<(Format, PathBuf, Vec<PathBuf>)>,
    /// Which of the paths gave something.
    pub(super) fruitful: HashSet<usize>,
    /// Files of a training that hold no weights.
    pub(super) companions: Vec<Companion>,
    /// Files of formats that are not read, by the path that they were found for.
    pub(super) others: HashMap<usize, Met>,
    /// Folders that were entered, so that links in a circle end.
    entered: HashSet<Identity>,
    looked_at: usize,
}

/// Extensions of checkpoints.
const EXTENSIONS: [&str; 17] = [
    "safetensors",
    "pt",
    "pth",
    "th",
    "bin",
    "ckpt",
    "npz",
    "npy",
    "bpk",
    "burnpack",
    "gguf",
    "onnx",
    "keras",
    "h5",
    "hdf5",
    "msgpack",
    "jit",
];

/// How files begin that training programs write beside the weights.
const SIDE_FILES: [&str; 16] = [
    "optimizer",
    "optim.",
    "optim-",
    "optim_",
    "opt_state",
    "extra_state",
    "lr_scheduler",
    "scheduler",
    "scaler",
    "rng_state",
    "random_states",
    "training_args",
    "sampler",
    "dl_state_dict",
    "custom_checkpoint",
    "zero_pp_rank",
];

/// What is said of them.
const SIDE_FILE: &str =
    "it holds the state of an optimiser, a schedule or a generator, or settings";

/// Whether a file of this name is looked at when it is found in a folder.
fn may_be_checkpoint(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let extension = lower
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension);
    EXTENSIONS.contains(&extension) || lower.ends_with(".pth.tar") || is_index(&lower)
}

/// Whether a file of this name is an index of shards.
pub(super) fn is_index(name: &str) -> bool {
    name.ends_with(".safetensors.index.json") || name.ends_with(".bin.index.json")
}

/// Whether a file of this name holds the state of an optimiser, a schedule or a generator.
fn is_side_file(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SIDE_FILES.iter().any(|start| lower.starts_with(start)) || lower.contains("_optim_states.")
}

impl Walk {
    /// Adds what one path stands for.
    pub(super) fn add(&mut self, path: &Path, root: usize) {
        match files::look(path) {
            Ok(look) if look.is_dir() => self.enter(path, root),
            Ok(look) => self.add_file(path, &look, true, root),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                if files::is_remote(path) {
                    return self.add_remote_glob(path, root);
                }
                if path.symlink_metadata().is_ok() {
                    // A link whose other end is not there.
                    return self.problem(path, Error::io("look at", path, source), root);
                }
                match path.to_str().filter(|text| text.contains(['*', '?', '['])) {
                    Some(pattern) => self.add_glob(path, pattern, root),
                    None => self.problem(
                        path,
                        foreign(
                            path,
                            Fault::Missing,
                            "there is no such file or folder",
                            "Check the spelling",
                        ),
                        root,
                    ),
                }
            }
            Err(source) => self.problem(path, Error::io("look at", path, source), root),
        }
    }

    fn add_glob(&mut self, path: &Path, pattern: &str, root: usize) {
        let options = glob::MatchOptions {
            require_literal_separator: true,
            require_literal_leading_dot: true,
            case_sensitive: true,
        };
        let paths = match glob::glob_with(pattern, options) {
            Ok(paths) => paths,
            Err(error) => {
                let error = foreign(
                    path,
                    Fault::Missing,
                    format!("there is no such file, and it is no pattern either ({error})"),
                    "Check the spelling",
                );
                return self.problem(path, error, root);
            }
        };
        let mut matches = 0_usize;
        for found in paths {
            if self.is_exhausted(path, root) {
                break;
            }
            matches += 1;
            match found {
                Ok(found) => match files::look(&found) {
                    Ok(look) if look.is_dir() => self.enter(&found, root),
                    Ok(look) => self.add_file(&found, &look, false, root),
                    Err(source) => {
                        self.problem(&found, Error::io("look at", &found, source), root);
                    }
                },
                Err(error) => {
                    let found = error.path().to_path_buf();
                    self.problem(&found, Error::io("look at", &found, error.into()), root);
                }
            }
        }
        if matches == 0 {
            let error = foreign(
                path,
                Fault::Missing,
                "no file matches this pattern",
                "Check the spelling",
            );
            self.problem(path, error, root);
        } else if !self.fruitful.contains(&root) {
            let met = self.others.get(&root);
            let error = nothing(path, "what matches this pattern", met);
            self.problem(path, error, root);
        }
    }

    /// Adds the files of a remote folder that match a pattern.
    fn add_remote_glob(&mut self, path: &Path, root: usize) {
        let is_pattern = |text: &&str| text.contains(['*', '?', '[']);
        let found = path.to_str().filter(is_pattern).map(files::matching);
        let what = match &found {
            None => "there is no such file or folder",
            Some(_) => "no file matches this pattern",
        };
        for found in found.iter().flatten() {
            if self.is_exhausted(path, root) {
                break;
            }
            if let Ok(look) = files::look(found) {
                self.add_file(found, &look, false, root);
            }
        }
        if found.is_none_or(|found| found.is_empty()) {
            let error = foreign(path, Fault::Missing, what, "Check the spelling");
            self.problem(path, error, root);
        } else if !self.fruitful.contains(&root) {
            let error = nothing(path, "what matches this pattern", self.others.get(&root));
            self.problem(path, error, root);
        }
    }

    /// Looks through a folder and those in it.
    fn enter(&mut self, folder: &Path, root: usize) {
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let look = files::look(&folder).ok();
            let identity = look.and_then(|look| identity(&folder, &look));
            if identity.is_some_and(|identity| !self.entered.insert(identity)) {
                // It was looked through before, for this path or another.
                self.fruitful.insert(root);
                continue;
            }
            let distributed = distributed::files(&folder);
            let is_distributed = distributed.is_some();
            let mut taken: HashSet<PathBuf> = HashSet::new();
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            if is_side_file(&name)
                && let Some(files) = &distributed
            {
                let side = files.iter().map(|path| Companion {
                    path: path.clone(),
                    what: SIDE_FILE,
                });
                self.companions.extend(side);
                continue;
            }
            for (format, files) in [
                (Format::TorchDistributed, distributed),
                (Format::DeepSpeedZero, zero::files(&folder)),
            ] {
                if let Some(files) = files {
                    self.fruitful.insert(root);
                    taken.extend(files.iter().cloned());
                    self.folders.push((format, folder.clone(), files));
                }
            }
            let mut paths = match files::list(&folder) {
                Ok(paths) => paths,
                Err(source) => {
                    self.problem(&folder, Error::io("list", &folder, source), root);
                    continue;
                }
            };
            paths.sort();
            // The last folder pushed is entered first.
            let mut inner = Vec::new();
            for path in paths {
                if self.is_exhausted(&folder, root) {
                    return;
                }
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                // Megatron keeps what is no tensor beside those of torch.distributed.checkpoint.
                let is_taken = is_distributed && (name.ends_with(".distcp") || name == "common.pt");
                if name.starts_with('.') || is_taken || taken.contains(&path) {
                    continue;
                }
                match files::look(&path) {
                    Ok(look) if look.is_dir() => inner.push(path),
                    Ok(look) => self.add_file(&path, &look, false, root),
                    Err(source) if may_be_checkpoint(&name) => {
                        self.problem(&path, Error::io("look at", &path, source), root);
                    }
                    Err(_) => {}
                }
            }
            folders.extend(inner.into_iter().rev());
        }
    }

    fn add_file(&mut self, path: &Path, look: &Look, named: bool, root: usize) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !named && !look.is_file() {
            return;
        }
        if !named && (!may_be_checkpoint(&name) || is_side_file(&name)) {
            if may_be_checkpoint(&name) {
                self.companions.push(Companion {
                    path: path.to_path_buf(),
                    what: SIDE_FILE,
                });
            }
            self.others.entry(root).or_default().note(path);
            return;
        }
        self.fruitful.insert(root);
        let Some(identity) = identity(path, look) else {
            return;
        };
        let candidate = self
            .candidates
            .entry(identity)
            .or_insert_with(|| Candidate {
                path: path.to_path_buf(),
                named,
            });
        // Of several paths, the one that was named stays, then the first.
        if named && !candidate.named {
            *candidate = Candidate {
                path: path.to_path_buf(),
                named,
            };
        }
    }

    /// Counts a file, and stops where there are too many.
    fn is_exhausted(&mut self, path: &Path, root: usize) -> bool {
        self.looked_at += 1;
        if self.looked_at == MAX_FILES + 1 {
            let error = too_large(
                path,
                "the number of files to look at",
                self.looked_at as u64,
                MAX_FILES as u64,
            );
            self.problem(path, error, root);
        }
        self.looked_at > MAX_FILES
    }

    pub(super) fn problem(&mut self, path: &Path, error: Error, root: usize) {
        self.fruitful.insert(root);
        self.problems.push(Problem {
            path: path.to_path_buf(),
            error,
        });
    }
}

/// The error for a place without checkpoints, naming what is there instead.
pub(super) fn nothing(path: &Path, where_: &str, met: Option<&Met>) -> Error {
    match met.and_then(|met| met.most().map(|most| (met, most))) {
        Some((met, most)) => foreign(
            path,
            Fault::Missing,
            format!(
                "there is no checkpoint in {where_} that is supported, but {}",
                met.in_words()
            ),
            most.way_out,
        ),
        None => foreign(
            path,
            Fault::Missing,
            format!("there is no checkpoint in {where_}"),
            READ_KINDS,
        ),
    }
}

/// Compares paths as a person sorts them: `ckpt-2` before `ckpt-10`.
#[must_use]
pub fn natural(a: &Path, b: &Path) -> Ordering {
    let parts = |path: &Path| -> Vec<String> {
        path.components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect()
    };
    let (left, right) = (parts(a), parts(b));
    left.iter()
        .zip(&right)
        .map(|(a, b)| natural_names(a, b))
        .find(|ordering| ordering.is_ne())
        .unwrap_or(left.len().cmp(&right.len()))
        .then_with(|| a.cmp(b))
}

/// Compares names with runs of digits as numbers; names that differ in leading zeros alone are equal.
#[must_use]
pub fn natural_names(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (a_digits, b_digits) = (digits(a), digits(b));
        if a_digits > 0 && b_digits > 0 {
            let (a_number, a_rest) = a.split_at_checked(a_digits).unwrap_or((a, ""));
            let (b_number, b_rest) = b.split_at_checked(b_digits).unwrap_or((b, ""));
            let a_number = a_number.trim_start_matches('0');
            let b_number = b_number.trim_start_matches('0');
            let ordering = (a_number.len().cmp(&b_number.len())).then(a_number.cmp(b_number));
            if ordering.is_ne() {
                return ordering;
            }
            (a, b) = (a_rest, b_rest);
            continue;
        }
        let (mut a_rest, mut b_rest) = (a.chars(), b.chars());
        match (a_rest.next(), b_rest.next()) {
            (None, None) => return Ordering::Equal,
            (a_next, b_next) if a_next != b_next => return a_next.cmp(&b_next),
            _ => (a, b) = (a_rest.as_str(), b_rest.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_sort_as_a_person_sorts_them() {
        let mut paths = [
            "run-10/a",
            "ckpt-10.pt",
            "ckpt-2.pt",
            "ckpt-02.pt",
            "ckpt.pt",
            "run-9/z",
            "ckpt-1.pt",
        ]
        .map(PathBuf::from);
        paths.sort_by(|a, b| natural(a, b));
        assert_eq!(
            paths,
            [
                "ckpt-1.pt",
                "ckpt-02.pt",
                "ckpt-2.pt",
                "ckpt-10.pt",
                "ckpt.pt",
                "run-9/z",
                "run-10/a",
            ]
            .map(PathBuf::from)
        );
    }
}
