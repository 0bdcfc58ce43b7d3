//! What can go wrong, where, and what to do about it.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong with a store.
///
/// An error never leaves a store half-changed: what was acknowledged before it is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation.
    #[error("cannot {operation} {}: {source}. {}", .path.display(), way_out(.source))]
    Io {
        /// What was attempted, as a verb: `create`, `write`, `sync`, `rename`, …
        operation: &'static str,
        /// The file or directory it was attempted on.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },

    /// The disk, or the user's quota on it, is full.
    #[error(
        "the disk is full: cannot {operation} {} ({source}). Everything acknowledged so far is intact; \
         free some space and run the same command again, it continues where it stopped",
        .path.display()
    )]
    StorageFull {
        /// What was attempted.
        operation: &'static str,
        /// The file it was attempted on.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },

    /// A file does not hold what was written to it, or was never one of ours.
    #[error(
        "{} is damaged at byte {offset}: {what}. Restore it from a copy, or remove it and train that part again",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// Where it shows, in bytes from the start of the file.
        offset: u64,
    },

    /// A sound file of a later format.
    #[error(
        "{} has format version {found}, and this program reads versions up to {supported}: use a newer modeltrail",
        .path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The latest version that this program reads.
        supported: u32,
    },

    /// A sound file of another kind than the one asked for.
    #[error("{} is a {found}, where a {wanted} was asked for", .path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// The kind it has.
        found: &'static str,
        /// The kind that was wanted.
        wanted: &'static str,
    },

    /// The store holds checkpoints of another recipe.
    #[error(
        "{} holds checkpoints of another recipe: {}. Choose another directory, or go on with the stored recipe",
        .path.display(), first_difference(.stored, .wanted)
    )]
    WrongRecipe {
        /// The store, or the file in it.
        path: PathBuf,
        /// The recipe in the store, whole.
        stored: String,
        /// The recipe that was asked for, whole.
        wanted: String,
    },

    /// The store holds models of another shape.
    #[error(
        "{} holds models of another layout: stored {stored}; wanted {wanted}. Choose another directory",
        .path.display()
    )]
    WrongLayout {
        /// The store, or the file in it.
        path: PathBuf,
        /// The layout in the store, in words.
        stored: String,
        /// The layout that was asked for, in words.
        wanted: String,
    },

    /// The directory is not a store.
    #[error("{} is not a checkpoint store: {what}", .path.display())]
    NotAStore {
        /// The directory.
        path: PathBuf,
        /// How that shows.
        what: &'static str,
    },

    /// A new store was asked for in a directory that holds something else.
    #[error(
        "{} is not empty and not a checkpoint store (it holds {}): choose another directory",
        .path.display(), .entry.display()
    )]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// The first foreign entry.
        entry: PathBuf,
    },

    /// A file of the name that a new one was to get.
    #[error("{} exists already: choose another name, or allow it to be overwritten", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },

    /// The store holds no checkpoint yet.
    #[error("{} holds no checkpoints yet: train something into it first", .path.display())]
    Empty {
        /// The store.
        path: PathBuf,
    },

    /// Something exceeds a limit of the format.
    #[error("{what} is {found}, and at most {limit} fit into a checkpoint store")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: u64,
        /// How large it may be.
        limit: u64,
    },

    /// There is no such limit, or it cannot be set so.
    #[error("{0}")]
    Limit(String),

    /// What was handed over for storing contradicts itself.
    #[error("cannot store this: {what}")]
    Invalid {
        /// The contradiction.
        what: String,
    },

    /// Other bytes were published under the same name before.
    #[error(
        "{} already holds other content, and what is published never changes: \
         either two writers share a shard, or the training is not the one that began this store",
        .path.display()
    )]
    Conflict {
        /// The segment that is already there.
        path: PathBuf,
    },

    /// One checkpoint stands in two segments of which neither contains the other.
    #[error(
        "run {run}, epoch {epoch} is stored twice, in {} and in {}: remove the one that does not belong here",
        .first.display(), .second.display()
    )]
    Overlap {
        /// The run.
        run: u64,
        /// The epoch.
        epoch: u32,
        /// The segment that holds more.
        first: PathBuf,
        /// The segment that overlaps it.
        second: PathBuf,
    },

    /// A checkpoint that another program wrote, or something taken for one, cannot be read.
    #[error("{}: {what}. {way_out}", .path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// What kind of trouble it is.
        fault: Fault,
        /// What is wrong, in words.
        what: String,
        /// What to do about it: a sentence without its full stop.
        way_out: Cow<'static, str>,
        /// The limit that it meets, if raising one helps.
        limit: Option<LimitMet>,
    },

    /// Checkpoints that should be there are not.
    #[error(
        "{} lacks {missing} checkpoints, the first of them run {run}, epoch {epoch}: finish the training first",
        .path.display()
    )]
    Incomplete {
        /// The store.
        path: PathBuf,
        /// How many checkpoints are missing.
        missing: u64,
        /// The run of the first missing one.
        run: u64,
        /// Its epoch.
        epoch: u32,
    },
}

