//! Burn's burnpack files, version 1, as Burn 0.22 writes its module records.
//!
//! Magic, version and length, then a CBOR map of the tensors, then their bytes: little-endian,
//! row-major, the section and every tensor on a boundary of 256 bytes. Burn keeps the weights of
//! linear layers as (inputs, outputs), the other way round than PyTorch.

use super::cbor::Cbor;
use super::claimed::Claimed;
use super::contents::Contents;
use super::element::Element;
use super::place::{Container, Order, Place};
use super::shape::count;
use super::source::{Source, quoted, shown};
use super::stored::{Made, NOT_SUPPORTED, Raw, RawBytes, Stored};
use super::tensor::{Declared, ForeignTensor, Unread, role};
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};
use crate::{Error, Result};

const VERSION: u16 = 1;
const PREAMBLE_BYTES: u64 = 10;
const ALIGNMENT: u64 = 256;

/// Reads the map of a file.
pub(super) fn open(source: &Source, limits: &Limits) -> Result<Contents> {
    source.check_inside("the start of the file", 0, PREAMBLE_BYTES)?;
    let mut preamble = [0; PREAMBLE_BYTES as usize];
    source.read(&mut preamble, 0)?;
    let [_, _, _, _, v0, v1, len @ ..] = preamble;
    let version = u16::from_le_bytes([v0, v1]);
    if version > VERSION {
        return Err(source.unsupported(
            format!("it has version {version} of burnpack, and {VERSION} is read"),
            "Use a newer modeltrail, or save it with Burn 0.22",
        ));
    }
    let len = u64::from(u32::from_le_bytes(len));
    let bytes = source.read_description("the map of the tensors", PREAMBLE_BYTES, len, limits)?;
    let data_start = (PREAMBLE_BYTES + len).next_multiple_of(ALIGNMENT);

    let mut reader = Reader {
        source,
        limits,
        data_start,
        total: 0,
        contents: Contents::default(),
    };
    let mut cbor = Cbor::new(&bytes, limits.deepest_nesting);
    reader.map(&mut cbor)?;
    if !cbor.is_at_end() {
        return Err(source.damaged("the map of its tensors is followed by something else"));
    }
    Ok(reader.contents)
}

/// What a tensor's description says.
#[derive(Default)]
struct Description {
    element: Option<Element>,
    /// What a type that is not read is called.
    unread: Option<String>,
    shape: Option<Vec<u64>>,
    offsets: Option<(u64, u64)>,
}

struct Reader<'a> {
    source: &'a Source,
    limits: &'a Limits,
    data_start: u64,
    total: u64,
    contents: Contents,
}

