//! A description at the start of a file, read forward through a small buffer.

use super::source::Source;
use crate::Result;
use crate::limits::Limits;

/// Bytes read at a time.
const BUFFER: u64 = 64 << 10;

/// A place in a file, which moves forward.
pub(super) struct Cursor<'a> {
    source: &'a Source,
    limits: &'a Limits,
    /// What the description is, for errors.
    what: &'static str,
    at: u64,
    /// Bytes that were looked at so far.
    taken: u64,
    buffer: Vec<u8>,
    /// Where the buffer begins.
    start: u64,
}

impl<'a> Cursor<'a> {
    /// Begins at this byte.
    pub(super) fn new(source: &'a Source, what: &'static str, at: u64, limits: &'a Limits) -> Self {
        Self {
            source,
            limits,
            what,
            at,
            taken: 0,
            buffer: Vec::new(),
            start: at,
        }
    }

    /// The byte it has come to.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Passes over bytes, which costs nothing.
    ///
    /// # Errors
    /// When the file ends before.
    pub(super) fn skip(&mut self, len: u64) -> Result<()> {
        self.source.check_inside(self.what, self.at, len)?;
        self.at = self.at.saturating_add(len);
        Ok(())
    }

    /// The next bytes, as many as the type says.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N as u64)?;
        Ok(bytes.first_chunk().copied().unwrap_or([0; N]))
    }

    /// The next bytes.
    ///
    /// # Errors
    /// When the file, or what may be looked at of a description, ends before.
    pub(super) fn bytes(&mut self, len: u64) -> Result<&[u8]> {
        let from = self.at;
        self.skip(len)?;
        self.taken = self.taken.saturating_add(len);
        self.source
            .check_header(self.what, self.taken, self.limits)?;
        let end = self.start.saturating_add(self.buffer.len() as u64);
        if from < self.start || self.at > end {
            let most = len.max(BUFFER).min(self.source.len().saturating_sub(from));
            // Within the file and the limit of a description, or no more than the buffer.
            self.buffer.resize(usize::try_from(most).unwrap_or(0), 0);
            self.start = from;
            self.source.read(&mut self.buffer, from)?;
        }
        let offset = usize::try_from(from - self.start).unwrap_or(usize::MAX);
        let all = self.buffer.get(offset..).unwrap_or_default();
        Ok(all
            .get(..usize::try_from(len).unwrap_or(usize::MAX))
            .unwrap_or_default())
    }

    /// The next number of 32 bits, little-endian.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next number of 64 bits, little-endian.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
