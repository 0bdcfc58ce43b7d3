//! The directory of a zip archive, as PyTorch and NumPy write it.
//!
//! Only what these two need: entries that are stored or deflated, with 64-bit sizes, in one file.
//! The layout is that of PKWARE's APPNOTE 6.3.10, sections 4.3.7 to 4.3.16.

use std::io::{self, Read};

use flate2::read::DeflateDecoder;

use super::source::{Source, quoted};
use super::window::Window;
use crate::Result;
use crate::limits::Limits;

const END_SIGNATURE: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: u64 = 22;
const LOCATOR_SIGNATURE: &[u8; 4] = b"PK\x06\x07";
const LOCATOR_BYTES: u64 = 20;
const END64_SIGNATURE: &[u8; 4] = b"PK\x06\x06";
const END64_BYTES: usize = 56;
const ENTRY_SIGNATURE: &[u8; 4] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
/// What every entry begins with in the file.
pub(super) const LOCAL_SIGNATURE: &[u8; 4] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;

/// One entry of an archive, as its directory describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Its size as stored, in bytes.
    pub(super) stored: u64,
    /// Its size unpacked, in bytes.
    pub(super) size: u64,
    /// The CRC-32 of what it unpacks to.
    pub(super) sum: u32,
    method: u16,
    flags: u16,
    header: u64,
}

/// The entries of an archive, sorted by name.
#[derive(Debug)]
pub(super) struct Archive {
    entries: Vec<Entry>,
}

impl Archive {
    /// Reads the directory at the end of the file.
    ///
    /// # Errors
    /// [`Fault::Damaged`](crate::Fault::Damaged) if there is none, which is how an archive looks
    /// that is not written to its end, or if it contradicts itself;
    /// [`Fault::TooLarge`](crate::Fault::TooLarge) for more than the limits allow, also in what
    /// the entries unpack to.
    pub(super) fn read(source: &Source, limits: &Limits) -> Result<Self> {
        let (offset, len, count) = locate(source)?;
        let directory = source.read_description("the zip directory", offset, len, limits)?;
        // Each entry takes its fixed part at least: a larger count is a lie.
        let most = directory.len() / ENTRY_BYTES;
        if count > most as u64 {
            return Err(source.damaged("the zip directory has fewer entries than it says"));
        }
        let mut entries = Vec::with_capacity(most.min(count as usize));
        let mut rest = directory.as_slice();
        let mut unpacked = 0_u64;
        for _ in 0..count {
            let entry = parse_entry(source, &mut rest)?;
            unpacked = unpacked.saturating_add(entry.size);
            entries.push(entry);
        }
        let limit = limits.unpacked_for(source.len());
        if unpacked > limit {
            return Err(source.too_large(
                "what the archive unpacks to, in bytes,",
                unpacked,
                limit,
            ));
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for pair in entries.windows(2) {
            if let [first, second] = pair
                && first.name == second.name
            {
                return Err(source.damaged(format!(
                    "the archive has two entries named {}",
                    quoted(&first.name)
                )));
            }
        }
        Ok(Self { entries })
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries
            .binary_search_by(|entry| entry.name.as_str().cmp(name))
            .ok()
            .and_then(|index| self.entries.get(index))
    }
}

impl Entry {
    /// Whether the bytes lie in the file as they are.
    pub(super) fn is_stored(&self) -> bool {
        self.method == 0
    }

    /// Where the bytes of this entry begin in the file; they are inside it.
    pub(super) fn offset(&self, source: &Source) -> Result<u64> {
        source.check_inside("an entry of the archive", self.header, LOCAL_BYTES as u64)?;
        let mut local = [0; LOCAL_BYTES];
        source.read(&mut local, self.header)?;
        if !local.starts_with(LOCAL_SIGNATURE) {
            return Err(source.damaged(format!(
                "the zip entry {} is not where the directory says",
                quoted(&self.name)
            )));
        }
        let offset = self
            .header
            .saturating_add(LOCAL_BYTES as u64)
            .saturating_add(u64::from(u16_at(&local, 26)))
            .saturating_add(u64::from(u16_at(&local, 28)));
        source.check_inside("an entry of the archive", offset, self.stored)?;
        Ok(offset)
    }

    /// The bytes of this entry, unpacked, one after the other.
    pub(super) fn unpack<'a>(&self, source: &'a Source) -> Result<Unpacked<'a>> {
        if self.flags & 1 != 0 {
            return Err(source.unsupported(
                format!("the zip entry {} is encrypted", quoted(&self.name)),
                "Decrypt it first",
            ));
        }
        let window = Window::new(source, self.offset(source)?, self.stored);
        match self.method {
            0 if self.stored != self.size => Err(source.damaged(format!(
                "the zip entry {} is stored, and in two sizes",
                quoted(&self.name)
            ))),
            0 => Ok(Unpacked::Stored(window)),
            8 => {
                let buffered = io::BufReader::with_capacity(32 << 10, window);
                Ok(Unpacked::Deflated(
                    // One more, so that what unpacks to more than it says shows.
                    DeflateDecoder::new(buffered).take(self.size.saturating_add(1)),
                ))
            }
            method => Err(source.unsupported(
                format!(
                    "the zip entry {} is compressed by method {method}",
                    quoted(&self.name)
                ),
                "Save it stored or deflated, as torch.save and numpy.savez do",
            )),
        }
    }
}

