//! Is everything in a directory what was written there?

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::compact::first_missing;
use crate::directory::{self, Entry, Listing};
use crate::error::{Error, Result};
use crate::frame::Kind;
use crate::header::TensorShape;
use crate::names::{self, Name};
use crate::segment::{Mapped, Segment, read_header};
use crate::state::StateHeader;

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The directory that was looked at.
    pub directory: PathBuf,
    /// One entry per file, sorted by name.
    pub files: Vec<FileReport>,
    /// What is wrong between sound files.
    pub problems: Vec<String>,
    /// Checkpoints in sound segments, each counted once.
    pub checkpoints: u64,
    /// How many of them diverged.
    pub diverged: u64,
}

/// What [`verify`] found about one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The name of the file in the directory.
    pub name: String,
    /// What is to be said of it.
    #[serde(flatten)]
    pub status: Status,
}

/// The status of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// Every byte is as it was written.
    Ok {
        /// What the file is: `store description`, `segment` or `training state`.
        kind: &'static str,
        /// How many checkpoints (in a training state: models) it holds.
        checkpoints: u64,
        /// Its BLAKE3, in hexadecimal digits.
        hash: String,
    },
    /// Not as it was written.
    Damaged {
        /// What is wrong.
        what: String,
        /// Where it shows, in bytes from the start of the file.
        offset: u64,
        /// Checkpoints that a segment held, if its header is sound and still tells.
        held: Option<u64>,
    },
    /// Sound, but of a later format than this program reads.
    NewerFormat {
        /// Its format version.
        version: u32,
    },
    /// Sound, but of another recipe, layout or kind than this store and its name ask for.
    Foreign {
        /// How that shows.
        what: String,
    },
    /// The operating system does not let it be read.
    Unreadable {
        /// What it answered.
        what: String,
    },
    /// Being written, or left by a killed writer. Readers ignore it, and the next writer removes
    /// it if nobody is alive to finish it.
    Unfinished,
    /// Not one of a store's files. Ignored.
    Unknown,
}

impl Status {
    /// Whether this calls for action.
    #[must_use]
    pub fn is_problem(&self) -> bool {
        !matches!(self, Self::Ok { .. } | Self::Unfinished | Self::Unknown)
    }

    fn of_error(error: &Error) -> Self {
        match error {
            Error::Damaged { what, offset, .. } => Self::Damaged {
                what: what.clone(),
                offset: *offset,
                held: None,
            },
            Error::NewerFormat { found, .. } => Self::NewerFormat { version: *found },
            Error::Io { .. } | Error::StorageFull { .. } => Self::Unreadable {
                what: error.to_string(),
            },
            other => Self::Foreign {
                what: other.to_string(),
            },
        }
    }
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty() && !self.files.iter().any(|file| file.status.is_problem())
    }
}

/// Verifies every byte of every file of a store, and that the files fit together.
///
/// What is found is in the report; only a directory that is not a store, or cannot be listed, is
/// an error. A file that is missing altogether shows as missing checkpoints only, since a store
/// has no list of its segments.
///
/// # Errors
/// [`Error::NotAStore`], [`Error::Io`].
pub fn verify(directory: impl AsRef<Path>) -> Result<Report> {
    let directory = directory.as_ref();
    let not_a_store = |what| Error::NotAStore {
        path: directory.to_path_buf(),
        what,
    };
    if !directory.is_dir() {
        return Err(not_a_store("there is no such directory"));
    }
    directory::retry(|| {
        let names = directory::list(directory)?;
        let ours = |name: &String| !matches!(names::parse(name), Name::Unknown | Name::Unfinished);
        if !names.iter().any(ours) {
            return Err(not_a_store("it holds none of a store's files"));
        }
        Inspection::default().run(directory, &names)
    })
}

/// The recipe and layout that a file speaks of.
type Description = (String, Vec<TensorShape>);

/// A verification under way.
#[derive(Default)]
struct Inspection {
    description: Option<Description>,
    segments: Vec<Entry>,
}

