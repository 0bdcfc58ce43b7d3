//! A file that says which tensor of one checkpoint is which of the other.
//!
//! ```toml
//! "fc1.weight" = "net.0.weight"
//! "encoder.*" = "backbone.*"
//! "attn.qkv.weight" = ["attn.q.weight", "attn.k.weight", "attn.v.weight"]
//! ```

use super::recipe::{Piece, Recipe};
use super::shapes;
use super::state::{How, State};
use crate::error::{Error, Result};
use crate::small_file;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 64 << 20;
/// What helps against a file that is not understood.
const WAY_OUT: &str =
    "Write lines such as \"fc1.weight\" = \"net.0.weight\", or \"encoder.*\" = \"backbone.*\"";

/// What tensors are called in two checkpoints.
#[derive(Debug, Clone, Default)]
pub struct Table {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    left: String,
    right: Vec<String>,
}

/// An error about a table.
fn wrong(path: &Path, what: String) -> Error {
    Error::Unsuitable {
        path: path.to_path_buf(),
        what,
        way_out: WAY_OUT,
    }
}

impl Table {
    /// Reads a file of lines `"left" = "right"` in TOML: the name in the first checkpoint, and in the
    /// second. A star at the end of both stands for the same rest of a name. Several names on the
    /// right are tensors that are joined along their first axis.
    ///
    /// # Errors
    /// When it cannot be read, or says something else.
    pub fn read(path: &Path) -> Result<Self> {
        let text = String::from_utf8(small_file::read(path, LARGEST)?);
        let text = text.map_err(|_| {
            wrong(
                path,
                "it is no table of names: it is not text in UTF-8".to_owned(),
            )
        })?;
        Self::parse(path, &text)
    }

    /// A table of the same text, in memory.
    ///
    /// # Errors
    /// When it says something else; the error names no file.
    pub fn from_toml(text: &str) -> Result<Self> {
        Self::parse(Path::new("the map"), text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let wrong = |what| wrong(path, what);
        let lines: BTreeMap<String, toml::Value> = toml::from_str(text)
            .map_err(|error| wrong(format!("it is no table of names ({})", error.message())))?;
        let mut entries = Vec::with_capacity(lines.len());
        for (left, right) in lines {
            let right = match right {
                toml::Value::String(name) => vec![name],
                toml::Value::Array(names) => names
                    .into_iter()
                    .map(|name| name.as_str().map(str::to_owned))
                    .collect::<Option<Vec<_>>>()
                    .unwrap_or_default(),
                _ => Vec::new(),
            };
            let is_pattern = |name: &String| name.ends_with('*');
            let stars = right.iter().filter(|name| is_pattern(name)).count();
            let is_sound = match right.len() {
                0 => false,
                1 => (stars == 1) == is_pattern(&left),
                _ => stars == 0 && !is_pattern(&left),
            };
            if !is_sound {
                return Err(wrong(format!(
                    "what it says of {left:?} is neither a name nor a list of names, or has a star on one \
                     side alone"
                )));
            }
            entries.push(Entry { left, right });
        }
        if entries.is_empty() {
            return Err(wrong("it names no tensor".to_owned()));
        }
        Ok(Self {
            path: path.to_path_buf(),
            entries,
        })
    }

    /// What is wrong with it where it names nothing that two checkpoints have.
    pub(super) fn unused(&self) -> Error {
        Error::Unsuitable {
            path: self.path.clone(),
            what: "none of the tensors that it names is in both checkpoints".to_owned(),
            way_out: WAY_OUT,
        }
    }

    /// Matches what it names, whichever of the two is the left one.
    ///
    /// # Errors
    /// When values cannot be read.
    pub(super) fn apply(&self, state: &mut State<'_>) -> Result<()> {
        let free_a = state.free_a();
        let free_b = state.free_b();
        let names = |free: &super::names::Free<'_>| -> HashMap<String, usize> {
            free.iter()
                .map(|(place, tensor)| (tensor.name.clone(), place))
                .collect()
        };
        let (own, others) = (names(&free_a), names(&free_b));
        let mut named = Vec::new();
        for Entry { left, right } in &self.entries {
            if let ([right], Some(left)) = (right.as_slice(), left.strip_suffix('*')) {
                let right = right.trim_end_matches('*');
                named.extend(renamed(&own, &others, left, right));
                named.extend(renamed(&own, &others, right, left));
                continue;
            }
            if let [right] = right.as_slice() {
                let there = own.get(left).zip(others.get(right));
                let found = there.or_else(|| own.get(right).zip(others.get(left)));
                named.extend(found.map(|(&a, &b)| (a, b)));
                continue;
            }
            self.join(state, (left, right), (&own, &others));
        }
        named.sort_unstable();
        named.dedup_by_key(|pair| pair.0);
        let named = named.into_iter().map(|(a, b)| (a, b, How::File));
        shapes::fit(state, named.collect())
    }

