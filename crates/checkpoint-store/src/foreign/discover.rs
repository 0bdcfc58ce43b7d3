//! Finding the checkpoints of other programs.

mod claims;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claims::{claim_beside, claim_folders, claim_series};

use super::adapter;
use super::claimed::{Claimed, Origin};
use super::distributed;
use super::format::Format;
use super::found::Found;
use super::memory::Arrays;
use super::others::{Companion, Met, OtherFormat};
use super::pattern::Meant;
use super::problem::Problem;
use super::ranks;
use super::shards::{Index, missing_shard, shard_name, unnamed};
use super::sniff;
use super::source::Source;
use super::walk::{Candidate, Identity, Walk, identity, is_index, natural, nothing};
use crate::files;
use crate::limits::Limits;
use crate::{Error, Fault, Result};

/// What the paths stand for.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The checkpoints, sorted as a person sorts paths: `ckpt-2` before `ckpt-10`.
    pub checkpoints: Vec<Found>,
    /// What could not be taken for a checkpoint, sorted likewise: the rest goes on.
    pub problems: Vec<Problem>,
    /// How many files were passed over that a training writes beside the weights: optimisers,
    /// schedules, random states, second copies in another format.
    pub passed_over: usize,
    /// These files, sorted likewise.
    pub companions: Vec<Companion>,
    /// Files of formats that are known and not read, which were found in folders.
    pub others: Vec<OtherFormat>,
}

/// Finds the checkpoints in files, folders (with all in them) and globs (`ckpt/*.pt`, `**/*.npz`).
///
/// A path that exists is taken as it is, whatever signs are in it. In folders and by globs, files
/// are looked at whose extension is one of those of checkpoints, and names that begin with a dot
/// are not; a file that is named itself may be called anything. The content decides what it is.
/// The same file is found once, however many paths and links lead to it. Shards are put together
/// by their index, or by their names; where a folder has both safetensors and PyTorch files of one
/// Hugging Face model, the former are taken. Names give the claims; where they name no run, and
/// the checkpoints lie in several folders, the folders do.
///
/// Costs a look at the first bytes of every file.
#[must_use]
pub fn discover(paths: &[PathBuf], limits: &Limits) -> Discovery {
    discover_only(paths, None, limits)
}

/// As [`discover`], but of what is found in folders and by globs only those checkpoints whose file
/// name, or whose folder's name below the path, matches a pattern; a pattern with a `/` is compared
/// with the whole path below the folder. A file that is named itself is taken whatever it is called.
#[must_use]
pub fn discover_only(
    paths: &[PathBuf],
    only: Option<&glob::Pattern>,
    limits: &Limits,
) -> Discovery {
    discover_held(paths, &BTreeMap::new(), only, limits)
}

