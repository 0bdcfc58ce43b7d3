//! Files of several processes that hold parts of one model, found by their names and contents.
//!
//! Names only say which files may belong together (`model_rank_0.pt` and `model_rank_1.pt`,
//! `mp_rank_00/` and `mp_rank_01/`). Whether they do is in the first of them: distributed tensors say of
//! how many parts they are. Parts of tensor parallelism that do not say how they were cut are named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::source::{Source, foreign, quoted};
use super::walk::Candidate;
use super::{readers, sniff::Sniffed};
use crate::files;
use crate::limits::Limits;
use crate::{Error, Fault};

/// Words before the number of a process.
const RANK_WORDS: [&str; 4] = ["rank", "shard", "part", "process"];
/// Words before the number of a part of a model that was cut by tensor parallelism.
const MODEL_WORDS: [&str; 5] = [
    "mp_rank",
    "tp_rank",
    "tensor_rank",
    "model_parallel_rank",
    "consolidated",
];

/// Most parts of a model that are looked for beside one.
const MOST_PARTS: u64 = 4096;

/// What the candidates are.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) groups: Vec<Group>,
    pub(super) problems: Vec<(PathBuf, Error)>,
    pub(super) rest: Vec<Candidate>,
}

/// The files of all processes of one checkpoint.
#[derive(Debug)]
pub(super) struct Group {
    /// By the numbers of their processes.
    pub(super) files: Vec<PathBuf>,
    /// The name of the first, without the number of its process.
    pub(super) without_rank: PathBuf,
}

/// Files whose names differ in one number, by that.
type Series = BTreeMap<u64, Candidate>;

/// Sorts out which candidates are parts of one model.
pub(super) fn sort(candidates: Vec<Candidate>, limits: &Limits) -> Sorted {
    let mut sorted = Sorted::default();
    let mut model: BTreeMap<PathBuf, Series> = BTreeMap::new();
    let mut ranks: BTreeMap<PathBuf, Series> = BTreeMap::new();
    for candidate in candidates {
        let numbered = numbered(&candidate.path, &MODEL_WORDS).map(|found| (found, true));
        let numbered = numbered.or_else(|| {
            let found = numbered_at_all(&candidate.path)?;
            Some((found, false))
        });
        let Some(((key, number), is_model)) = numbered else {
            sorted.rest.push(candidate);
            continue;
        };
        let all = if is_model { &mut model } else { &mut ranks };
        let series = all.entry(key).or_default();
        // Two names of one number, as `1` and `01`: neither is a part for certain.
        if let std::collections::btree_map::Entry::Vacant(place) = series.entry(number) {
            place.insert(candidate);
        } else {
            sorted.rest.push(candidate);
        }
    }
    for series in model.into_values() {
        sort_model(series, &mut sorted);
    }
    for (key, series) in ranks {
        sort_ranks(&key, series, limits, &mut sorted);
    }
    sorted
        .rest
        .sort_by(|a, b| super::walk::natural(&a.path, &b.path));
    sorted
}

/// Parts of tensor parallelism are named, since how they were cut does not stand in them.
fn sort_model(series: Series, sorted: &mut Sorted) {
    let (Some((&highest, last)), Some(first)) = (series.last_key_value(), series.values().next())
    else {
        return;
    };
    // Others may lie beside those that were named.
    let mut last = last.path.clone();
    let mut count = highest.saturating_add(1);
    while let Some(next) = sibling(&last, count).filter(|_| count < MOST_PARTS) {
        last = next;
        count += 1;
    }
    if count <= 1 {
        sorted.rest.extend(series.into_values());
        return;
    }
    let error = parallel(&first.path, count, &last);
    sorted.problems.push((first.path.clone(), error));
}

/// The part of this number beside another, if it is there.
fn sibling(path: &Path, number: u64) -> Option<PathBuf> {
    let other = |text: &str| {
        let (start, digits) = number_after(text, &MODEL_WORDS)?;
        let width = digits.len();
        let rest = text.get(start + width..)?;
        Some(format!("{}{number:0width$}{rest}", text.get(..start)?))
    };
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let beside = match other(name) {
        Some(name) => path.with_file_name(name),
        None => {
            let above = other(folder.file_name()?.to_str()?)?;
            folder.with_file_name(above).join(name)
        }
    };
    files::is_file(&beside).then_some(beside)
}

/// The error for parts that are not joined.
fn parallel(first: &Path, count: u64, last: &Path) -> Error {
    let named = |path: &Path| {
        let mut parts: Vec<_> = path.components().rev().take(2).collect();
        parts.reverse();
        let path: PathBuf = parts.into_iter().collect();
        quoted(&path.to_string_lossy())
    };
    foreign(
        first,
        Fault::Unsupported,
        format!(
            "it is one of {count} parts of one model that was cut by tensor parallelism ({} to {}), and how \
             they are joined does not stand in them",
            named(first),
            named(last)
        ),
        "Join them with the tool of the program that wrote them, and name the file that it writes",
    )
}

