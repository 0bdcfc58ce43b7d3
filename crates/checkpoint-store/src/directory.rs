//! What lies in a store's directory at one moment, and which of it counts.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::frame::Kind;
use crate::header::{Checkpoint, Header};
use crate::limits::MAX_FILES;
use crate::names::{self, Name};
use crate::segment::read_header;

/// How often a reader starts over because files vanished under it. Each time another process must
/// have compacted the store in between, so more than a few in a row mean something else.
const ATTEMPTS: usize = 16;

/// The names in a directory, sorted. Names that are not Unicode come with replacement characters,
/// which no name of ours contains.
pub(crate) fn list(directory: &Path) -> Result<BTreeSet<String>> {
    let io = |source| Error::io("list", directory, source);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(directory).map_err(io)? {
        names.insert(
            entry
                .map_err(io)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
        if names.len() > MAX_FILES {
            return Err(Error::TooLarge {
                what: "the number of files in the directory",
                found: names.len() as u64,
                limit: MAX_FILES as u64,
            });
        }
    }
    Ok(names)
}

/// The names of the segments in a directory, as they stood together at some moment.
///
/// Listing a directory is not atomic: a listing that overlaps with a compaction may miss the new
/// segment and some of the old ones. The new one was there before the first old one went, so if
/// nothing of a first listing is missing from a second, the second misses nothing either.
fn list_segments(directory: &Path) -> Result<BTreeSet<String>> {
    settle(|| {
        let mut names = list(directory)?;
        names.retain(|name| names::parse(name) == Name::Segment);
        Ok(names)
    })
}

fn settle(mut list: impl FnMut() -> Result<BTreeSet<String>>) -> Result<BTreeSet<String>> {
    let mut first = list()?;
    for _ in 0..ATTEMPTS {
        let second = list()?;
        if first.is_subset(&second) {
            return Ok(second);
        }
        first = second;
    }
    Ok(first)
}

/// A segment as its header describes it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) checkpoints: Vec<Checkpoint>,
}

/// The segments of a store, told apart into those that count and those that others contain.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Every checkpoint of the store is in exactly one of these.
    pub(crate) current: Vec<Entry>,
    /// Every checkpoint in these is in one of the current ones, too: what a compaction that was
    /// killed did not come to remove.
    pub(crate) superseded: Vec<Entry>,
}

impl Listing {
    /// Reads the headers of all segments in a directory with `read` and sorts them out; starts
    /// over if another process compacts meanwhile.
    pub(crate) fn read(
        directory: &Path,
        accept: impl Fn(&Path, &Header) -> Result<()>,
    ) -> Result<Self> {
        retry(|| {
            let mut entries = Vec::new();
            for name in list_segments(directory)? {
                let path = directory.join(&name);
                let header = read_header(&path, Kind::Segment)?;
                accept(&path, &header)?;
                entries.push(Entry {
                    path,
                    name,
                    checkpoints: header.checkpoints,
                });
            }
            Self::sort_out(entries)
        })
    }

    /// Tells segments that count from those contained in others.
    ///
    /// # Errors
    /// [`Error::Overlap`] if a segment shares some checkpoints with others, but not all.
    pub(crate) fn sort_out(mut entries: Vec<Entry>) -> Result<Self> {
        // Larger ones first, so that what contains another comes before it; of two that hold the
        // same, a compacted one.
        entries.sort_by(|a, b| {
            let rank = |entry: &Entry| {
                (
                    std::cmp::Reverse(entry.checkpoints.len()),
                    !entry.is_compacted(),
                )
            };
            (rank(a), &a.name).cmp(&(rank(b), &b.name))
        });
        let mut listing = Self::default();
        let mut claimed: HashMap<(u32, u64), usize> = HashMap::new();
        for entry in entries {
            let shared: Vec<&Checkpoint> = entry
                .checkpoints
                .iter()
                .filter(|checkpoint| claimed.contains_key(&checkpoint.key()))
                .collect();
            match shared.first() {
                Some(_) if shared.len() == entry.checkpoints.len() => {
                    listing.superseded.push(entry)
                }
                Some(first) => {
                    let holder = claimed[&first.key()];
                    return Err(Error::Overlap {
                        run: first.run,
                        epoch: first.epoch,
                        first: listing.current[holder].path.clone(),
                        second: entry.path,
                    });
                }
                None => {
                    let holder = listing.current.len();
                    claimed.extend(
                        entry
                            .checkpoints
                            .iter()
                            .map(|checkpoint| (checkpoint.key(), holder)),
                    );
                    listing.current.push(entry);
                }
            }
        }
        Ok(listing)
    }

