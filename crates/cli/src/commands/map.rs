//! `--map`: how tensors of two checkpoints are matched.

use anyhow::Result;
use clap::Args;
use modeltrail::Map;
use modeltrail::mapping::Table;
use std::path::Path;
use std::sync::Arc;

/// How tensors of two checkpoints are matched.
#[derive(Args)]
pub(crate) struct Mapping {
    /// How tensors of two checkpoints are matched: `auto` (by name; then by name without the prefixes of
    /// wrappers; then by shape, order and values), `exact` (by name and shape), or a file with lines of
    /// the form "name" = "other name".
    #[arg(long = "map", value_name = "auto|exact|FILE", default_value = "auto")]
    map: String,
}

impl Mapping {
    /// How, with the file read.
    ///
    /// # Errors
    /// When the file cannot be read, or is no table of names.
    pub(crate) fn map(&self) -> Result<Map> {
        Ok(match self.map.as_str() {
            "auto" => Map::Auto,
            "exact" => Map::Exact,
            file => Map::Table(Arc::new(Table::read(Path::new(file))?)),
        })
    }
}