/// As [`discover_only`], but a path that names a checkpoint in memory stands for that, whatever lies on
/// disk under the same name.
#[must_use]
pub fn discover_held(
    paths: &[PathBuf],
    held: &BTreeMap<PathBuf, Arc<Arrays>>,
    only: Option<&glob::Pattern>,
    limits: &Limits,
) -> Discovery {
    let is_held = |path: &PathBuf| held.contains_key(path);
    let (named, paths): (BTreeSet<PathBuf>, Vec<PathBuf>) = {
        let (named, paths): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(is_held);
        (named.into_iter().collect(), paths)
    };
    let mut walk = Walk::default();
    let paths: Vec<PathBuf> = files::mount(&paths)
        .into_iter()
        .zip(&paths)
        .enumerate()
        .map(|(root, (mounted, path))| match mounted {
            Ok(path) => {
                walk.add(&path, root);
                path
            }
            Err(error) => {
                let path = files::shown(path);
                walk.problem(&path, error, root);
                path
            }
        })
        .collect();
    let paths = paths.as_slice();
    for (root, path) in paths.iter().enumerate() {
        if !walk.fruitful.contains(&root) {
            walk.problems.push(Problem {
                path: path.clone(),
                error: nothing(path, "this folder", walk.others.get(&root)),
            });
        }
    }
    let mut others = Met::default();
    for met in walk.others.values() {
        others.add(met);
    }
    let mut discovery = Discovery {
        checkpoints: Vec::new(),
        problems: walk.problems,
        passed_over: 0,
        companions: walk.companions,
        others: others.into_vec(),
    };
    let mut candidates = walk.candidates;
    let whole = folders_of_whole(&candidates);
    for (format, folder, files) in walk.folders {
        // Beside the model that was gathered into one file, it is what a training continues from.
        let is_beside = folder.parent().is_some_and(|above| whole.contains(above));
        if !paths.contains(&folder) && is_beside {
            for file in &files {
                discovery.companion(file, PART_OF_A_TRAINING);
            }
        } else {
            discovery.take_folder(format, folder, files);
        }
    }
    discovery.take_indexed(&mut candidates, limits);
    // Sorted from here on, so that the outcome does not depend on the file system.
    let mut rest: Vec<Candidate> = candidates.into_values().collect();
    rest.sort_by(|a, b| natural(&a.path, &b.path));
    files::warm(rest.iter().map(|candidate| candidate.path.as_path()));
    let rest = discovery.take_numbered(rest, limits);
    let rest = discovery.take_parts(rest, limits);
    discovery.take_single(rest, limits);
    if let Some(only) = only {
        discovery.keep(&Meant::new(only, paths));
    }
    let named = named.into_iter();
    let in_memory = named.filter_map(|path| Some(Found::in_memory(&path, held.get(&path)?)));
    discovery.checkpoints.extend(in_memory);
    discovery.passed_over = discovery.companions.len();
    discovery
        .companions
        .sort_by(|a, b| natural(&a.path, &b.path));

    discovery
        .checkpoints
        .sort_by(|a, b| natural(&a.path, &b.path));
    discovery.problems.sort_by(|a, b| natural(&a.path, &b.path));
    for found in &mut discovery.checkpoints {
        let folder = found.path.parent();
        let is_named = folder.is_some_and(|folder| paths.iter().any(|path| path == folder));
        // What was named itself is all there is, whatever it is called.
        found.claimed.aside = found
            .claimed
            .aside
            .take()
            .filter(|claim| claim.from != Origin::FolderName || !is_named);
    }
    claim_series(&mut discovery.checkpoints);
    claim_beside(&mut discovery.checkpoints, limits);
    claim_folders(&mut discovery.checkpoints);
    discovery.fail_with(paths);
    discovery
}

impl Discovery {
    fn problem(&mut self, path: &Path, error: Error) {
        self.problems.push(Problem {
            path: path.to_path_buf(),
            error,
        });
    }

    fn companion(&mut self, path: &Path, what: &'static str) {
        self.companions.push(Companion {
            path: path.to_path_buf(),
            what,
        });
    }

    /// Keeps nothing of a remote root under which something could not be had: what was taken for
    /// missing may be there.
    fn fail_with(&mut self, paths: &[PathBuf]) {
        for path in paths {
            if let Some(error) = files::failure(path) {
                self.checkpoints
                    .retain(|found| files::failure(&found.path).is_none());
                self.problems
                    .retain(|problem| files::failure(&problem.path).is_none());
                self.problem(path, error);
            }
        }
    }

    /// Keeps what a pattern means.
    fn keep(&mut self, meant: &Meant<'_>) {
        let was_empty = self.checkpoints.is_empty();
        self.checkpoints.retain(|found| meant.is_meant(&found.path));
        self.problems
            .retain(|problem| meant.is_root(&problem.path) || meant.is_meant(&problem.path));
        self.companions.retain(|one| meant.is_meant(&one.path));
        if self.checkpoints.is_empty() && !was_empty {
            self.problems.push(meant.nothing());
        }
    }

    /// Takes the indexes and their shards out of the candidates.
    fn take_indexed(&mut self, candidates: &mut HashMap<Identity, Candidate>, limits: &Limits) {
        let mut indexes: Vec<PathBuf> = Vec::new();
        candidates.retain(|_, candidate| {
            let name = candidate.path.file_name().unwrap_or_default();
            let keep = !is_index(&name.to_string_lossy());
            if !keep {
                indexes.push(candidate.path.clone());
            }
            keep
        });
        indexes.sort_by(|a, b| natural(a, b));
        files::warm(indexes.iter().map(PathBuf::as_path));
        for path in indexes {
            let index = match Index::read(&path, limits) {
                Ok(index) => index,
                Err(error) => {
                    self.problem(&path, error);
                    continue;
                }
            };
            let present = index.present(&path);
            let unnamed = unnamed(&path, &present);
            for shard in present.iter().chain(&unnamed) {
                let look = files::look(shard).ok();
                let shard = look.and_then(|look| identity(shard, &look));
                if let Some(shard) = shard {
                    candidates.remove(&shard);
                }
            }
            match index.files(&path) {
                Ok(mut files) => {
                    files.extend(unnamed);
                    files.sort();
                    self.take_files(&path, files, Some(path.clone()), limits);
                }
                Err(error) => self.problem(&path, error),
            }
        }
    }

