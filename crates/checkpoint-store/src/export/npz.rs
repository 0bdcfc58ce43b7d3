//! One checkpoint as `.npz`: a zip archive, not compressed, with one `.npy` per tensor.
//!
//! Sizes are known before the values, checksums only after them; so each entry is followed by a
//! record of both (a data descriptor), as zip has it for what cannot be written twice. ZIP64 is used
//! where an entry, the archive or the number of entries needs it.

use std::collections::HashSet;

use super::labels::{elements, expect_all};
use crate::NewFile;
use crate::TensorShape;
use crate::error::{Error, Result};

/// Flags of an entry: a data descriptor follows; the name is UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
/// What says in 32 bits, or 16, that the number stands in a ZIP64 record.
const ELSEWHERE: u32 = u32::MAX;
/// 1 January 1980, the first day that zip knows: what is in a file decides its bytes, not the hour.
const DATE: u16 = 1 << 5 | 1;
/// Versions of zip that a reader needs: for plain entries, and for ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;

/// Writes one checkpoint, its values in the order of its layout.
pub struct Npz {
    file: NewFile,
    /// The tensors not yet begun, the next one last.
    ahead: Vec<Entry>,
    open: Option<Open>,
    done: Vec<Done>,
    came: u64,
    wanted: u64,
}

/// An entry to be written.
struct Entry {
    name: String,
    /// What stands before the values.
    npy: Vec<u8>,
    values: u64,
}

impl Entry {
    /// Bytes of the header of an array and its values.
    fn bytes(&self) -> u64 {
        (self.npy.len() as u64).saturating_add(4 * self.values)
    }
}

/// An entry being written.
struct Open {
    entry: Entry,
    offset: u64,
    sum: crc32fast::Hasher,
    left: u64,
}

/// An entry in the directory.
struct Done {
    name: String,
    offset: u64,
    bytes: u64,
    sum: u32,
}

impl Npz {
    /// Begins an archive. O(tensors) in time and memory.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a tensor whose name or shape has no room in the format.
    pub fn begin(file: NewFile, layout: &[TensorShape]) -> Result<Self> {
        let mut ahead = Vec::with_capacity(layout.len());
        let mut wanted = 0_u64;
        let names = entry_names(layout);
        for (tensor, name) in layout.iter().zip(names).rev() {
            let npy = npy_header(tensor);
            if u16::try_from(name.len()).is_err() || npy.len() > usize::from(u16::MAX) {
                return Err(Error::invalid(format!(
                    "the tensor {tensor} has a name or shape that is too long for npz"
                )));
            }
            let values = elements(tensor)?;
            wanted = wanted.saturating_add(values);
            ahead.push(Entry { name, npy, values });
        }
        let mut npz = Self {
            file,
            ahead,
            open: None,
            done: Vec::new(),
            came: 0,
            wanted,
        };
        npz.advance();
        Ok(npz)
    }

    /// Appends values; errors show in [`finish`](Self::finish).
    pub fn values(&mut self, mut values: &[f32]) {
        self.came = self.came.saturating_add(values.len() as u64);
        while let Some(open) = &mut self.open {
            let here = usize::try_from(open.left).unwrap_or(usize::MAX);
            let (now, rest) = values.split_at(here.min(values.len()));
            if now.is_empty() {
                break;
            }
            open.sum.update(bytemuck::cast_slice(now));
            open.left -= now.len() as u64;
            self.file.append_values(now);
            values = rest;
            if open.left == 0 {
                self.advance();
            }
        }
    }

    /// Ends the entry whose values are all there, and begins the next one that has any; an entry
    /// without values is written on the way.
    fn advance(&mut self) {
        loop {
            if let Some(open) = self.open.take() {
                self.end(open);
            }
            let Some(entry) = self.ahead.pop() else {
                return;
            };
            let left = entry.values;
            let open = self.start(entry);
            self.open = Some(open);
            if left > 0 {
                return;
            }
        }
    }

