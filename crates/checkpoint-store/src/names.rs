//! The names of the files in a store.
//!
//! Names say what to expect and keep writers apart; what a file holds is decided by its bytes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use blake3::Hash;

/// The description that makes a directory a store.
pub(crate) const DESCRIPTION: &str = "zoo.description";

const SEGMENT: &str = ".segment";
const STATE: &str = ".state";
const UNFINISHED: &str = ".unfinished";

/// What the name of a file in a store announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Description,
    Segment,
    State {
        shard: u32,
        next_epoch: u32,
    },
    /// A file that was never finished, or is being written right now.
    Unfinished,
    /// Not one of ours.
    Unknown,
}

/// The segment of one shard and epoch.
pub(crate) fn segment(shard: u32, epoch: u32) -> String {
    format!("shard-{shard:05}-epoch-{epoch:06}{SEGMENT}")
}

/// A compacted segment: named by what it holds, so that a later one never replaces it in place.
pub(crate) fn compacted(digest: Hash) -> String {
    format!("zoo-{}{SEGMENT}", &digest.to_hex()[..16])
}

/// Whether a segment's name is one that compaction gives.
pub(crate) fn is_compacted(name: &str) -> bool {
    name.starts_with("zoo-") && name.ends_with(SEGMENT)
}

/// The training state of one shard.
pub(crate) fn state(shard: u32, next_epoch: u32) -> String {
    format!("shard-{shard:05}-next-{next_epoch:06}{STATE}")
}

/// A name that no other file has, in this process or another.
pub(crate) fn unfinished() -> String {
    static PROCESS: OnceLock<u64> = OnceLock::new();
    static FILES: AtomicU64 = AtomicU64::new(0);
    // Process ids repeat across containers and machines that share a file system.
    let process = PROCESS.get_or_init(|| RandomState::new().build_hasher().finish());
    let file = FILES.fetch_add(1, Ordering::Relaxed);
    format!("{}-{process:016x}-{file}{UNFINISHED}", std::process::id())
}

/// What a name announces. Only names exactly as written here are ours.
pub(crate) fn parse(name: &str) -> Name {
    if name == DESCRIPTION {
        Name::Description
    } else if name.ends_with(SEGMENT) {
        Name::Segment
    } else if let Some((shard, next_epoch)) = parse_state(name) {
        Name::State { shard, next_epoch }
    } else if is_unfinished(name) {
        Name::Unfinished
    } else {
        Name::Unknown
    }
}

fn parse_state(name: &str) -> Option<(u32, u32)> {
    let (shard, next_epoch) = name
        .strip_prefix("shard-")?
        .strip_suffix(STATE)?
        .split_once("-next-")?;
    let (shard, next_epoch) = (shard.parse().ok()?, next_epoch.parse().ok()?);
    (state(shard, next_epoch) == name).then_some((shard, next_epoch))
}

fn is_unfinished(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(UNFINISHED) else {
        return false;
    };
    let parts: Vec<&str> = stem.split('-').collect();
    matches!(parts[..], [id, process, file]
        if id.parse::<u32>().is_ok() && u64::from_str_radix(process, 16).is_ok() && file.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_recognised() {
        let cases = [
            (DESCRIPTION.to_owned(), Name::Description),
            (segment(3, 7), Name::Segment),
            (segment(u32::MAX, u32::MAX), Name::Segment),
            (compacted(blake3::hash(b"")), Name::Segment),
            (
                state(3, 8),
                Name::State {
                    shard: 3,
                    next_epoch: 8,
                },
            ),
            (
                state(u32::MAX, u32::MAX),
                Name::State {
                    shard: u32::MAX,
                    next_epoch: u32::MAX,
                },
            ),
            (unfinished(), Name::Unfinished),
        ];
        for (name, expected) in cases {
            assert_eq!(parse(&name), expected, "{name}");
        }
        for name in [
            "notes.txt",
            "shard-3-next-8.state",
            "shard-00003-next-+00008.state",
            "my.unfinished",
            "a-b-c.unfinished",
        ] {
            assert_eq!(parse(name), Name::Unknown, "{name}");
        }
    }

    #[test]
    fn unfinished_names_never_repeat() {
        assert_ne!(unfinished(), unfinished());
    }
}
