//! HDF5, as Keras writes it: groups of datasets, each in one piece.
//!
//! Groups may be symbol tables (a tree of names, which HDF5 writes unless asked otherwise) or links in
//! their headers; datasets may be contiguous or compact. What is chunked, compressed or outside is
//! unread, and named.

mod groups;
mod messages;
mod names;

use std::collections::HashSet;

use super::archive::Archive;
use super::contents::Contents;
use super::place::{Container, Order, Place};
use super::shape::count;
use super::source::{Source, quoted};
use super::stored::{Made, NOT_SUPPORTED, Raw, RawBytes, Stored};
use super::tensor::{Declared, ForeignTensor, LeftOut, Unread, role};
use crate::Result;
use crate::limits::Limits;
use messages::{Lies, Message, Object};

/// What HDF5 files begin with.
pub(super) const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";
/// What `.keras` archives keep their weights in.
pub(super) const IN_ARCHIVE: &str = "model.weights.h5";

/// Reads a file that is HDF5 itself.
pub(super) fn open(source: &Source, limits: &Limits) -> Result<Contents> {
    Reader::read(source, 0, limits)
}

/// Reads the weights in a `.keras` archive.
pub(super) fn open_archive(
    source: &Source,
    archive: &Archive,
    limits: &Limits,
) -> Result<Contents> {
    let entry = archive.get(IN_ARCHIVE);
    let entry = entry.ok_or_else(|| source.damaged("the archive lacks its `model.weights.h5`"))?;
    if !entry.is_stored() || entry.stored != entry.size {
        return Err(source.unsupported(
            "the weights in it are compressed, which Keras does not do",
            "Unpack it, and name its `model.weights.h5`",
        ));
    }
    let offset = entry.offset(source)?;
    source.check_inside("`model.weights.h5`", offset, entry.size)?;
    Reader::read(&source.part(offset, entry.size), offset, limits)
}

struct Reader<'a> {
    source: &'a Source,
    limits: &'a Limits,
    /// Where the file begins in the one that it lies in.
    begin: u64,
    /// What addresses count from.
    base: u64,
    /// Bytes of descriptions that were read so far.
    taken: u64,
    /// Objects that were looked at.
    seen: HashSet<u64>,
    contents: Contents,
}

impl<'a> Reader<'a> {
    fn read(source: &'a Source, begin: u64, limits: &'a Limits) -> Result<Contents> {
        let mut reader = Self {
            source,
            limits,
            begin,
            base: 0,
            taken: 0,
            seen: HashSet::new(),
            contents: Contents::default(),
        };
        let root = reader.superblock()?;
        reader.object(root, &mut String::new(), 0)?;
        names::as_in_keras(&mut reader.contents);
        Ok(reader.contents)
    }

    /// Bytes of a description.
    ///
    /// # Errors
    /// When they lie outside of the file, or too many were read.
    fn bytes(&mut self, what: &str, address: u64, len: u64) -> Result<Vec<u8>> {
        let address = self.base.saturating_add(address);
        self.source.check_inside(what, address, len)?;
        self.taken = self.taken.saturating_add(len);
        self.source
            .check_header("the description of its datasets", self.taken, self.limits)?;
        self.source
            .read_description(what, address, len, self.limits)
    }

    /// Where the header of the root group lies.
    fn superblock(&mut self) -> Result<u64> {
        let len = self.source.len().min(96);
        let bytes = self.bytes("the start of the file", 0, len)?;
        let number = |at: usize| long(&bytes, at);
        let (sizes, base, root, end) = match bytes.get(8) {
            Some(0) => (bytes.get(13..15), number(24), number(64), number(40)),
            Some(1) => (bytes.get(13..15), number(28), number(68), number(44)),
            Some(2 | 3) => (bytes.get(9..11), number(12), number(36), number(28)),
            version => {
                let version = version.copied().unwrap_or(0);
                return Err(self.source.unsupported(
                    format!("it has version {version} of HDF5's superblock, and 0 to 3 are read"),
                    "Save it again with a current h5py",
                ));
            }
        };
        if sizes != Some(&[8, 8]) {
            return Err(self.source.unsupported(
                "its addresses do not have eight bytes",
                "Save it again with a current h5py",
            ));
        }
        let (Some(base), Some(root), Some(end)) = (base, root, end) else {
            return Err(self.source.damaged("it ends within its superblock"));
        };
        // Where HDF5 left off writing, counted from the start of the file.
        self.source.check_inside("the file", 0, end)?;
        self.base = base;
        Ok(root)
    }