    /// Puts shards together that only their names hold together.
    fn take_numbered(&mut self, candidates: Vec<Candidate>, limits: &Limits) -> Vec<Candidate> {
        type Key = (PathBuf, String, u64, String);
        let mut groups: BTreeMap<Key, BTreeMap<u64, PathBuf>> = BTreeMap::new();
        let mut rest = Vec::new();
        for candidate in candidates {
            let name = candidate.path.file_name().unwrap_or_default();
            match shard_name(&name.to_string_lossy()) {
                Some((stem, number, of, extension)) => {
                    let folder = candidate.path.parent().unwrap_or(Path::new(""));
                    let key = (
                        folder.to_path_buf(),
                        stem.to_owned(),
                        of,
                        extension.to_owned(),
                    );
                    groups
                        .entry(key)
                        .or_default()
                        .insert(number, candidate.path);
                }
                None => rest.push(candidate),
            }
        }
        for ((_, stem, of, extension), files) in groups {
            let Some(first) = files.values().next().cloned() else {
                continue;
            };
            let missing = (1..=of).find(|number| !files.contains_key(number));
            match missing {
                Some(number) => {
                    let name = format!("{stem}-{number:05}-of-{of:05}.{extension}");
                    let count = of.saturating_sub(files.len() as u64);
                    let error = missing_shard(&first, &name, count as usize, of as usize);
                    self.problem(&first, error);
                }
                None => self.take_files(&first, files.into_values().collect(), None, limits),
            }
        }
        rest
    }

    /// Puts the files of processes together that hold parts of one model.
    fn take_parts(&mut self, candidates: Vec<Candidate>, limits: &Limits) -> Vec<Candidate> {
        let sorted = ranks::sort(candidates, limits);
        for (path, error) in sorted.problems {
            self.problem(&path, error);
        }
        for group in sorted.groups {
            let Some(first) = group.files.first().cloned() else {
                continue;
            };
            self.checkpoints.push(Found {
                claimed: Claimed::by_name(&group.without_rank),
                path: first,
                format: Format::Torch,
                files: group.files,
                index: None,
                arrays: None,
            });
        }
        sorted.rest
    }

    /// Takes a folder that is one checkpoint.
    fn take_folder(&mut self, format: Format, folder: PathBuf, files: Vec<PathBuf>) {
        let is_distributed = format == Format::TorchDistributed;
        self.checkpoints.push(Found {
            claimed: Claimed::by_name(&folder.join("")),
            format,
            files,
            index: is_distributed.then(|| folder.join(distributed::METADATA)),
            path: folder,
            arrays: None,
        });
    }

    /// Takes the weights of an adapter, which its configuration beside them belongs to.
    fn take_adapter(&mut self, candidate: &Candidate, format: Format, config: PathBuf) {
        let path = &candidate.path;
        self.checkpoints.push(Found {
            claimed: Claimed::by_name(path),
            format,
            files: vec![path.clone()],
            index: Some(config),
            arrays: None,
            path: if candidate.named {
                path.clone()
            } else {
                path.parent().unwrap_or(Path::new("")).to_path_buf()
            },
        });
    }

