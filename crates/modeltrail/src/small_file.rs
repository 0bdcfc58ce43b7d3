//! Small files that are read whole: budgets, sketches.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads a file of at most so many bytes.
///
/// # Errors
/// When it is not there, may not be read, is larger, or is no regular file: pipes and devices may
/// never end.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let refused = |what: &str, way_out, source| Error::Unreadable {
        path: path.to_path_buf(),
        what: what.to_owned(),
        way_out,
        source: Some(source),
    };
    let metadata = std::fs::metadata(path)
        .map_err(|error| refused("it cannot be opened", "Check the name", error))?;
    if !metadata.is_file() {
        return Err(Error::Unsuitable {
            path: path.to_path_buf(),
            what: "it is not a regular file".to_owned(),
            way_out: "Name a file",
        });
    }
    let too_large = |length: u64| Error::Unsuitable {
        path: path.to_path_buf(),
        what: format!("it has {length} bytes or more, and at most {most} are read"),
        way_out: "Put less into it",
    };
    if metadata.len() > most {
        return Err(too_large(metadata.len()));
    }
    let file = File::open(path)
        .map_err(|error| refused("it cannot be opened", "Check file permissions", error))?;
    // It may grow meanwhile.
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| refused("it cannot be read", "Copy it again", error))?;
    if bytes.len() as u64 > most {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}