impl Inspection {
    fn run<'a>(
        mut self,
        directory: &Path,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<Report> {
        let mut problems = Vec::new();
        let description = directory.join(names::DESCRIPTION);
        if let Ok(header) =
            Mapped::open(&description, Kind::Description).and_then(|file| file.decode())
        {
            self.description = Some((header.recipe, header.layout));
        } else {
            problems.push(format!(
                "{} is missing or damaged: without it the directory does not open as a store",
                names::DESCRIPTION
            ));
        }

        let mut files = Vec::new();
        for name in names {
            let status = match self.inspect(&directory.join(name), name) {
                Err(error) if error.is_vanished() => match names::parse(name) {
                    // Segments vanish by compaction: look again. Others come and go.
                    Name::Segment => return Err(error),
                    _ => continue,
                },
                Err(error) => Status::of_error(&error),
                Ok(status) => status,
            };
            let status = tell_what_it_held(status, &directory.join(name), name);
            files.push(FileReport {
                name: name.clone(),
                status,
            });
        }

        let (mut checkpoints, mut diverged) = (0, 0);
        match Listing::sort_out(self.segments) {
            Err(error) => problems.push(error.to_string()),
            Ok(listing) => {
                let labels = listing.checkpoints();
                checkpoints = labels.len() as u64;
                diverged = labels.iter().filter(|label| !label.finite).count() as u64;
                contradictions(&listing, &mut problems)?;
            }
        }
        Ok(Report {
            directory: directory.to_path_buf(),
            files,
            problems,
            checkpoints,
            diverged,
        })
    }

    fn inspect(&mut self, path: &Path, name: &str) -> Result<Status> {
        let ok = |kind: Kind, checkpoints: usize, hash: String| Status::Ok {
            kind: kind.name(),
            checkpoints: checkpoints as u64,
            hash,
        };
        Ok(match names::parse(name) {
            Name::Unknown => Status::Unknown,
            Name::Unfinished => Status::Unfinished,
            Name::Description => {
                let file = Mapped::open(path, Kind::Description)?;
                file.decode()?;
                ok(Kind::Description, 0, file.digest().to_hex().to_string())
            }
            Name::Segment => {
                let segment = Segment::open(path)?;
                let header = segment.header();
                self.expect(&header.recipe, &header.layout)?;
                self.segments.push(Entry {
                    path: path.to_path_buf(),
                    name: name.to_owned(),
                    checkpoints: header.checkpoints.clone(),
                });
                ok(Kind::Segment, header.checkpoints.len(), segment.hash())
            }
            Name::State { shard, next_epoch } => {
                let file = Mapped::open(path, Kind::State)?;
                let header = StateHeader::decode(&file, shard, next_epoch)?;
                self.expect(&header.recipe, &header.layout)?;
                ok(
                    Kind::State,
                    header.runs.len(),
                    file.digest().to_hex().to_string(),
                )
            }
        })
    }

    fn expect(&self, recipe: &str, layout: &[TensorShape]) -> Result<()> {
        match &self.description {
            Some((ours, _)) if ours != recipe => {
                Err(Error::invalid("it is of another recipe than the store"))
            }
            Some((_, ours)) if ours != layout => {
                Err(Error::invalid("it is of another layout than the store"))
            }
            _ => Ok(()),
        }
    }
}

/// Adds what the header of a segment says that is damaged after it.
fn tell_what_it_held(status: Status, path: &Path, name: &str) -> Status {
    match status {
        Status::Damaged { what, offset, .. } if names::parse(name) == Name::Segment => {
            let header = read_header(path, Kind::Segment);
            Status::Damaged {
                what,
                offset,
                held: header.ok().map(|header| header.checkpoints.len() as u64),
            }
        }
        other => other,
    }
}

/// Finds superseded segments whose content differs from the segment that contains their labels.
fn contradictions(listing: &Listing, problems: &mut Vec<String>) -> Result<()> {
    if listing.superseded.is_empty() {
        return Ok(());
    }
    let current = listing
        .current
        .iter()
        .map(|entry| Segment::open(&entry.path));
    let current = current.collect::<Result<Vec<_>>>()?;
    for entry in &listing.superseded {
        let small = Segment::open(&entry.path)?;
        // The labels are there; if no segment has them all with the same bits, contents differ.
        if current
            .iter()
            .all(|whole| first_missing(&small, whole).is_some())
        {
            problems.push(format!(
                "{} contradicts the segment that has its checkpoints, too",
                entry.name
            ));
        }
    }
    Ok(())
}