    /// Looks at an object: a group, or a dataset.
    fn object(&mut self, address: u64, name: &mut String, depth: usize) -> Result<()> {
        if depth > self.limits.deepest_nesting {
            let most = self.limits.deepest_nesting as u64;
            return Err(self
                .source
                .too_large("the nesting of its groups", most + 1, most));
        }
        if !self.seen.insert(address) {
            // A second name of the same object.
            return Ok(());
        }
        if self.seen.len() > self.limits.most_tensors.saturating_mul(4) {
            let most = self.limits.most_tensors as u64;
            return Err(self.source.too_large(
                "the number of tensors",
                most.saturating_mul(4),
                most,
            ));
        }
        let messages = self.messages(address)?;
        let mut object = Object::default();
        let mut links = Vec::new();
        for message in messages {
            match message {
                Message::Table { tree, heap } => links.extend(self.table(tree, heap)?),
                Message::Link(name, address) => links.push((name, address)),
                Message::Dense => {
                    self.unread(
                        name,
                        None,
                        "its group keeps its names in a heap that is not read",
                    )?;
                }
                Message::Of(part) => object.take(part),
            }
        }
        if object.is_dataset() {
            return self.dataset(name, object);
        }
        for (own, address) in links {
            let len = name.len();
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(&own);
            self.object(address, name, depth + 1)?;
            name.truncate(len);
        }
        Ok(())
    }

    fn count(&self) -> Result<()> {
        let (count, most) = (
            self.contents.count() as u64,
            self.limits.most_tensors as u64,
        );
        if count >= most {
            return Err(self
                .source
                .too_large("the number of tensors", count + 1, most));
        }
        Ok(())
    }

    fn unread(&mut self, name: &str, object: Option<&Object>, reason: &str) -> Result<()> {
        self.count()?;
        let shape = object.and_then(|object| object.shape.clone());
        let name = if name.is_empty() { "/" } else { name };
        self.contents.unread.push(Raw {
            unread: Unread {
                name: name.to_owned(),
                dtype: object.map_or_else(|| "unknown".to_owned(), Object::type_name),
                elements: shape.as_deref().and_then(count),
                shape,
                bytes: None,
                reason: reason.to_owned(),
            },
            bytes: None,
        });
        Ok(())
    }

    fn dataset(&mut self, name: &str, object: Object) -> Result<()> {
        if names::is_other(name) {
            self.contents.left_out.push(LeftOut {
                name: name.to_owned(),
                why: "it is no part of the model".to_owned(),
            });
            return Ok(());
        }
        let wrong = |what: &str| {
            self.source
                .damaged(format!("the dataset {} {what}", quoted(name)))
        };
        let Some(shape) = object.shape.clone() else {
            return self.unread(name, Some(&object), "its shape is not understood");
        };
        let (Some(lies), Some(kind)) = (&object.lies, &object.kind) else {
            return Err(wrong("is not described"));
        };
        let elements = count(&shape).ok_or_else(|| wrong("has a shape that is too large"))?;
        let bytes = elements.checked_mul(kind.size);
        let bytes = bytes.ok_or_else(|| wrong("has a shape that is too large"))?;
        if bytes > self.limits.largest_tensor {
            let most = self.limits.largest_tensor;
            return Err(self
                .source
                .too_large("the size of a tensor, in bytes,", bytes, most));
        }
        let (offset, len) = match *lies {
            Lies::At(address, len) if elements > 0 => (self.base.saturating_add(address), len),
            Lies::At(..) => (0, bytes),
            Lies::Within(offset, len) => (offset, len),
            Lies::Nowhere if elements > 0 => {
                return self.unread(name, Some(&object), "none of its values was written");
            }
            Lies::Nowhere => (0, bytes),
            Lies::Chunked => {
                return self.unread(
                    name,
                    Some(&object),
                    "it is stored in chunks, perhaps compressed",
                );
            }
            Lies::Unknown => {
                return self.unread(
                    name,
                    Some(&object),
                    "where its values lie is not understood",
                );
            }
        };
        if len < bytes {
            return Err(wrong(&format!(
                "has {len} bytes, and its shape and type need {bytes}"
            )));
        }
        self.source
            .check_inside(&format!("the dataset {}", quoted(name)), offset, bytes)?;
        self.count()?;
        let place = Place {
            file: 0,
            container: Container::File {
                offset: self.begin.saturating_add(offset),
            },
            order: Order::RowMajor,
            big_endian: kind.big_endian,
        };
        match kind.element {
            Some(element) => self.contents.tensors.push(Stored {
                tensor: ForeignTensor {
                    role: role(name, &shape, element, Declared::Nothing),
                    name: name.to_owned(),
                    shape,
                    element,
                },
                place,
                made: Made::Whole,
            }),
            // Texts describe the model, and are no numbers of it.
            None if kind.is_text => self.contents.left_out.push(LeftOut {
                name: name.to_owned(),
                why: "it is a text".to_owned(),
            }),
            None => self.contents.unread.push(Raw {
                unread: Unread {
                    name: name.to_owned(),
                    dtype: object.type_name(),
                    elements: Some(elements),
                    shape: Some(shape),
                    bytes: Some(bytes),
                    reason: NOT_SUPPORTED.to_owned(),
                },
                bytes: Some(RawBytes {
                    place: Place {
                        big_endian: false,
                        ..place
                    },
                    size: 1,
                    shape: vec![bytes],
                }),
            }),
        }
        Ok(())
    }
}

/// The number of eight bytes at this place.
fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u64::from_le_bytes)
}

/// The number of four bytes at this place.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_le_bytes)
}

/// The number of two bytes at this place.
fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u16::from_le_bytes)
}
