//! What a store of foreign checkpoints says of their labels: its recipe.

use checkpoint_store::Store;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the recipe says that it is.
const SCHEMA: &str = "modeltrail.import/1";

/// The recipe of a store of foreign checkpoints: how its labels are to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// [`SCHEMA`].
    schema: String,
    /// What the epoch of a label counts.
    counts: Counts,
    /// Number and FNV-1a hash of the names that files were counted by: with another name among them,
    /// the same numbers would be other files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<String>,
    /// What runs were called, by the numbers that they have in the store.
    #[serde(default)]
    runs: BTreeMap<String, String>,
}

/// What the epoch of a label counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// Epochs, as claimed.
    Epoch,
    /// Steps, as claimed.
    Step,
    /// Files, in the order of their names, from 1.
    File,
}

impl Counts {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Step => "step",
            Self::File => "file",
        }
    }

    /// What the labels of a store count, in words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Epoch => "epochs, as claimed",
            Self::Step => "steps, as claimed",
            Self::File => "files, in the order of their names",
        }
    }
}

impl Imported {
    /// A recipe; `runs` are numbers and names, `files` the names of all checkpoints in their order.
    pub(super) fn new<'a>(
        counts: Counts,
        runs: impl Iterator<Item = (u64, &'a str)>,
        files: impl Iterator<Item = &'a str>,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            counts,
            files: (counts == Counts::File).then(|| digest(files)),
            runs: runs
                .map(|(number, name)| (number.to_string(), name.to_owned()))
                .collect(),
        }
    }

    /// The recipe of a store, if it was imported.
    pub fn of(store: &Store) -> Option<Self> {
        let imported: Self = toml::from_str(store.recipe()).ok()?;
        (imported.schema == SCHEMA).then_some(imported)
    }

    /// As the store keeps it.
    ///
    /// # Errors
    /// When names cannot be written as TOML.
    pub(super) fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// What a run was called.
    pub fn run(&self, number: u64) -> Option<&str> {
        self.runs.get(&number.to_string()).map(String::as_str)
    }

    /// Whether labels count epochs, not steps or files.
    pub fn counts_epochs(&self) -> bool {
        self.counts == Counts::Epoch
    }
}

/// How many texts there are, and a hash of them in their order.
fn digest<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let (mut count, mut hash) = (0_usize, 0xcbf2_9ce4_8422_2325_u64);
    for text in texts {
        count += 1;
        // No name has a 0 in it.
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{count}-{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_of_version_0_1_are_read() {
        let recipe = "schema = \"modeltrail.import/1\"\ncounts = \"file\"\n\
                      files = \"2-e6a60bfa9c2ea1f2\"\n\n[runs]\n0 = \"seed-1\"\n";
        let read: Imported = toml::from_str(recipe).unwrap();
        assert_eq!((read.run(0), read.counts_epochs()), (Some("seed-1"), false));
        assert_eq!(read.to_toml().unwrap(), recipe);
    }

    #[test]
    fn the_digest_of_names_is_that_of_version_0_1() {
        // FNV-1a, 64 bits, of "a\0": stores keep it, so it must never change.
        assert_eq!(digest(["a"].into_iter()), "1-089be207b544f1e4");
        assert_ne!(
            digest(["a", "b"].into_iter()),
            digest(["b", "a"].into_iter())
        );
    }
}
