//! safetensors: a JSON header with the place of each tensor, then the bytes.
//!
//! The rules are those of the format's README: the header begins with `{` and may be padded with
//! spaces; no name stands twice; the tensors cover the bytes without overlaps or holes.

use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::claimed::Claimed;
use super::contents::Contents;
use super::element::Element;
use super::metadata::Metadata;
use super::place::{Container, Order, Place};
use super::shape::count;
use super::source::{Source, quoted, shown};
use super::stored::{Made, NOT_SUPPORTED, Raw, RawBytes, Stored};
use super::tensor::{Declared, ForeignTensor, Unread, role};
use crate::Result;
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};

/// Reads the header of a file: its tensors, and what its metadata claims.
pub(super) fn open(source: &Source, limits: &Limits) -> Result<Contents> {
    let mut len = [0; 8];
    source.check_inside("the length of the header", 0, 8)?;
    source.read(&mut len, 0)?;
    let header_len = u64::from_le_bytes(len);
    let bytes = source.read_description("the header", 8, header_len, limits)?;
    if bytes.first() != Some(&b'{') {
        return Err(source.damaged("the header does not begin with `{`"));
    }
    let mut parser = serde_json::Deserializer::from_slice(&bytes);
    let header = HeaderSeed {
        most: limits.most_tensors,
    }
    .deserialize(&mut parser)
    .and_then(|header| parser.end().map(|()| header))
    .map_err(|error| source.damaged(format!("the header is not as it should be: {error}")))?;
    if header.entries.len() > limits.most_tensors {
        return Err(source.too_large(
            "the number of tensors",
            header.entries.len() as u64,
            limits.most_tensors as u64,
        ));
    }

    let data_start = 8 + header_len;
    let data_len = source.len() - data_start;
    let mut entries = header.entries;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    check(source, &entries, data_len, limits)?;

    // In the order of their bytes, so that reading one after the other moves forward.
    entries.sort_by_key(|entry| entry.info.data_offsets);
    let mut contents = Contents {
        claimed: header.claimed,
        metadata: header.metadata,
        ..Contents::default()
    };
    for entry in entries {
        let shape = entry.info.shape.0;
        let (start, end) = entry.info.data_offsets;
        let place = Place {
            file: 0,
            container: Container::File {
                offset: data_start + start,
            },
            order: Order::RowMajor,
            big_endian: false,
        };
        match element(&entry.info.dtype) {
            Some(element) => contents.tensors.push(Stored {
                tensor: ForeignTensor {
                    role: role(&entry.name, &shape, element, Declared::Nothing),
                    name: entry.name,
                    shape,
                    element,
                },
                place,
                made: Made::Whole,
            }),
            None => contents.unread.push(Raw {
                unread: Unread {
                    name: entry.name,
                    dtype: shown(&entry.info.dtype),
                    elements: count(&shape),
                    shape: Some(shape),
                    bytes: Some(end - start),
                    reason: NOT_SUPPORTED.to_owned(),
                },
                bytes: Some(RawBytes {
                    place,
                    size: 1,
                    shape: vec![end - start],
                }),
            }),
        }
    }
    Ok(contents)
}

