//! Files that are written whole or not at all.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use checkpoint_store::{Error, NewFile, Result};

use super::{Acknowledged, Fact, PLANTED, Reported, described};
use crate::disk::Disk;

/// A name, what is there at first, and what is written.
const FILES: [(&str, Option<u8>, u8); 3] = [
    ("page.html", Some(1), 2),
    ("new.npz", None, 3),
    ("table.parquet", Some(4), 5),
];
/// Longer than what is gathered before it is written.
const BYTES: usize = (1 << 20) + 5000;

fn content(value: u8) -> Vec<u8> {
    vec![value; BYTES]
}

pub(super) fn prepare(root: &Path) -> Result<()> {
    for (name, first, _) in FILES {
        if let Some(first) = first {
            write(&root.join(name), &content(first))?;
        }
    }
    write(&root.join(PLANTED), b"torn")
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|source| Error::Io {
        operation: "write",
        path: path.to_path_buf(),
        source,
    })
}

/// Writes all of them, those that are not new in the place of what is there.
pub(super) fn live(disk: &Disk, root: &Path, acknowledged: &Acknowledged) -> Result<()> {
    for (index, (name, first, second)) in FILES.into_iter().enumerate() {
        let replace = first.is_some();
        let bytes = content(second);
        let path = root.join(name);
        let written =
            NewFile::create_on(Arc::new(disk.clone()), &path, replace).and_then(|mut file| {
                file.append(&bytes[..7]);
                file.append(&bytes[7..]);
                file.finish()
            });
        match written {
            // An earlier life wrote it.
            Err(Error::Exists { .. }) if !replace => {}
            written => {
                written?;
                acknowledged.note(disk, Fact::Written { file: index });
            }
        }
    }
    Ok(())
}

/// Checks that each file is the old one or the new one, and the new one if that was acknowledged.
pub(super) fn check(root: &Path, acknowledged: &[Fact]) -> Reported<()> {
    for (index, (name, first, second)) in FILES.into_iter().enumerate() {
        let path = root.join(name);
        let there = path.exists().then(|| fs::read(&path)).transpose();
        let there = there.map_err(described)?;
        let is = |value: u8| there.as_ref() == Some(&content(value));
        let is_old = first.map_or(there.is_none(), is);
        let must_be_new = acknowledged.contains(&Fact::Written { file: index });
        if !is(second) && (must_be_new || !is_old) {
            return Err(format!(
                "{name} has {:?} bytes, and is neither the old nor the new one",
                there.map(|bytes| bytes.len())
            ));
        }
    }
    Ok(())
}
