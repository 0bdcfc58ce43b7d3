//! A part of a file, read one byte after the other.

use std::io::{self, Read};

use super::source::Source;

/// A part of a file as a reader, one after the other.
pub(super) struct Window<'a> {
    source: &'a Source,
    offset: u64,
    left: u64,
}

impl<'a> Window<'a> {
    /// `len` bytes from `offset`.
    pub(super) fn new(source: &'a Source, offset: u64, len: u64) -> Self {
        Self {
            source,
            offset,
            left: len,
        }
    }
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let now = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let part = buffer.get_mut(..now).unwrap_or_default();
        self.source
            .read(part, self.offset)
            .map_err(|error| match error {
                crate::Error::Io { source, .. } => source,
                error => io::Error::new(io::ErrorKind::UnexpectedEof, error.to_string()),
            })?;
        self.offset = self.offset.saturating_add(now as u64);
        self.left -= now as u64;
        Ok(now)
    }
}