/// Checks entries sorted by name: names, sizes and places.
fn check(source: &Source, entries: &[Entry], data_len: u64, limits: &Limits) -> Result<()> {
    for pair in entries.windows(2) {
        if let [first, second] = pair
            && first.name == second.name
        {
            return Err(source.damaged(format!("two tensors are named {}", quoted(&first.name))));
        }
    }
    for entry in entries {
        let (start, end) = entry.info.data_offsets;
        let stored = end.checked_sub(start).filter(|_| end <= data_len);
        let Some(stored) = stored else {
            return Err(source.damaged(format!(
                "the tensor {} lies at bytes {start} to {end} of {data_len}",
                quoted(&entry.name)
            )));
        };
        let element = element(&entry.info.dtype);
        let size = count(&entry.info.shape.0)
            .and_then(|count| count.checked_mul(element.map_or(1, Element::bytes)))
            .ok_or_else(|| {
                source.damaged(format!("the shape of {} is too large", quoted(&entry.name)))
            })?;
        if size != stored && element.is_some() {
            return Err(source.damaged(format!(
                "the tensor {} has {stored} bytes, and its shape and type need {size}",
                quoted(&entry.name)
            )));
        }
        if stored > limits.largest_tensor {
            return Err(source.too_large(
                "the size of a tensor, in bytes,",
                stored,
                limits.largest_tensor,
            ));
        }
    }
    let mut ranges: Vec<(u64, u64)> = entries
        .iter()
        .map(|entry| entry.info.data_offsets)
        .collect();
    ranges.sort_unstable();
    let mut covered = 0;
    for (start, end) in ranges {
        if start != covered {
            let what = if start < covered {
                "overlap"
            } else {
                "leave a hole"
            };
            return Err(source.damaged(format!("tensors {what} at byte {start} of the data")));
        }
        covered = end;
    }
    if covered != data_len {
        return Err(source.damaged(format!(
            "the tensors take {covered} bytes, and the file has {data_len} for them"
        )));
    }
    Ok(())
}

/// The number type of this name, if it is read.
fn element(dtype: &str) -> Option<Element> {
    Some(match dtype {
        "F64" => Element::F64,
        "F32" => Element::F32,
        "F16" => Element::F16,
        "BF16" => Element::Bf16,
        "F8_E4M3" => Element::F8E4M3,
        "F8_E4M3FNUZ" => Element::F8E4M3Fnuz,
        "F8_E5M2" => Element::F8E5M2,
        "F8_E5M2FNUZ" => Element::F8E5M2Fnuz,
        "F8_E8M0" => Element::F8E8M0,
        "I64" => Element::I64,
        "I32" => Element::I32,
        "I16" => Element::I16,
        "I8" => Element::I8,
        "U64" => Element::U64,
        "U32" => Element::U32,
        "U16" => Element::U16,
        "U8" => Element::U8,
        "BOOL" => Element::Bool,
        _ => return None,
    })
}

/// A header, as far as it is of use.
struct Header {
    entries: Vec<Entry>,
    claimed: Claimed,
    metadata: Metadata,
}

struct Entry {
    name: String,
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// Dimensions, of which there cannot be many.
struct Shape(Vec<u64>);

/// Reads a header without building what is not of use.
struct HeaderSeed {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for HeaderSeed {
    type Value = Header;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Header, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeaderSeed {
    type Value = Header;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header {
            entries: Vec::new(),
            claimed: Claimed::default(),
            metadata: Metadata::default(),
        };
        let mut has_metadata = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if has_metadata {
                    return Err(A::Error::custom("`__metadata__` stands there twice"));
                }
                has_metadata = true;
                map.next_value_seed(Texts(&mut header.claimed, &mut header.metadata))?;
                continue;
            }
            let info = map.next_value()?;
            // One more than allowed is enough to be refused with the right words.
            if header.entries.len() <= self.most {
                header.entries.push(Entry { name, info });
            }
        }
        Ok(header)
    }
}

/// Reads the metadata for what it claims.
struct Texts<'a>(&'a mut Claimed, &'a mut Metadata);

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("texts by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let text: String = map.next_value()?;
            self.0.add_text(&key, &text);
            self.1.add(&key, &text);
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Dimensions;

        impl<'de> Visitor<'de> for Dimensions {
            type Value = Shape;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "at most {MAX_FOREIGN_DIMENSIONS} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while shape.len() < MAX_FOREIGN_DIMENSIONS {
                    match sequence.next_element()? {
                        Some(size) => shape.push(size),
                        None => return Ok(Shape(shape)),
                    }
                }
                match sequence.next_element::<IgnoredAny>()? {
                    Some(_) => Err(A::Error::custom(format_args!(
                        "a tensor has more than {MAX_FOREIGN_DIMENSIONS} dimensions"
                    ))),
                    None => Ok(Shape(shape)),
                }
            }
        }

        deserializer.deserialize_seq(Dimensions)
    }
}