    fn start(&mut self, entry: Entry) -> Open {
        let offset = self.file.written();
        let is_long = is_long(entry.bytes());
        let mut record = b"PK\x03\x04".to_vec();
        put(
            &mut record,
            &[if is_long { ZIP64 } else { PLAIN }, FLAGS, 0, 0, DATE],
        );
        // Checksum and sizes follow the values; an extra field says that sizes take eight bytes.
        let size = if is_long { ELSEWHERE } else { 0 };
        put32(&mut record, &[0, size, size]);
        put(
            &mut record,
            &[entry.name.len() as u16, if is_long { 20 } else { 0 }],
        );
        record.extend_from_slice(entry.name.as_bytes());
        if is_long {
            put(&mut record, &[1, 16]);
            record.extend_from_slice(&[0; 16]);
        }
        self.file.append(&record);
        self.file.append(&entry.npy);
        let mut sum = crc32fast::Hasher::new();
        sum.update(&entry.npy);
        Open {
            left: entry.values,
            entry,
            offset,
            sum,
        }
    }

    fn end(&mut self, open: Open) {
        let (sum, bytes) = (open.sum.finalize(), open.entry.bytes());
        let mut record = b"PK\x07\x08".to_vec();
        put32(&mut record, &[sum]);
        for _ in ["packed", "unpacked"] {
            if is_long(bytes) {
                record.extend_from_slice(&bytes.to_le_bytes());
            } else {
                put32(&mut record, &[bytes as u32]);
            }
        }
        self.file.append(&record);
        self.done.push(Done {
            name: open.entry.name,
            offset: open.offset,
            bytes,
            sum,
        });
    }

    /// Writes the directory, and publishes the file.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are fewer or more values than the tensors have; as
    /// [`NewFile::finish`].
    pub fn finish(mut self) -> Result<()> {
        self.file.check()?;
        expect_all(&self.file, self.came, self.wanted)?;
        let start = self.file.written();
        for done in &self.done {
            self.file.append(&done.record());
        }
        let end = end_records(self.done.len() as u64, start, self.file.written());
        self.file.append(&end);
        self.file.finish()
    }
}

impl Done {
    /// Its record in the directory.
    fn record(&self) -> Vec<u8> {
        let mut long = Vec::new();
        let mut short = |number: u64| {
            if is_long(number) {
                long.extend_from_slice(&number.to_le_bytes());
                ELSEWHERE
            } else {
                number as u32
            }
        };
        // ZIP64 has unpacked size, packed size and place in this order.
        let (size, stored, offset) = (short(self.bytes), short(self.bytes), short(self.offset));
        let version = if long.is_empty() { PLAIN } else { ZIP64 };
        let mut record = b"PK\x01\x02".to_vec();
        put(&mut record, &[version, version, FLAGS, 0, 0, DATE]);
        put32(&mut record, &[self.sum, stored, size]);
        let extra = if long.is_empty() { 0 } else { 4 + long.len() };
        put(
            &mut record,
            &[self.name.len() as u16, extra as u16, 0, 0, 0],
        );
        put32(&mut record, &[0, offset]);
        record.extend_from_slice(self.name.as_bytes());
        if !long.is_empty() {
            put(&mut record, &[1, long.len() as u16]);
            record.extend_from_slice(&long);
        }
        record
    }
}

/// The names of the entries: those of the tensors, but that none is a way out of the folder that the
/// archive is unpacked in, on any system, and that all are different.
fn entry_names(layout: &[TensorShape]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::with_capacity(layout.len());
    let names = layout.iter().map(|tensor| {
        let plain = plain(&tensor.name);
        let mut name = format!("{plain}.npy");
        let mut copy = 2;
        while !taken.insert(name.clone()) {
            name = format!("{plain}-{copy}.npy");
            copy += 1;
        }
        name
    });
    names.collect()
}

/// A name whose parts are all names of files below a folder.
fn plain(name: &str) -> String {
    let parts = name.split('/').map(|part| match part {
        "" | "." | ".." => "_".to_owned(),
        part => {
            let sign = |sign: char| {
                let is_plain = !sign.is_control() && sign != '\\' && sign != ':';
                if is_plain { sign } else { '_' }
            };
            part.chars().map(sign).collect()
        }
    });
    parts.collect::<Vec<String>>().join("/")
}

