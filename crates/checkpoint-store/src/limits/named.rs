//! The limits by name, for whoever shows them or raises one.

use super::foreign::{Limits, MAX_FOREIGN_DIMENSIONS, STREAM_BYTES};
use super::format::{
    MAX_CHECKPOINTS, MAX_DIMENSIONS, MAX_FILES, MAX_HEADER_BYTES, MAX_RECIPE_BYTES,
    MAX_TENSOR_NAME_BYTES, MAX_TENSORS, WEIGHTS_ALIGNMENT,
};
use crate::error::{Error, Result};

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Its name, as in this module.
    pub name: &'static str,
    /// Its default.
    pub value: u64,
    /// What it counts.
    pub unit: Unit,
    /// What meets it, in a few words.
    pub meets: &'static str,
    /// Whether [`Limits::set`] changes it: those of the store's format are fixed.
    pub can_be_set: bool,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

/// Every limit, those of foreign files first.
#[must_use]
pub fn all() -> Vec<Named> {
    let mut limits = Limits::default();
    let foreign = FOREIGN.iter().map(|&(name, unit, meets)| Named {
        name,
        value: limits.field(name).map_or(0, |field| field.get()),
        unit,
        meets,
        can_be_set: true,
    });
    let mut all: Vec<Named> = foreign.collect();
    all.extend(FIXED.iter().map(|&(name, value, unit, meets)| Named {
        name,
        value,
        unit,
        meets,
        can_be_set: false,
    }));
    all
}

impl Limits {
    /// Sets the limit of this name, as [`all`] has it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such limit, or it is fixed, or the value exceeds what a
    /// number of this machine holds.
    ///
    /// # Example
    /// ```
    /// use checkpoint_store::limits::Limits;
    ///
    /// let mut limits = Limits::default();
    /// limits.set("largest_header", 256 << 20)?;
    /// assert_eq!(limits.largest_header, 256 << 20);
    /// assert!(limits.set("MAX_TENSORS", 7).is_err());
    /// # Ok::<(), checkpoint_store::Error>(())
    /// ```
    pub fn set(&mut self, name: &str, value: u64) -> Result<()> {
        let names = || FOREIGN.map(|(name, ..)| name).join(", ");
        let Some(field) = self.field(name) else {
            let what = if FIXED.iter().any(|(fixed, ..)| *fixed == name) {
                "is part of the format and fixed"
            } else {
                "is no limit"
            };
            return Err(Error::Limit(format!(
                "`{}` {what}: set one of {}",
                name.escape_debug(),
                names()
            )));
        };
        field
            .set(value)
            .ok_or_else(|| Error::Limit(format!("{name} cannot be as large as {value}")))
    }

    fn field(&mut self, name: &str) -> Option<Field<'_>> {
        Some(match name {
            "largest_header" => Field::Long(&mut self.largest_header),
            "largest_tensor" => Field::Long(&mut self.largest_tensor),
            "most_tensors" => Field::Size(&mut self.most_tensors),
            "most_values" => Field::Size(&mut self.most_values),
            "deepest_nesting" => Field::Size(&mut self.deepest_nesting),
            "spare_memory" => Field::Long(&mut self.spare_memory),
            "most_memory" => Field::Long(&mut self.most_memory),
            "most_expansion" => Field::Long(&mut self.most_expansion),
            _ => return None,
        })
    }
}

/// A field of [`Limits`].
enum Field<'a> {
    Long(&'a mut u64),
    Size(&'a mut usize),
}

impl Field<'_> {
    fn get(&self) -> u64 {
        match self {
            Self::Long(value) => **value,
            Self::Size(value) => **value as u64,
        }
    }

    /// None if the value does not fit.
    fn set(self, value: u64) -> Option<()> {
        match self {
            Self::Long(field) => *field = value,
            Self::Size(field) => *field = usize::try_from(value).ok()?,
        }
        Some(())
    }
}

/// The fields of [`Limits`].
const FOREIGN: [(&str, Unit, &str); 8] = [
    (
        "largest_header",
        Unit::Bytes,
        "header, pickle, zip directory or index of a foreign file",
    ),
    ("largest_tensor", Unit::Bytes, "one tensor, unpacked"),
    (
        "most_tensors",
        Unit::Count,
        "tensors of one checkpoint, over all shards",
    ),
    (
        "most_values",
        Unit::Count,
        "values of a pickle looked through for tensors",
    ),
    (
        "deepest_nesting",
        Unit::Count,
        "dictionaries in dictionaries, modules, CBOR",
    ),
    (
        "spare_memory",
        Unit::Bytes,
        "what cannot be streamed, beyond twice the file",
    ),
    (
        "most_memory",
        Unit::Bytes,
        "what cannot be streamed, however large the file",
    ),
    (
        "most_expansion",
        Unit::Count,
        "times its size that an archive unpacks to, beyond 64 MiB",
    ),
];

/// The constants.
const FIXED: [(&str, u64, Unit, &str); 10] = [
    (
        "MAX_FOREIGN_DIMENSIONS",
        MAX_FOREIGN_DIMENSIONS as u64,
        Unit::Count,
        "dimensions of a tensor in a foreign file",
    ),
    (
        "STREAM_BYTES",
        STREAM_BYTES as u64,
        Unit::Bytes,
        "read of a foreign file at a time",
    ),
    (
        "MAX_HEADER_BYTES",
        MAX_HEADER_BYTES,
        Unit::Bytes,
        "header of a file of a store",
    ),
    (
        "MAX_CHECKPOINTS",
        MAX_CHECKPOINTS,
        Unit::Count,
        "checkpoints of a segment",
    ),
    (
        "MAX_RECIPE_BYTES",
        MAX_RECIPE_BYTES as u64,
        Unit::Bytes,
        "recipe of a store",
    ),
    (
        "MAX_TENSORS",
        MAX_TENSORS as u64,
        Unit::Count,
        "tensors of a store's layout",
    ),
    (
        "MAX_TENSOR_NAME_BYTES",
        MAX_TENSOR_NAME_BYTES as u64,
        Unit::Bytes,
        "name of a tensor in a store",
    ),
    (
        "MAX_DIMENSIONS",
        MAX_DIMENSIONS as u64,
        Unit::Count,
        "dimensions of a tensor in a store",
    ),
    (
        "MAX_FILES",
        MAX_FILES as u64,
        Unit::Count,
        "files in the directory of a store",
    ),
    (
        "WEIGHTS_ALIGNMENT",
        WEIGHTS_ALIGNMENT,
        Unit::Bytes,
        "what weights in a store are aligned to",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_of_foreign_files_can_be_set_by_its_name_and_no_other() {
        for limit in all() {
            let mut limits = Limits::default();
            let outcome = limits.set(limit.name, limit.value + 1);
            assert_eq!(outcome.is_ok(), limit.can_be_set, "{}", limit.name);
            let now = limits.field(limit.name).map(|field| field.get());
            assert_eq!(now, limit.can_be_set.then_some(limit.value + 1));
        }
        let error = Limits::default().set("largest\n", 1).unwrap_err();
        assert!(error.to_string().contains("largest_header"), "{error}");
    }

    #[test]
    fn the_constants_of_the_source_are_all_there() {
        let source = concat!(include_str!("format.rs"), include_str!("foreign.rs"));
        let constants = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub const "));
        let mut names: Vec<&str> = constants
            .filter_map(|line| line.split(':').next())
            .collect();
        let mut shown: Vec<&str> = FIXED.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        shown.sort_unstable();
        assert_eq!(names, shown);
    }
}