impl Reader<'_> {
    fn bad(&self) -> Error {
        self.source
            .damaged("the map of its tensors is not as it should be")
    }

    fn map(&mut self, cbor: &mut Cbor<'_>) -> Result<()> {
        let fields = cbor.map().ok_or_else(|| self.bad())?;
        for _ in 0..fields {
            match cbor.text().ok_or_else(|| self.bad())? {
                "tensors" => {
                    let tensors = cbor.map().ok_or_else(|| self.bad())?;
                    if tensors > self.limits.most_tensors as u64 {
                        return Err(self.source.too_large(
                            "the number of tensors",
                            tensors,
                            self.limits.most_tensors as u64,
                        ));
                    }
                    for _ in 0..tensors {
                        let name = cbor.text().ok_or_else(|| self.bad())?;
                        let description = describe(cbor).ok_or_else(|| self.bad())?;
                        self.add(name, description)?;
                    }
                }
                "metadata" => {
                    let entries = cbor.map().ok_or_else(|| self.bad())?;
                    for _ in 0..entries {
                        let entry = cbor.text().zip(cbor.text());
                        let (key, text) = entry.ok_or_else(|| self.bad())?;
                        self.contents.claimed.add_text(key, text);
                    }
                }
                "scalars" => {
                    let claimed = &mut self.contents.claimed;
                    scalars(cbor, claimed).ok_or_else(|| self.bad())?;
                }
                _ => cbor.skip().ok_or_else(|| self.bad())?,
            }
        }
        Ok(())
    }

    /// Checks one tensor and takes it over.
    fn add(&mut self, name: &str, description: Description) -> Result<()> {
        let wrong = |what: &str| {
            self.source
                .damaged(format!("the tensor {} {what}", quoted(name)))
        };
        let (Some(shape), Some((start, end))) = (description.shape, description.offsets) else {
            return Err(wrong("is not described"));
        };
        let stored = end
            .checked_sub(start)
            .ok_or_else(|| wrong("ends before it begins"))?;
        let offset = self.data_start.saturating_add(start);
        let what = format!("the tensor {}", quoted(name));
        self.source.check_inside(&what, offset, stored)?;
        let place = Place {
            file: 0,
            container: Container::File { offset },
            order: Order::RowMajor,
            big_endian: false,
        };
        if let Some(dtype) = description.unread {
            self.contents.unread.push(Raw {
                unread: Unread {
                    name: name.to_owned(),
                    dtype,
                    elements: count(&shape),
                    shape: Some(shape),
                    bytes: Some(stored),
                    reason: NOT_SUPPORTED.to_owned(),
                },
                bytes: Some(RawBytes {
                    place,
                    size: 1,
                    shape: vec![stored],
                }),
            });
            return Ok(());
        }
        let element = description.element.ok_or_else(|| wrong("has no type"))?;
        let size = count(&shape).and_then(|count| count.checked_mul(element.bytes()));
        if size != Some(stored) {
            return Err(wrong("has another size than its shape and type need"));
        }
        if stored > self.limits.largest_tensor {
            return Err(self.source.too_large(
                "the size of a tensor, in bytes,",
                stored,
                self.limits.largest_tensor,
            ));
        }
        // Nothing keeps tensors from sharing bytes: what a small file may claim has an end.
        self.total = self.total.saturating_add(stored);
        let limit = self.limits.unpacked_for(self.source.len());
        if self.total > limit {
            return Err(self.source.too_large(
                "the size of all its tensors, in bytes,",
                self.total,
                limit,
            ));
        }
        self.contents.tensors.push(Stored {
            tensor: ForeignTensor {
                role: role(name, &shape, element, Declared::Nothing),
                name: name.to_owned(),
                shape,
                element,
            },
            place,
            made: Made::Whole,
        });
        Ok(())
    }
}

fn describe(cbor: &mut Cbor<'_>) -> Option<Description> {
    let mut description = Description::default();
    for _ in 0..cbor.map()? {
        match cbor.text()? {
            "dtype" => {
                // A name, or a map of a name to what kind of it.
                if let Some(name) = cbor.text() {
                    description.element = element(name);
                    if description.element.is_none() {
                        description.unread = Some(shown(name));
                    }
                } else {
                    let entries = cbor.map()?;
                    for _ in 0..entries {
                        match cbor.text()? {
                            "Bool" => {
                                description.element = Some(match cbor.text()? {
                                    "U32" => Element::U32,
                                    _ => Element::Bool,
                                });
                            }
                            kind => {
                                description.unread = Some(shown(kind));
                                cbor.skip()?;
                            }
                        }
                    }
                }
            }
            "shape" => {
                let dimensions = usize::try_from(cbor.array()?).ok()?;
                if dimensions > MAX_FOREIGN_DIMENSIONS {
                    return None;
                }
                let shape: Option<Vec<u64>> = (0..dimensions).map(|_| cbor.unsigned()).collect();
                description.shape = Some(shape?);
            }
            "data_offsets" => {
                if cbor.array()? != 2 {
                    return None;
                }
                description.offsets = Some((cbor.unsigned()?, cbor.unsigned()?));
            }
            _ => cbor.skip()?,
        }
    }
    Some(description)
}

/// Takes over what typed scalars claim.
fn scalars(cbor: &mut Cbor<'_>, claimed: &mut Claimed) -> Option<()> {
    for _ in 0..cbor.map()? {
        let key = cbor.text()?;
        for _ in 0..cbor.map()? {
            cbor.text()?;
            match cbor.unsigned() {
                Some(value) => claimed.add_number(key, value),
                None => cbor.skip()?,
            }
        }
    }
    Some(())
}

/// The number type of this name.
fn element(name: &str) -> Option<Element> {
    Some(match name {
        "F64" => Element::F64,
        // Computed with less where there is less, and stored as f32.
        "F32" | "Flex32" => Element::F32,
        "F16" => Element::F16,
        "BF16" => Element::Bf16,
        "I64" => Element::I64,
        "I32" => Element::I32,
        "I16" => Element::I16,
        "I8" => Element::I8,
        "U64" => Element::U64,
        "U32" => Element::U32,
        "U16" => Element::U16,
        "U8" => Element::U8,
        _ => return None,
    })
}
