//! One tensor of an ONNX model.

use super::LONGEST;
use super::beside::Beside;
use crate::Result;
use crate::foreign::contents::Contents;
use crate::foreign::cursor::Cursor;
use crate::foreign::element::Element;
use crate::foreign::place::{Container, Order, Place};
use crate::foreign::protobuf::{Message, Wire, text, varint};
use crate::foreign::shape::count;
use crate::foreign::source::{Source, quoted};
use crate::foreign::stored::{Made, NOT_SUPPORTED, Raw, RawBytes, Stored};
use crate::foreign::tensor::{Declared, ForeignTensor, Unread, role};
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};

/// A tensor as it is described.
#[derive(Debug, Default)]
pub(super) struct Tensor {
    pub(super) name: String,
    shape: Vec<u64>,
    kind: u64,
    /// Where its bytes lie in the model, and how many.
    raw: Option<(u64, u64)>,
    /// Whether numbers lie there as numbers of seven bits a byte.
    is_varint: bool,
    /// Whether numbers lie in several places.
    is_split: bool,
    is_external: bool,
    location: String,
    offset: u64,
    length: Option<u64>,
}

impl Tensor {
    /// Reads the message of so many bytes that begins at the cursor.
    pub(super) fn read(cursor: &mut Cursor<'_>, source: &Source, len: u64) -> Result<Self> {
        let message = Message::begin(cursor, len);
        let mut tensor = Self::default();
        while let Some((field, value)) = message.next(cursor, source)? {
            match (field, value) {
                (1, Wire::Number(side)) => tensor.side(source, side)?,
                (1, Wire::Bytes(len)) => {
                    let end = cursor.at().saturating_add(len);
                    while cursor.at() < end {
                        let side = varint(cursor, source)?;
                        tensor.side(source, side)?;
                    }
                }
                (2, Wire::Number(kind)) => tensor.kind = kind,
                (8, Wire::Bytes(len)) => {
                    let name = text(cursor, len, LONGEST)?;
                    tensor.name = name.ok_or_else(|| source.damaged("a tensor has a long name"))?;
                }
                // float_data, double_data and raw_data lie there as they are; the others do not.
                (4 | 5 | 7 | 9 | 10 | 11, Wire::Bytes(len)) => {
                    tensor.is_split |= tensor.raw.is_some() && len > 0;
                    if len > 0 {
                        tensor.raw = Some((cursor.at(), len));
                        tensor.is_varint = matches!(field, 5 | 7 | 11);
                    }
                    cursor.skip(len)?;
                }
                (4 | 5 | 7 | 10 | 11, Wire::Number(_)) => tensor.is_split = true,
                (13, Wire::Bytes(len)) => tensor.external(cursor, source, len)?,
                (14, Wire::Number(place)) => tensor.is_external = place == 1,
                (_, Wire::Bytes(len)) => cursor.skip(len)?,
                (_, Wire::Number(_)) => {}
            }
        }
        Ok(tensor)
    }

    fn side(&mut self, source: &Source, side: u64) -> Result<()> {
        if self.shape.len() == MAX_FOREIGN_DIMENSIONS {
            return Err(source.damaged(format!(
                "a tensor has more than {MAX_FOREIGN_DIMENSIONS} dimensions"
            )));
        }
        self.shape.push(side);
        Ok(())
    }

    /// Where its bytes lie in a file beside the model: pairs of texts.
    fn external(&mut self, cursor: &mut Cursor<'_>, source: &Source, len: u64) -> Result<()> {
        let entry = Message::begin(cursor, len);
        let (mut key, mut own) = (String::new(), String::new());
        while let Some((field, value)) = entry.next(cursor, source)? {
            match (field, value) {
                (1, Wire::Bytes(len)) => key = text(cursor, len, LONGEST)?.unwrap_or_default(),
                (2, Wire::Bytes(len)) => own = text(cursor, len, LONGEST)?.unwrap_or_default(),
                (_, Wire::Bytes(len)) => cursor.skip(len)?,
                (_, Wire::Number(_)) => {}
            }
        }
        let number = || {
            own.parse()
                .map_err(|_| source.damaged("a tensor lies at no byte of its file"))
        };
        match key.as_str() {
            "offset" => self.offset = number()?,
            "length" => self.length = Some(number()?),
            "location" => self.location = own,
            _ => {}
        }
        Ok(())
    }

