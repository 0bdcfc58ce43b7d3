//! Results appear whole or not at all.

use anyhow::{Context, Result};
use std::path::Path;

/// Writes a file under a temporary name, then renames it; makes its directory if there is none.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(&temporary, content)?;
        std::fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.with_context(|| {
        format!(
            "{} cannot be written; give another directory or make room",
            path.display()
        )
    })
}

/// Writes a value as indented JSON.
pub(crate) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write(path, text)
}
