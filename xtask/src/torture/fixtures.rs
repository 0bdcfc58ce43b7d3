//! R10: stores of every released format, kept as they were written.

use super::Effort;
use super::tally::{Tally, described};
use anyhow::Result;
use checkpoint_store::{Error, FORMAT_VERSION, Segment, Store, verify};
use std::path::{Path, PathBuf};

/// Every file of the fixture, and its BLAKE3 when it was written.
const V1: [(&str, &str); 3] = [
    (
        "shard-00007-epoch-000001.segment",
        "f59bc42e2cfa3904765f15033113e2a8f477e182adea7a35a99559798216edaf",
    ),
    (
        "shard-00007-next-000002.state",
        "12e409e99c2c4ab35f97c74f90226b9b3c5a142e692db25cf747417f5927c364",
    ),
    (
        "zoo.description",
        "09736bfd3572f3db16b90271a9cfec445a66c51b457bd5344bfab853586855da",
    ),
];

/// The weights of its two checkpoints, bit by bit.
const WEIGHTS: [u32; 6] = [
    0x3F80_0000,
    0xC000_0000,
    0x3F00_0000,
    0x7FC0_1234,
    0xFF80_0000,
    0x8000_0000,
];

pub(super) fn run(_: Effort) -> Result<Vec<Tally>> {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/checkpoint-store/tests/golden/v1");
    let mut tally = Tally::new(
        "stores of format 1, written once and committed: every file as it was, read to the same bits; a \
         newer format is refused by its number",
    );
    for (name, hash) in V1 {
        tally.count(unchanged(&golden.join(name), hash));
    }
    tally.count(reads(&golden));
    for (name, _) in V1 {
        for version in [FORMAT_VERSION + 1, 7, u32::MAX] {
            tally.count(refused(&golden, name, version));
        }
    }
    Ok(vec![tally])
}

fn unchanged(path: &Path, hash: &str) -> Result<(), String> {
    let found = blake3::hash(&std::fs::read(path).map_err(described)?).to_hex();
    if found.as_str() == hash {
        return Ok(());
    }
    Err(format!("{} has BLAKE3 {found}", path.display()))
}

fn reads(golden: &Path) -> Result<(), String> {
    if !verify(golden).map_err(described)?.is_sound() {
        return Err("the fixture does not verify".to_owned());
    }
    let store = Store::open(golden).map_err(described)?;
    let loaded = store.load().map_err(described)?;
    let bits: Vec<u32> = loaded
        .matrix()
        .iter()
        .map(|weight| weight.to_bits())
        .collect();
    let state = store.load_state(7).map_err(described)?;
    if bits == WEIGHTS && state.is_some_and(|state| state.velocity == [0.0, 4.0, 8.0]) {
        return Ok(());
    }
    Err(format!("it reads as {bits:x?}"))
}

/// A copy of the fixture in which one file is of a later format, sound in itself.
fn refused(golden: &Path, name: &str, version: u32) -> Result<(), String> {
    let copy = hostile::life::temporary()?;
    let to = |name: &str| -> PathBuf { copy.path().join(name) };
    for (name, _) in V1 {
        std::fs::copy(golden.join(name), to(name)).map_err(described)?;
    }
    let mut bytes = std::fs::read(to(name)).map_err(described)?;
    let end = bytes.len() - 32;
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    let digest = blake3::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(digest.as_bytes());
    std::fs::write(to(name), bytes).map_err(described)?;
    let opened = if name.ends_with("segment") {
        Segment::open(to(name)).map(drop)
    } else {
        Store::open(copy.path()).and_then(|store| store.load_state(7).map(drop))
    };
    match opened {
        Err(Error::NewerFormat { found, .. }) if found == version => Ok(()),
        other => Err(format!("{name} of version {version}: {other:?}")),
    }
}