/// A limit of [`Limits`](crate::limits::Limits) that a file meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitMet {
    /// Its name, as [`Limits::set`](crate::limits::Limits::set) takes it.
    pub name: &'static str,
    /// A value that allows what was found, as far as that is known: what was not looked at because of
    /// the limit may meet it again.
    pub enough: u64,
}

/// What kind of trouble a foreign checkpoint is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It is something else than a checkpoint, or of a program that is not read.
    NotACheckpoint,
    /// It ends early or contradicts itself: half-written, cut off, or changed since.
    Damaged,
    /// Its files do not belong together: an index names other tensors than its shards hold.
    Mismatch,
    /// Sound as far as it shows, but written in a way that is not read.
    Unsupported,
    /// Sound, and without a model: the state of an optimiser or a generator, settings, a sampler.
    NoModel,
    /// More than the [`Limits`](crate::limits::Limits) allow.
    TooLarge,
    /// A part of it, or the path itself, is not there.
    Missing,
    /// It asks for code to be run, which never happens.
    Code,
    /// It is sound, and another one than it was when its description was read.
    Changed,
    /// It lies elsewhere, and could not be had: no connection, or a server that fails.
    Unreachable,
    /// It lies elsewhere, and its server does not show it: no token, or one that is not accepted.
    Refused,
}

impl Error {
    /// Wraps what the operating system answered, telling a full disk from the rest.
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::StorageFull {
                operation,
                path,
                source,
            },
            _ => Self::Io {
                operation,
                path,
                source,
            },
        }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            what: what.into(),
            offset,
        }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// Whether a stored file is at fault, rather than the caller or the machine.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Overlap { .. })
    }

    /// Whether a file vanished between being listed and being opened, as it does when another
    /// process compacts the store.
    pub(crate) fn is_vanished(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// What to do about an answer of the operating system: a sentence without its full stop.
fn way_out(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "Check its permissions",
        io::ErrorKind::ReadOnlyFilesystem => "Choose another place, where files can be written",
        io::ErrorKind::NotFound => "It was removed, or is a link that leads nowhere",
        // ELOOP has no stable kind of its own.
        _ if source.to_string().contains("symbolic link") => {
            "It is a link that leads back to itself: remove it"
        }
        _ => "Check the disk, and whether other programs can read the file",
    }
}

/// The first line in which two recipes differ, in words.
fn first_difference(stored: &str, wanted: &str) -> String {
    let mut stored = stored.lines();
    let mut wanted = wanted.lines();
    loop {
        match (stored.next(), wanted.next()) {
            (None, None) => return "they differ in white space only".to_owned(),
            (a, b) if a == b => {}
            (a, b) => {
                let quote = |line: Option<&str>| match line {
                    // A recipe in a file may be anything, a message should stay one line.
                    Some(line) => format!("`{}`", line.chars().take(120).collect::<String>()),
                    None => "nothing more".to_owned(),
                };
                return format!("stored {}, wanted {}", quote(a), quote(b));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_errors() {
        let path = Path::new("zoo");
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let error = Error::io("write", path, kind.into());
            assert!(matches!(error, Error::StorageFull { .. }), "{error}");
            assert!(error.to_string().contains("free some space"));
        }
        let error = Error::io("write", path, io::ErrorKind::PermissionDenied.into());
        assert!(matches!(error, Error::Io { .. }));
        assert!(error.to_string().contains("cannot write zoo"));
    }

    #[test]
    fn a_wrong_recipe_shows_both_versions_of_the_line_that_differs() {
        let error = Error::WrongRecipe {
            path: "zoo".into(),
            stored: "lr = 0.03\nbatch = 12\n".to_owned(),
            wanted: "lr = 0.1\nbatch = 12\n".to_owned(),
        };
        assert!(
            error
                .to_string()
                .contains("stored `lr = 0.03`, wanted `lr = 0.1`")
        );
        assert_eq!(
            first_difference("a", "a\nb"),
            "stored nothing more, wanted `b`"
        );
        assert_eq!(
            first_difference("a", "a\n"),
            "they differ in white space only"
        );
    }
}
