//! Small files that are read whole: budgets, sketches.

use crate::collection::printable;
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads a file of at most so many bytes.
///
/// # Errors
/// When it is not there, may not be read, is larger, or is no regular file: pipes and devices may
/// never end.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let shown = printable(&path.to_string_lossy());
    let metadata =
        std::fs::metadata(path).with_context(|| format!("cannot open {shown}: check the name"))?;
    ensure!(
        metadata.is_file(),
        "{shown} is not a regular file: name a file"
    );
    let length = metadata.len();
    ensure!(
        length <= most,
        "{shown} has {length} bytes, and at most {most} are read: put less into it"
    );
    let file = File::open(path)
        .with_context(|| format!("cannot open {shown}: ask for the right to read it"))?;
    // It may grow meanwhile.
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {shown}: copy it again"))?;
    ensure!(
        bytes.len() as u64 <= most,
        "{shown} has more than {most} bytes, and no more are read: put less into it"
    );
    Ok(bytes)
}
