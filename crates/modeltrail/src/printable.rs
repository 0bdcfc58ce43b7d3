//! Names out of files and file systems, on one line: they may hold anything.

use std::path::Path;

/// A name out of a file system or a file, on one line.
pub fn printable(name: &str) -> String {
    let signs = name.chars().map(|sign| {
        if sign.is_control() || is_unseen(sign) {
            sign.escape_default().to_string()
        } else {
            sign.to_string()
        }
    });
    signs.collect()
}

/// A path on one line.
pub(crate) fn printable_path(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// Signs that are not seen and turn round or break what stands beside them.
fn is_unseen(sign: char) -> bool {
    matches!(
        sign,
        '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}
