//! Results appear whole or not at all.

use anyhow::{Context, Result};
use checkpoint_store::NewFile;
use std::path::Path;

/// Writes a file, whole or not at all; makes its directory if there is none.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let written = (|| {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        anyhow::Ok(NewFile::write(path, content.as_ref(), true)?)
    })();
    written.with_context(|| {
        format!(
            "{} cannot be written; give another directory or make room",
            path.display()
        )
    })
}

/// Makes the directory if there is none, and tries to write in it: better now than after training.
pub(crate) fn check_writable(directory: &Path) -> Result<()> {
    let trial = directory.join(".trial");
    write(&trial, [0; 4096])?;
    Ok(std::fs::remove_file(trial)?)
}

/// Writes a value as indented JSON.
pub(crate) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_leaves_nothing_behind() {
        let directory = std::env::temp_dir().join(format!("files-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("taken/below")).unwrap();
        let message = write(&directory.join("taken"), "text")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("taken") && message.contains("make room"),
            "{message}"
        );
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
        write(&directory.join("new/file"), "text").unwrap();
        assert_eq!(
            std::fs::read_to_string(directory.join("new/file")).unwrap(),
            "text"
        );
        check_writable(&directory.join("new")).unwrap();
        assert_eq!(std::fs::read_dir(directory.join("new")).unwrap().count(), 1);
        assert!(check_writable(&directory.join("new/file")).is_err());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
