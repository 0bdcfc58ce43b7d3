//! Families of broken files: one thing after another made wrong in the same way.

mod archives;
mod arrays;
mod packed;
mod parallel;
mod pickles;
mod safetensors;
mod sound;
pub mod stores;
mod texts;

use std::io;
use std::path::{Path, PathBuf};

use checkpoint_store::Fault;

use crate::corpus;

/// What reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The importers of foreign checkpoints.
    Weights,
    /// Recipes in TOML.
    Recipe,
    /// Images to train on.
    Images,
    /// Files of sketches.
    Sketches,
    /// The files of a store.
    Store,
}

/// What must come of it. A panic, a crash, or too much time or memory never is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// An error of this kind.
    Fault(Fault),
    /// An error.
    Refused,
    /// Values, or an error.
    Either,
    /// Values.
    Read,
}

/// The name of the first file where the folder that the others lie in is read.
pub const FOLDER: &str = ".";

/// A file, or several of which the first is read, or the [folder](FOLDER) of them.
#[derive(Debug, Clone)]
pub struct Broken {
    /// What is wrong, in general.
    pub class: String,
    /// Names and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// What reads it.
    pub reader: Reader,
    /// What must come of it.
    pub expect: Expect,
}

fn broken(class: &str, file: &str, bytes: Vec<u8>, expect: Expect) -> Broken {
    Broken {
        class: class.to_owned(),
        files: vec![(file.to_owned(), bytes)],
        reader: Reader::Weights,
        expect,
    }
}

/// All of them: those of the corpus, each a class of its own, and the families.
#[must_use]
pub fn all() -> Vec<Broken> {
    let cases = corpus::cases().into_iter().map(|case| Broken {
        class: case.name.to_owned(),
        files: case
            .files
            .into_iter()
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .collect(),
        reader: Reader::Weights,
        expect: Expect::Fault(case.fault),
    });
    let mut all: Vec<Broken> = cases.collect();
    all.extend(safetensors::files());
    all.extend(arrays::files());
    all.extend(archives::files());
    all.extend(pickles::files());
    all.extend(sound::cut_off());
    all.extend(sound::not_finite());
    all.extend(texts::recipes());
    all.extend(texts::images());
    all.extend(texts::sketches());
    all.extend(stores::files());
    all.extend(parallel::files());
    all.extend(packed::files());
    all
}

/// Sound checkpoints of several files, by the name of what is [fuzzed](crate::fuzzed).
#[must_use]
pub fn sound_folders() -> [(&'static str, Vec<crate::parallel::Files>); 4] {
    parallel::sound()
}

impl Broken {
    /// Writes its files into an empty folder, and returns the path that is to be read.
    ///
    /// # Errors
    /// When there is no room.
    pub fn write(&self, folder: &Path) -> io::Result<PathBuf> {
        for (name, bytes) in &self.files {
            if name != FOLDER {
                std::fs::write(folder.join(name), bytes)?;
            }
        }
        let first = self.files.first().map_or("", |(name, _)| name);
        Ok(match first {
            FOLDER => folder.to_path_buf(),
            name => folder.join(name),
        })
    }
}