/// What an entry of an archive unpacks to.
pub(super) enum Unpacked<'a> {
    /// It is stored as it is.
    Stored(Window<'a>),
    /// It is deflated; the second part is what the archive says it unpacks to, and more is not
    /// unpacked.
    Deflated(io::Take<DeflateDecoder<io::BufReader<Window<'a>>>>),
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(window) => window.read(buffer),
            Self::Deflated(decoder) => decoder.read(buffer),
        }
    }
}

/// Finds the directory: where it begins, how long it is, and how many entries it has.
fn locate(source: &Source) -> Result<(u64, u64, u64)> {
    // The last record is followed by a comment of up to 65,535 bytes.
    let tail_len = source.len().min(END_BYTES + 0xffff);
    let tail_start = source.len() - tail_len;
    let mut tail = vec![0; tail_len as usize];
    source.read(&mut tail, tail_start)?;
    let end = tail
        .windows(END_BYTES as usize)
        .rposition(|record| record.starts_with(END_SIGNATURE))
        .ok_or_else(|| source.damaged("it is a zip archive without its directory at the end"))?;
    let record = tail.get(end..).unwrap_or_default();
    let count = u64::from(u16_at(record, 10));
    let len = u64::from(u32_at(record, 12));
    let offset = u64::from(u32_at(record, 16));

    let end = tail_start + end as u64;
    if let Some(locator_at) = end.checked_sub(LOCATOR_BYTES) {
        let mut locator = [0; LOCATOR_BYTES as usize];
        source.read(&mut locator, locator_at)?;
        if locator.starts_with(LOCATOR_SIGNATURE) {
            let at = u64_at(&locator, 8);
            source.check_inside("the zip64 record", at, END64_BYTES as u64)?;
            let mut record = [0; END64_BYTES];
            source.read(&mut record, at)?;
            if !record.starts_with(END64_SIGNATURE) {
                return Err(source.damaged("the zip64 record is not where it should be"));
            }
            return Ok((
                u64_at(&record, 48),
                u64_at(&record, 40),
                u64_at(&record, 32),
            ));
        }
    }
    Ok((offset, len, count))
}

/// Takes one entry from what is left of the directory.
fn parse_entry(source: &Source, rest: &mut &[u8]) -> Result<Entry> {
    let cut = || source.damaged("the zip directory is cut off");
    let (fixed, after) = rest.split_at_checked(ENTRY_BYTES).ok_or_else(cut)?;
    if !fixed.starts_with(ENTRY_SIGNATURE) {
        return Err(source.damaged("the zip directory holds something else than entries"));
    }
    let (name, after) = after
        .split_at_checked(usize::from(u16_at(fixed, 28)))
        .ok_or_else(cut)?;
    let (extra, after) = after
        .split_at_checked(usize::from(u16_at(fixed, 30)))
        .ok_or_else(cut)?;
    let (_comment, after) = after
        .split_at_checked(usize::from(u16_at(fixed, 32)))
        .ok_or_else(cut)?;
    *rest = after;

    let mut entry = Entry {
        name: String::from_utf8_lossy(name).into_owned(),
        stored: u64::from(u32_at(fixed, 20)),
        size: u64::from(u32_at(fixed, 24)),
        sum: u32_at(fixed, 16),
        method: u16_at(fixed, 10),
        flags: u16_at(fixed, 8),
        header: u64::from(u32_at(fixed, 42)),
    };
    // Sizes that do not fit are in the extra field, in this order and only those.
    let mut long = long_sizes(extra);
    for size in [&mut entry.size, &mut entry.stored, &mut entry.header] {
        if *size == u64::from(u32::MAX)
            && let Some((value, after)) = long.split_at_checked(8)
        {
            *size = u64_at(value, 0);
            long = after;
        }
    }
    Ok(entry)
}

/// The part of an extra field that holds 64-bit sizes.
fn long_sizes(mut extra: &[u8]) -> &[u8] {
    while let Some((head, after)) = extra.split_at_checked(4) {
        let Some((body, after)) = after.split_at_checked(usize::from(u16_at(head, 2))) else {
            break;
        };
        if u16_at(head, 0) == 1 {
            return body;
        }
        extra = after;
    }
    &[]
}

/// The numbers of a record whose length was checked; zero beyond its end.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    number_at(bytes, at).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    number_at(bytes, at).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    number_at(bytes, at).map_or(0, u64::from_le_bytes)
}

fn number_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