    /// Whether it is a number, or a list of integers such as a shape.
    pub(super) fn is_small(&self) -> bool {
        let is_float = element(self.kind).is_some_and(Element::is_float);
        count(&self.shape).is_some_and(|count| count <= 1) || (self.shape.len() <= 1 && !is_float)
    }

    /// The same, as one that is not read.
    pub(super) fn unread(self, reason: &str) -> Raw {
        Raw {
            unread: Unread {
                name: self.name,
                dtype: kind_name(self.kind),
                elements: count(&self.shape),
                shape: Some(self.shape),
                bytes: None,
                reason: reason.to_owned(),
            },
            bytes: None,
        }
    }

    /// Adds it to what is read. Returns how many bytes it has.
    pub(super) fn add(
        self,
        source: &Source,
        beside: &mut Beside<'_>,
        contents: &mut Contents,
        limits: &Limits,
    ) -> Result<u64> {
        let wrong =
            |what: &str| source.damaged(format!("the tensor {} {what}", quoted(&self.name)));
        let element = element(self.kind);
        let elements = count(&self.shape).ok_or_else(|| wrong("has a shape that is too large"))?;
        let size = element.map_or(1, Element::bytes);
        let needed = elements.checked_mul(size);
        let needed = needed.ok_or_else(|| wrong("has a shape that is too large"))?;
        if needed > limits.largest_tensor {
            let most = limits.largest_tensor;
            return Err(source.too_large("the size of a tensor, in bytes,", needed, most));
        }
        let (file, offset, len) = match (self.is_external, self.raw) {
            (true, _) => {
                let (file, all) = beside.file(&self.location)?;
                let rest = all.checked_sub(self.offset);
                let rest = rest.ok_or_else(|| wrong("begins after the end of its file"))?;
                let len = self
                    .length
                    .unwrap_or(if element.is_some() { needed } else { rest });
                if len > rest {
                    return Err(wrong("ends after the end of its file"));
                }
                (file, self.offset, len)
            }
            (false, Some((offset, len))) => (0, offset, len),
            (false, None) => (0, 0, 0),
        };
        if self.is_varint || self.is_split {
            contents
                .unread
                .push(self.unread("its numbers are stored one by one"));
            return Ok(0);
        }
        let place = Place {
            file,
            container: Container::File { offset },
            order: Order::RowMajor,
            big_endian: false,
        };
        match element {
            Some(_) if len != needed => {
                return Err(wrong(&format!(
                    "has {len} bytes, and its shape and type need {needed}"
                )));
            }
            Some(element) => contents.tensors.push(Stored {
                tensor: ForeignTensor {
                    role: role(&self.name, &self.shape, element, Declared::Nothing),
                    name: self.name,
                    shape: self.shape,
                    element,
                },
                place,
                made: Made::Whole,
            }),
            None => {
                let mut raw = self.unread(NOT_SUPPORTED);
                raw.unread.bytes = Some(len);
                raw.bytes = Some(RawBytes {
                    place,
                    size: 1,
                    shape: vec![len],
                });
                contents.unread.push(raw);
            }
        }
        Ok(len)
    }
}

/// The number type of this number of `TensorProto.DataType`, if it is read.
fn element(kind: u64) -> Option<Element> {
    Some(match kind {
        1 => Element::F32,
        2 => Element::U8,
        3 => Element::I8,
        4 => Element::U16,
        5 => Element::I16,
        6 => Element::I32,
        7 => Element::I64,
        9 => Element::Bool,
        10 => Element::F16,
        11 => Element::F64,
        12 => Element::U32,
        13 => Element::U64,
        16 => Element::Bf16,
        17 => Element::F8E4M3,
        18 => Element::F8E4M3Fnuz,
        19 => Element::F8E5M2,
        20 => Element::F8E5M2Fnuz,
        24 => Element::F8E8M0,
        _ => return None,
    })
}

/// What a type that is not read is called.
fn kind_name(kind: u64) -> String {
    let name = match kind {
        8 => "string",
        14 => "complex64",
        15 => "complex128",
        21 => "uint4",
        22 => "int4",
        23 => "float4e2m1",
        25 => "uint2",
        26 => "int2",
        other => {
            return element(other)
                .map_or_else(|| format!("type {other}"), |known| known.to_string());
        }
    };
    name.to_owned()
}