    /// The labels of all checkpoints, ascending by (epoch, run).
    pub(crate) fn checkpoints(&self) -> Vec<Checkpoint> {
        let mut labels: Vec<Checkpoint> = self
            .current
            .iter()
            .flat_map(|entry| entry.checkpoints.iter().copied())
            .collect();
        labels.sort_unstable_by_key(Checkpoint::key);
        labels
    }
}

impl Entry {
    pub(crate) fn is_compacted(&self) -> bool {
        names::is_compacted(&self.name)
    }
}

/// Does something that reads several files, again if one of them vanished meanwhile.
pub(crate) fn retry<T>(mut read: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..ATTEMPTS {
        match read() {
            Err(error) if error.is_vanished() => {}
            other => return other,
        }
    }
    read()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, keys: &[(u32, u64)]) -> Entry {
        Entry {
            path: name.into(),
            name: name.to_owned(),
            checkpoints: keys
                .iter()
                .map(|&(epoch, run)| Checkpoint::new(run, epoch))
                .collect(),
        }
    }

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn segments_that_a_compacted_one_contains_do_not_count() {
        let listing = Listing::sort_out(vec![
            entry("shard-00000-epoch-000001.segment", &[(1, 0)]),
            entry("shard-00000-epoch-000002.segment", &[(2, 0)]),
            entry("shard-00000-epoch-000003.segment", &[(3, 0)]),
            entry("zoo-1.segment", &[(1, 0), (2, 0)]),
        ])
        .unwrap();
        assert_eq!(
            names(&listing.current),
            ["zoo-1.segment", "shard-00000-epoch-000003.segment"]
        );
        assert_eq!(listing.superseded.len(), 2);
        let keys: Vec<_> = listing.checkpoints().iter().map(Checkpoint::key).collect();
        assert_eq!(keys, [(1, 0), (2, 0), (3, 0)]);
    }

    #[test]
    fn of_two_equal_segments_the_compacted_one_counts() {
        let listing = Listing::sort_out(vec![
            entry("shard-00000-epoch-000001.segment", &[(1, 0)]),
            entry("zoo-1.segment", &[(1, 0)]),
        ])
        .unwrap();
        assert_eq!(names(&listing.current), ["zoo-1.segment"]);
    }

    #[test]
    fn a_partial_overlap_is_an_error_that_names_both() {
        let error = Listing::sort_out(vec![
            entry("a.segment", &[(1, 0), (1, 1), (1, 2)]),
            entry("b.segment", &[(1, 2), (1, 3)]),
        ])
        .unwrap_err();
        let text = error.to_string();
        assert!(matches!(
            error,
            Error::Overlap {
                run: 2,
                epoch: 1,
                ..
            }
        ));
        assert!(
            text.contains("a.segment") && text.contains("b.segment"),
            "{text}"
        );
    }

    #[test]
    fn a_listing_torn_by_a_compaction_is_not_believed() {
        // Of a, b and c, the first listing overlaps with a compaction into z: it began before z
        // was there, and came to a after its removal.
        let mut listings = [vec!["b", "c"], vec!["z"], vec!["d", "z"]].into_iter();
        let settled = settle(|| {
            let names = listings.next().unwrap();
            Ok(names.into_iter().map(str::to_owned).collect())
        });
        assert_eq!(settled.unwrap().into_iter().collect::<Vec<_>>(), ["d", "z"]);
    }
}
