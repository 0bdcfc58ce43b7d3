//! Paths in JSON, which has to be Unicode where paths need not be.
//!
//! A path is its text. One that is no Unicode begins with `bytes:`, and of the rest every byte that is
//! part of no character stands as `%` and two hexadecimal digits, and `%` itself as `%25`. A path that
//! begins with `bytes:` itself is written so too, so that [`read`] gives back every path as it was.

use percent_encoding::percent_decode_str;
use serde::Serializer;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What a path begins with that is not just its text.
const MARK: &str = "bytes:";

/// A path as it stands in JSON.
///
/// ```
/// use modeltrail::path::{read, write};
/// use std::path::Path;
///
/// assert_eq!(write(Path::new("run/epoch-1.pt")), "run/epoch-1.pt");
/// assert_eq!(read("run/epoch-1.pt"), Path::new("run/epoch-1.pt"));
/// ```
pub fn write(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.starts_with(MARK) => text.to_owned(),
        _ => marked(path),
    }
}

/// The path that stands so in JSON. What follows the mark and was not written by [`write()`] is taken
/// as it is.
pub fn read(text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix(MARK) else {
        return PathBuf::from(text);
    };
    from_bytes(percent_decode_str(rest).collect())
}

/// For fields of documents: `#[serde(serialize_with = "modeltrail::path::serialize")]`.
///
/// # Errors
/// What the serializer answers.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&write(path))
}

/// The same of several paths.
pub(crate) fn serialize_all<S: Serializer>(
    paths: &[PathBuf],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| write(path)))
}

fn marked(path: &Path) -> String {
    let mut text = MARK.to_owned();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('%', "%25"));
        for byte in chunk.invalid() {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn every_path_comes_back_as_it_was() {
        let paths: [&[u8]; 8] = [
            b"run/epoch-1.pt",
            b"",
            b"100%25/a.pt",
            b"bytes:a%FF.pt",
            b"not \xff utf-8.pt",
            b"\xff\xfe/%/\xc3\xa9.pt",
            b"half \xc3",
            "é/ü.pt".as_bytes(),
        ];
        for bytes in paths {
            let path = from_bytes(bytes.to_vec());
            assert_eq!(read(&write(&path)), path, "{}", write(&path));
        }
        assert_eq!(write(&from_bytes(b"a\xff%".to_vec())), "bytes:a%FF%25");
        assert_eq!(read("bytes:%zz%"), Path::new("%zz%"));
    }
}