    /// Takes checkpoints of one file each.
    fn take_single(&mut self, candidates: Vec<Candidate>, limits: &Limits) {
        // Folders that hold a Hugging Face model as safetensors, whole or in shards.
        let covered: BTreeSet<PathBuf> = self
            .checkpoints
            .iter()
            .map(|found| found.path.as_path())
            .chain(candidates.iter().map(|candidate| candidate.path.as_path()))
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("model") && name.contains(".safetensors")
            })
            .filter_map(|path| path.parent().map(Path::to_path_buf))
            .collect();
        let is_copy = |path: &Path| is_second_copy(path, &covered);
        let all = std::mem::take(&mut self.checkpoints);
        for found in all {
            if is_copy(&found.path) {
                self.companion(&found.path, SECOND_COPY);
            } else {
                self.checkpoints.push(found);
            }
        }
        for candidate in candidates {
            if !candidate.named && is_copy(&candidate.path) {
                self.companion(&candidate.path, SECOND_COPY);
                continue;
            }
            if !candidate.named && adapter::is_second_copy(&candidate.path) {
                self.companion(&candidate.path, SECOND_COPY);
                continue;
            }
            let sniffed = sniff(&candidate.path, limits);
            if let (Ok(format), Some(config)) = (&sniffed, adapter::config_of(&candidate.path)) {
                self.take_adapter(&candidate, *format, config);
                continue;
            }
            let path = candidate.path;
            match sniffed {
                Ok(format) => self.found(&path, format, vec![path.clone()], None),
                // Many programs call files so that are no checkpoints at all.
                Err(Error::Foreign {
                    fault: Fault::NotACheckpoint,
                    ..
                }) if !candidate.named
                    && has_general_extension(&path)
                    && !sniff::is_known_otherwise(&path) =>
                {
                    self.companion(&path, "it is no checkpoint, in spite of its name");
                }
                Err(error) => self.problem(&path, error),
            }
        }
    }

    fn take_files(
        &mut self,
        path: &Path,
        files: Vec<PathBuf>,
        index: Option<PathBuf>,
        limits: &Limits,
    ) {
        let first = files.first().map_or(path, PathBuf::as_path);
        match sniff(first, limits) {
            Ok(format) => self.found(path, format, files, index),
            Err(error) => self.problem(path, error),
        }
    }

    fn found(&mut self, path: &Path, format: Format, files: Vec<PathBuf>, index: Option<PathBuf>) {
        // The numbers of shards are no steps.
        let claimed = match files.len() {
            1 => Claimed::by_name(path),
            _ => Claimed::by_name(&path.with_file_name("")),
        };
        self.checkpoints.push(Found {
            path: path.to_path_buf(),
            format,
            files,
            index,
            claimed,
            arrays: None,
        });
    }
}

/// Whether a file is the model of its folder again, as Hugging Face's libraries save it: in the format of
/// another library, or in another type. `covered` are the folders with a model in safetensors.
fn is_second_copy(path: &Path, covered: &BTreeSet<PathBuf>) -> bool {
    const OTHERS: [&str; 3] = ["pytorch_model", "flax_model", "tf_model"];
    const VARIANTS: [&str; 3] = ["fp16", "bf16", "fp32"];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(folder) = path.parent() else {
        return false;
    };
    let is_other = OTHERS.iter().any(|start| name.starts_with(start)) && covered.contains(folder);
    let is_export = name.ends_with(".onnx")
        && folder.file_name().is_some_and(|name| name == "onnx")
        && folder.parent().is_some_and(|above| covered.contains(above));
    // `diffusion_pytorch_model.bin` and `model.fp16.safetensors` beside the file without that.
    let is_diffusers = name
        .strip_suffix(".bin")
        .filter(|stem| stem.starts_with("diffusion_pytorch_model"))
        .is_some_and(|stem| files::is_file(&folder.join(format!("{stem}.safetensors"))));
    let is_variant = VARIANTS.iter().any(|variant| {
        let plain = name.replacen(&format!(".{variant}."), ".", 1);
        plain.ends_with(".safetensors") && plain != name && files::is_file(&folder.join(&plain))
    });
    is_other || is_export || is_diffusers || is_variant
}

/// What is said of files of a model that is there in another format, too.
const SECOND_COPY: &str = "the same model lies beside it as safetensors";
/// What is said of the files of a training whose whole model lies beside them.
const PART_OF_A_TRAINING: &str = "it belongs to a training whose model lies beside it";

/// The folders that the whole model, or an adapter, lies in.
fn folders_of_whole(candidates: &HashMap<Identity, Candidate>) -> HashSet<PathBuf> {
    let is_whole = |candidate: &&Candidate| {
        let name = candidate.path.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let starts = [
            "model.safetensors",
            "model-",
            "pytorch_model",
            "adapter_model.",
        ];
        starts.iter().any(|start| name.starts_with(start))
    };
    let whole = candidates.values().filter(is_whole);
    let folders = whole.filter_map(|candidate| candidate.path.parent());
    folders.map(Path::to_path_buf).collect()
}

fn sniff(path: &Path, limits: &Limits) -> Result<Format> {
    sniff::quick(&Source::open(path)?, limits).inspect_err(|_| files::confirm(path))
}

/// Whether a file is called in a way that means nothing.
fn has_general_extension(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension == "bin" || extension == "ckpt" || extension == "pth"
}
