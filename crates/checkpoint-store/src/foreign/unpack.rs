//! The bytes of a file or of an entry of an archive, one after the other.

use std::io::{self, Read};

use super::archive::Unpacked;
use super::place::Container;
use super::source::Source;
use crate::Result;

/// The unpacked bytes of a container, one after the other.
pub(super) enum Bytes<'a> {
    File {
        source: &'a Source,
        offset: u64,
    },
    Entry {
        source: &'a Source,
        unpacked: Unpacked<'a>,
        sum: crc32fast::Hasher,
        wanted: u32,
    },
}

impl<'a> Bytes<'a> {
    pub(super) fn new(source: &'a Source, container: &Container) -> Result<Self> {
        match container {
            Container::File { offset } => Ok(Self::File {
                source,
                offset: *offset,
            }),
            Container::Entry { entry, skip } => {
                let mut bytes = Self::Entry {
                    source,
                    unpacked: entry.unpack(source)?,
                    sum: crc32fast::Hasher::new(),
                    wanted: entry.sum,
                };
                let mut left = *skip;
                let mut skipped = [0; 4096];
                while left > 0 {
                    let now = left.min(skipped.len() as u64);
                    let part = skipped.get_mut(..now as usize).unwrap_or_default();
                    bytes.fill(part)?;
                    left -= now;
                }
                Ok(bytes)
            }
        }
    }

    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        match self {
            Self::File { source, offset } => {
                source.read(buffer, *offset)?;
                *offset = offset.saturating_add(buffer.len() as u64);
            }
            Self::Entry {
                source,
                unpacked,
                sum,
                ..
            } => {
                unpacked
                    .read_exact(buffer)
                    .map_err(|error| unpacking(source, error))?;
                sum.update(buffer);
            }
        }
        Ok(())
    }

    /// Checks, after the last byte was read, that there is no more and that the sum is right.
    pub(super) fn finish(self) -> Result<()> {
        let Self::Entry {
            source,
            mut unpacked,
            sum,
            wanted,
        } = self
        else {
            return Ok(());
        };
        match unpacked.read(&mut [0]) {
            Ok(0) if sum.finalize() == wanted => Ok(()),
            Ok(0) => Err(source.damaged("a tensor does not match its checksum")),
            Ok(_) => Err(source.damaged("a tensor goes on after its last value")),
            Err(error) => Err(unpacking(source, error)),
        }
    }
}

/// Tells damage from what the operating system answers.
fn unpacking(source: &Source, error: io::Error) -> crate::Error {
    if error.raw_os_error().is_some() {
        crate::Error::io("read", source.path(), error)
    } else {
        source.damaged(format!("a tensor cannot be unpacked ({error})"))
    }
}
