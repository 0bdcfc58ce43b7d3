//! What is asked about, and how it is to be read.

use crate::arrays::Arrays;
use crate::errors::{raise, refuse};
use crate::sketches::Kept;
use checkpoint_store::foreign::Limits;
use glob::Pattern;
use modeltrail::Map;
use modeltrail::collection::{InMemory, Options};
use modeltrail::mapping::Table;
use pyo3::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How checkpoints are read: a dictionary that `modeltrail._asked` makes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked {
    /// Checkpoints in memory, by the names that paths refer to them by.
    held: Vec<(PathBuf, Held)>,
    memory: u64,
    seed: u64,
    only: Option<String>,
    cache: Option<PathBuf>,
    limits: Vec<(String, u64)>,
    map: Mapping,
}

/// A checkpoint in memory.
#[derive(FromPyObject)]
enum Held {
    Arrays(Py<Arrays>),
    Sketch(Py<Kept>),
}

/// How tensors are matched.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Mapping {
    /// `auto`, `exact`, or a file of names.
    named: Option<String>,
    /// A table of names, in TOML.
    table: Option<String>,
}

impl Asked {
    /// # Errors
    /// When a limit or a pattern means nothing, or a map cannot be read.
    pub(crate) fn options(&self, py: Python<'_>) -> PyResult<Options> {
        let mut held = InMemory::default();
        for (name, checkpoint) in &self.held {
            match checkpoint {
                Held::Arrays(arrays) => held.add(name, arrays.borrow(py).held().clone()),
                Held::Sketch(sketch) => held.add_sketch(name, sketch.borrow(py).kept().clone()),
            }
        }
        let mut limits = Limits::default();
        for (name, value) in &self.limits {
            let set = limits.set(name, *value);
            set.map_err(|error| refuse(py, &error.to_string()))?;
        }
        let only = self.only.as_deref().map(|text| pattern(py, text));
        Ok(Options {
            memory: self.memory,
            seed: self.seed,
            limits,
            only: only.transpose()?,
            cache: self.cache.clone(),
            map: self.map.map(py)?,
            in_memory: held,
        })
    }
}

impl Mapping {
    fn map(&self, py: Python<'_>) -> PyResult<Map> {
        let table = match (&self.named, &self.table) {
            (_, Some(table)) => Table::from_toml(table),
            (None, None) => return Ok(Map::Auto),
            (Some(named), None) => match named.as_str() {
                "auto" => return Ok(Map::Auto),
                "exact" => return Ok(Map::Exact),
                file => Table::read(Path::new(file)),
            },
        };
        let table = table.map_err(|error| raise(py, &error))?;
        Ok(Map::Table(Arc::new(table)))
    }
}

/// A glob.
pub(crate) fn pattern(py: Python<'_>, text: &str) -> PyResult<Pattern> {
    Pattern::new(text).map_err(|error| refuse(py, &format!("{text:?} is no pattern: {error}")))
}