/// Puts files together whose first says that it holds parts.
fn sort_ranks(key: &Path, series: Series, limits: &Limits, sorted: &mut Sorted) {
    let first = series.values().next();
    let processes = match first {
        Some(first) if series.len() > 1 => processes(&first.path, limits),
        _ => None,
    };
    let Some(processes) = processes else {
        sorted.rest.extend(series.into_values());
        return;
    };
    let files: Vec<PathBuf> = series.into_values().map(|one| one.path).collect();
    if files.len() as u64 > processes {
        // Of several checkpoints, whose names do not tell them apart.
        let Some(first) = files.first() else { return };
        let error = foreign(
            first,
            Fault::Unsupported,
            format!(
                "{} files are called alike, and each holds a part of a model that {processes} processes hold \
                 together: which belong together is not known",
                files.len()
            ),
            "Put the files of each checkpoint into a folder of their own, called by their rank (`model_rank_0.pt`)",
        );
        sorted.problems.push((first.clone(), error));
        return;
    }
    sorted.groups.push(Group {
        files,
        without_rank: without_world(key),
    });
}

/// The path without the number of processes that its name says, which is no step.
fn without_world(path: &Path) -> PathBuf {
    const WORD: &str = "world_size_";
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.split_once(WORD) {
        Some((before, after)) => {
            let after = after.trim_start_matches(|character: char| character.is_ascii_digit());
            path.with_file_name(format!("{before}{after}"))
        }
        None => path.to_path_buf(),
    }
}

/// Of how many parts the tensors of a file are; none if they are whole, or it is no such file.
fn processes(path: &Path, limits: &Limits) -> Option<u64> {
    let source = Source::open(path).ok()?;
    let sniffed = Sniffed::of(&source, limits).ok()?;
    if !matches!(sniffed, Sniffed::Torch(_)) {
        return None;
    }
    let contents = readers::read(&sniffed, &source, limits).ok()?;
    let parts = contents.parts.iter().map(|part| part.cut.processes());
    parts.max().filter(|&processes| processes > 1)
}

/// The path with a number that stands after one of these words taken out of its name, or that of its
/// folder, and the number.
fn numbered(path: &Path, words: &[&str]) -> Option<(PathBuf, u64)> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    if let Some((without, number)) = taken_out(name, number_after(name, words)) {
        return Some((folder.join(without), number));
    }
    let above = folder.file_name()?.to_str()?;
    let (without, number) = taken_out(above, number_after(above, words))?;
    Some((folder.with_file_name(without).join(name), number))
}

/// As [`numbered`], of processes, or else of the last number in the name.
fn numbered_at_all(path: &Path) -> Option<(PathBuf, u64)> {
    if !is_torch(path) {
        return None;
    }
    numbered(path, &RANK_WORDS).or_else(|| {
        let name = path.file_name()?.to_str()?;
        let stem = path.file_stem()?.to_str()?;
        let end = stem.trim_end_matches(|character: char| !character.is_ascii_digit());
        let digits = end.bytes().rev().take_while(u8::is_ascii_digit).count();
        let start = end.len() - digits;
        let found = (digits > 0).then(|| (start, end.get(start..).unwrap_or_default()));
        let (without, number) = taken_out(name, found)?;
        Some((path.with_file_name(without), number))
    })
}

fn is_torch(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["pt", "pth", "bin", "ckpt"]
        .iter()
        .any(|known| extension == *known)
}

/// Where the number after one of these words begins, and its digits; of several the last.
fn number_after<'a>(text: &'a str, words: &[&str]) -> Option<(usize, &'a str)> {
    let lower = text.to_ascii_lowercase();
    let found = words.iter().filter_map(|word| {
        let start = lower.rfind(word)? + word.len();
        let rest = text.get(start..)?;
        let between = rest
            .bytes()
            .take_while(|byte| b"_-=.".contains(byte))
            .count();
        let digits = rest.get(between..)?;
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        (count > 0 && between < 2).then(|| (start + between, digits.get(..count).unwrap_or("")))
    });
    found.max_by_key(|(start, _)| *start)
}

fn taken_out(text: &str, found: Option<(usize, &str)>) -> Option<(String, u64)> {
    let (start, digits) = found?;
    let number = digits.parse().ok()?;
    let rest = text.get(start + digits.len()..)?;
    Some((format!("{}{rest}", text.get(..start)?), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_processes_are_found_in_names_and_folders() {
        let found = |path: &str| {
            let (key, number) = numbered_at_all(Path::new(path))?;
            Some((key.to_string_lossy().into_owned(), number))
        };
        let some = |key: &str, number| Some((key.to_owned(), number));
        assert_eq!(found("a/dtensor_rank0.pt"), some("a/dtensor_rank.pt", 0));
        assert_eq!(
            found("model_world_size_8_rank_3.pt"),
            some("model_world_size_8_rank_.pt", 3)
        );
        assert_eq!(
            found("step10_rank1_final.pt"),
            some("step10_rank_final.pt", 1)
        );
        assert_eq!(found("a/rank_2/model.pt"), some("a/rank_/model.pt", 2));
        assert_eq!(found("a/7.pt"), some("a/.pt", 7));
        assert_eq!(found("a/model.pt"), None);
        assert_eq!(found("a/1.npz"), None);
        let model = |path: &str| numbered(Path::new(path), &MODEL_WORDS).map(|(_, number)| number);
        assert_eq!(model("iter_10/mp_rank_01/model_optim_rng.pt"), Some(1));
        assert_eq!(model("consolidated.00.pth"), Some(0));
        assert_eq!(model("iter_10/model.pt"), None);
    }
}