/// What ends an archive whose directory lies at `start..end`.
fn end_records(entries: u64, start: u64, end: u64) -> Vec<u8> {
    let mut record = Vec::new();
    let few = u16::try_from(entries).ok().filter(|&few| few < u16::MAX);
    if few.is_none() || is_long(start) || is_long(end - start) {
        record.extend_from_slice(b"PK\x06\x06");
        record.extend_from_slice(&44_u64.to_le_bytes());
        put(&mut record, &[ZIP64, ZIP64]);
        put32(&mut record, &[0, 0]);
        for number in [entries, entries, end - start, start] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.extend_from_slice(b"PK\x06\x07");
        put32(&mut record, &[0]);
        record.extend_from_slice(&end.to_le_bytes());
        put32(&mut record, &[1]);
    }
    let short = |number: u64| u32::try_from(number).unwrap_or(ELSEWHERE);
    let count = few.unwrap_or(u16::MAX);
    record.extend_from_slice(b"PK\x05\x06");
    put(&mut record, &[0, 0, count, count]);
    put32(&mut record, &[short(end - start), short(start)]);
    put(&mut record, &[0]);
    record
}

/// Whether a number needs ZIP64.
fn is_long(number: u64) -> bool {
    number >= u64::from(ELSEWHERE)
}

fn put(record: &mut Vec<u8>, numbers: &[u16]) {
    for number in numbers {
        record.extend_from_slice(&number.to_le_bytes());
    }
}

fn put32(record: &mut Vec<u8>, numbers: &[u32]) {
    for number in numbers {
        record.extend_from_slice(&number.to_le_bytes());
    }
}

/// What stands before the values of an array: `.npy` version 1.0, f32, row-major.
fn npy_header(tensor: &TensorShape) -> Vec<u8> {
    let sides: Vec<String> = tensor.shape.iter().map(u64::to_string).collect();
    // A tuple of one has a comma.
    let comma = if sides.len() == 1 { "," } else { "" };
    let text = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{comma}), }}",
        sides.join(", ")
    );
    let before = 10;
    let whole = (before + text.len() + 1).next_multiple_of(64);
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&((whole - before) as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header.resize(whole - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_arrays_are_those_that_numpy_writes() {
        let text = |shape: &[u64]| {
            let header = npy_header(&TensorShape::new("w", shape));
            assert_eq!(header.len() % 64, 0);
            String::from_utf8_lossy(&header[10..]).trim_end().to_owned()
        };
        let expected =
            |shape| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        assert_eq!(text(&[]), expected("()"));
        assert_eq!(text(&[3]), expected("(3,)"));
        assert_eq!(text(&[3, 4]), expected("(3, 4)"));
    }

    #[test]
    fn no_name_of_an_entry_leads_out_of_a_folder_and_no_two_are_the_same() {
        let names = [
            "fc.weight",
            "a/b",
            "../x",
            "/abs",
            "C:\\x",
            "..",
            "a/../b",
            "a/_/b",
            "n\0l",
            "",
        ];
        let layout: Vec<TensorShape> = names
            .iter()
            .map(|name| TensorShape::new(*name, [1]))
            .collect();
        let expected = [
            "fc.weight",
            "a/b",
            "_/x",
            "_/abs",
            "C__x",
            "_",
            "a/_/b",
            "a/_/b-2",
            "n_l",
            "_-2",
        ];
        assert_eq!(
            entry_names(&layout),
            expected.map(|name| format!("{name}.npy"))
        );
    }

    #[test]
    fn what_needs_more_than_32_bits_has_zip64_records() {
        let (bytes, offset) = (5_u64 << 32, 6_u64 << 32);
        let name = "w.npy".to_owned();
        let record = Done {
            name,
            offset,
            bytes,
            sum: 7,
        }
        .record();
        let long = &record[46 + 5..];
        assert_eq!(long[..4], [1, 0, 24, 0]);
        let number = |at: usize| u64::from_le_bytes(*long[at..].first_chunk().unwrap());
        assert_eq!([number(4), number(12), number(20)], [bytes, bytes, offset]);
        assert_eq!(end_records(1, 10, 20).len(), 22);
        assert_eq!(end_records(65_535, 10, 20).len(), 22 + 56 + 20);
        assert_eq!(end_records(1, 10, 10 + bytes).len(), 22 + 56 + 20);
    }
}
