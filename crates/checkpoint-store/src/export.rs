//! Checkpoints written for other programs: safetensors, npz and Parquet.
//!
//! [`Format`] says which; [`Safetensors`] and [`Npz`] write one checkpoint, tensor after tensor, and
//! [`Table`] writes one row a checkpoint. Values pass through as f32, bit for bit. A
//! [`NewFile`](crate::NewFile) has its name only when it is whole and durable. What the bytes mean is in `docs/export.md`.
//!
//! safetensors and npz are written here: the former is a JSON text before the values, the latter a
//! zip archive without compression, and the libraries want every tensor in memory at once, or do not
//! sync. Parquet is written by the crate `parquet`, without Arrow.
//!
//! # Example
//! ```
//! use checkpoint_store::export::{Labels, Safetensors};
//! use checkpoint_store::{NewFile, TensorShape};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let path = temporary.path().join("epoch-3.safetensors");
//! let layout = [TensorShape::new("weight", [2])];
//! let labels = Labels { run: Some("seed-1".into()), epoch: Some(3), step: None };
//! let mut writer = Safetensors::begin(NewFile::create(&path, false)?, &layout, &labels)?;
//! writer.values(&[1.0, 2.0]);
//! writer.finish()?;
//! assert!(NewFile::create(&path, false).is_err(), "nothing is overwritten unasked");
//! # Ok(())
//! # }
//! ```

mod labels;
mod npz;
mod safetensors;
mod table;

pub use labels::Labels;
pub use npz::Npz;
pub use safetensors::Safetensors;
pub use table::{ROW_GROUP_BYTES, Row, Table};

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// In which form checkpoints are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// NumPy's `.npz`, one file a checkpoint.
    Npz,
    /// safetensors, one file a checkpoint.
    Safetensors,
    /// One table of all checkpoints.
    Parquet,
}

impl Format {
    const ALL: [Self; 3] = [Self::Npz, Self::Safetensors, Self::Parquet];

    /// The extension of its files, which is also its name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Npz => "npz",
            Self::Safetensors => "safetensors",
            Self::Parquet => "parquet",
        }
    }

    /// The format that a path asks for by its extension.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        path.extension()?.to_str()?.parse().ok()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.extension())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.extension() == name)
            .ok_or_else(|| format!("{name:?} is no format: write npz, safetensors or parquet"))
    }
}