    /// Matches one tensor with several that are joined along their first axis.
    fn join(
        &self,
        state: &mut State<'_>,
        (left, right): (&str, &[String]),
        (own, others): (&HashMap<String, usize>, &HashMap<String, usize>),
    ) {
        let places = |known: &HashMap<String, usize>| {
            let places = right.iter().map(|name| known.get(name).copied());
            places.collect::<Option<Vec<usize>>>()
        };
        if let (Some(&whole), Some(parts)) = (own.get(left), places(others)) {
            let pieces = parts.iter().map(|&tensor| Piece {
                tensor,
                order: None,
                rows: None,
            });
            let rows = parts
                .iter()
                .map(|&part| state.shape_b(part).first().copied());
            let rows: u64 = rows.map(Option::unwrap_or_default).sum();
            let recipe = Recipe {
                pieces: pieces.collect(),
                order: None,
            };
            let is_whole = state.shape_a(whole).first() == Some(&rows);
            let mut shapes = parts.iter().map(|&part| state.shape_b(part));
            if is_whole && shapes.all(|shape| shape.get(1..) == state.shape_a(whole).get(1..)) {
                state.pair(whole, recipe, How::File);
            }
        } else if let (Some(&whole), Some(parts)) = (others.get(left), places(own)) {
            let mut start = 0;
            let all = state.shape_b(whole).first().copied().unwrap_or(0);
            for part in parts {
                let rows = state.shape_a(part).first().copied().unwrap_or(0);
                let fits = state.shape_a(part).get(1..) == state.shape_b(whole).get(1..);
                let rows = start..start + rows;
                start = rows.end;
                if fits && rows.end <= all {
                    let piece = Piece {
                        tensor: whole,
                        order: None,
                        rows: Some(rows),
                    };
                    let recipe = Recipe {
                        pieces: vec![piece],
                        order: None,
                    };
                    state.pair(part, recipe, How::File);
                }
            }
        }
    }
}

/// Places of tensors of which one begins with one text, the other with another, and the rest is the
/// same.
fn renamed(
    own: &HashMap<String, usize>,
    others: &HashMap<String, usize>,
    left: &str,
    right: &str,
) -> Vec<(usize, usize)> {
    let own = own.iter().filter_map(|(name, &place)| {
        let rest = name.strip_prefix(left)?;
        let other = others.get(&format!("{right}{rest}"))?;
        Some((place, *other))
    });
    own.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.toml");
        std::fs::write(&path, text).unwrap();
        Table::read(&path)
    }

    #[test]
    fn names_lists_of_names_and_stars_are_understood() {
        let table =
            read("\"a.w\" = \"b.w\"\n\"x.*\" = \"*\"\nqkv = [\"q\", \"k\", \"v\"]").unwrap();
        assert_eq!(table.entries.len(), 3);
    }

    #[test]
    fn a_file_that_says_something_else_is_refused_with_an_example() {
        for text in [
            "",
            "a = 1",
            "\"a.*\" = \"b\"",
            "[section]\na = \"b\"",
            "a = []",
            "not toml",
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.kind(), "unsuitable", "{text}");
            assert!(error.to_string().contains("\"fc1.weight\" = "), "{error}");
        }
    }
}
