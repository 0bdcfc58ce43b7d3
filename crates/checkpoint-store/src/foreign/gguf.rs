//! GGUF, versions 2 and 3, as llama.cpp writes it: fields, the description of the tensors, their bytes.
//!
//! Dimensions stand there with the fastest first. A tensor's names and the order of its rows are those
//! of llama.cpp; [`names`] brings them to what Hugging Face's `transformers` has.

mod fields;
pub(super) mod names;

use super::contents::Contents;
use super::cursor::Cursor;
use super::element::Element;
use super::element::packing::Packing;
use super::place::{Container, Order, Place};
use super::shape::count;
use super::source::{Source, quoted};
use super::stored::{Decoded, Made, NOT_SUPPORTED, Raw, RawBytes, Stored};
use super::tensor::{Declared, ForeignTensor, Unread, role};
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};
use crate::{Error, Result};
use fields::Fields;

/// What GGUF files begin with.
pub(super) const MAGIC: &[u8] = b"GGUF";
/// Longest name of a tensor, in bytes; llama.cpp allows 64.
const LONGEST_NAME: u64 = 1024;

/// What numbers of a type are.
enum Type {
    Read(Element),
    /// Its name, and the values and bytes of its blocks.
    Known(&'static str, (u64, u64)),
    Unknown(u32),
}

/// Reads the fields and the description of the tensors.
pub(super) fn open(source: &Source, limits: &Limits) -> Result<Contents> {
    let mut cursor = Cursor::new(source, "the description of the tensors", 4, limits);
    let version = cursor.u32()?;
    if version.swap_bytes() == 2 || version.swap_bytes() == 3 {
        return Err(source.unsupported(
            "it is a GGUF file with its bytes in big-endian order",
            "Convert the model again with `--outtype` on a machine that is little-endian",
        ));
    }
    if version != 2 && version != 3 {
        return Err(source.unsupported(
            format!("it has version {version} of GGUF, and versions 2 and 3 are read"),
            "Convert the model again with a current llama.cpp",
        ));
    }
    let (tensors, entries) = (cursor.u64()?, cursor.u64()?);
    if tensors > limits.most_tensors as u64 {
        let most = limits.most_tensors as u64;
        return Err(source.too_large("the number of tensors", tensors, most));
    }
    let mut contents = Contents::default();
    let fields = Fields::read(&mut cursor, source, entries, &mut contents, limits)?;
    let mut described = Vec::new();
    for _ in 0..tensors {
        described.push(Tensor::read(&mut cursor, source)?);
    }
    let alignment = fields.alignment;
    let start = cursor.at().checked_next_multiple_of(alignment);
    let start = start.ok_or_else(|| source.damaged("the tensors begin nowhere"))?;
    let mut expected = Some(0_u64);
    for tensor in described {
        let end = tensor.add(source, start, expected, &mut contents, limits)?;
        expected = end.and_then(|end| end.checked_next_multiple_of(alignment));
    }
    contents.architecture = fields.architecture;
    Ok(contents)
}

/// A tensor as it is described.
struct Tensor {
    name: String,
    /// The slowest dimension first.
    shape: Vec<u64>,
    kind: Type,
    offset: u64,
}

impl Tensor {
    fn read(cursor: &mut Cursor<'_>, source: &Source) -> Result<Self> {
        let len = cursor.u64()?;
        if len > LONGEST_NAME {
            return Err(source.damaged(format!("a tensor has a name of {len} bytes")));
        }
        let name = String::from_utf8_lossy(cursor.bytes(len)?).into_owned();
        let dimensions = cursor.u32()? as usize;
        if dimensions > MAX_FOREIGN_DIMENSIONS {
            return Err(source.damaged(format!(
                "the tensor {} has {dimensions} dimensions, and at most {MAX_FOREIGN_DIMENSIONS} are read",
                quoted(&name)
            )));
        }
        let mut shape = Vec::with_capacity(dimensions);
        for _ in 0..dimensions {
            shape.push(cursor.u64()?);
        }
        shape.reverse();
        Ok(Self {
            name,
            shape,
            kind: kind(cursor.u32()?),
            offset: cursor.u64()?,
        })
    }

    /// Adds it to what is read. Returns where its bytes end, if that is known.
    fn add(
        self,
        source: &Source,
        start: u64,
        expected: Option<u64>,
        contents: &mut Contents,
        limits: &Limits,
    ) -> Result<Option<u64>> {
        let wrong = |what: &str| -> Error {
            source.damaged(format!("the tensor {} {what}", quoted(&self.name)))
        };
        let elements = count(&self.shape).ok_or_else(|| wrong("has a shape that is too large"))?;
        if expected.is_some_and(|expected| expected != self.offset) {
            return Err(wrong("does not lie where the one before it ends"));
        }
        let place = start.checked_add(self.offset);
        let place = place.ok_or_else(|| wrong("begins nowhere"))?;
        let block = match &self.kind {
            Type::Read(Element::Packed(packing)) => packing.block().unwrap_or((1, 4)),
            Type::Read(element) => (1, element.bytes()),
            Type::Known(_, block) => *block,
            Type::Unknown(number) => {
                contents.unread.push(Raw {
                    unread: Unread {
                        name: self.name,
                        dtype: format!("type {number}"),
                        elements: Some(elements),
                        shape: Some(self.shape),
                        bytes: None,
                        reason: NOT_SUPPORTED.to_owned(),
                    },
                    bytes: None,
                });
                return Ok(None);
            }
        };
        let (values, size) = block;
        let row = self.shape.last().copied().unwrap_or(1);
        if row % values != 0 {
            return Err(wrong("has rows that are no whole number of its blocks"));
        }
        let bytes = (elements / values).checked_mul(size);
        let bytes = bytes.ok_or_else(|| wrong("has a shape that is too large"))?;
        if bytes > limits.largest_tensor {
            let most = limits.largest_tensor;
            return Err(source.too_large("the size of a tensor, in bytes,", bytes, most));
        }
        source.check_inside(&format!("the tensor {}", quoted(&self.name)), place, bytes)?;
        let end = self.offset.checked_add(bytes);
        let place = Place {
            file: 0,
            container: Container::File { offset: place },
            order: Order::RowMajor,
            big_endian: false,
        };
        match self.kind {
            Type::Read(element) => {
                let made = match element {
                    Element::Packed(_) => {
                        let mut units = self.shape.clone();
                        if let Some(last) = units.last_mut() {
                            *last /= values;
                        }
                        Made::Decoded(Box::new(Decoded { units, shift: 0.0 }))
                    }
                    _ => Made::Whole,
                };
                contents.tensors.push(Stored {
                    tensor: ForeignTensor {
                        role: role(&self.name, &self.shape, element, Declared::Nothing),
                        name: self.name,
                        shape: self.shape,
                        element,
                    },
                    place,
                    made,
                });
            }
            Type::Known(name, _) => contents.unread.push(Raw {
                unread: Unread {
                    name: self.name,
                    dtype: name.to_owned(),
                    elements: Some(elements),
                    shape: Some(self.shape),
                    bytes: Some(bytes),
                    reason: "how its numbers are packed is not read".to_owned(),
                },
                bytes: Some(RawBytes {
                    place,
                    size: 1,
                    shape: vec![bytes],
                }),
            }),
            Type::Unknown(_) => {}
        }
        Ok(end)
    }
}

/// The type of this number, as `enum ggml_type` has it.
fn kind(number: u32) -> Type {
    let packed = |packing| Type::Read(Element::Packed(packing));
    match number {
        0 => Type::Read(Element::F32),
        1 => Type::Read(Element::F16),
        2 => packed(Packing::Q4_0),
        3 => packed(Packing::Q4_1),
        6 => packed(Packing::Q5_0),
        7 => packed(Packing::Q5_1),
        8 => packed(Packing::Q8_0),
        9 => Type::Known("q8_1", (32, 40)),
        10 => packed(Packing::Q2K),
        11 => packed(Packing::Q3K),
        12 => packed(Packing::Q4K),
        13 => packed(Packing::Q5K),
        14 => packed(Packing::Q6K),
        15 => Type::Known("q8_k", (256, 292)),
        16 => Type::Known("iq2_xxs", (256, 66)),
        17 => Type::Known("iq2_xs", (256, 74)),
        18 => Type::Known("iq3_xxs", (256, 98)),
        19 => Type::Known("iq1_s", (256, 50)),
        20 => packed(Packing::Iq4Nl),
        21 => Type::Known("iq3_s", (256, 110)),
        22 => Type::Known("iq2_s", (256, 82)),
        23 => packed(Packing::Iq4Xs),
        24 => Type::Read(Element::I8),
        25 => Type::Read(Element::I16),
        26 => Type::Read(Element::I32),
        27 => Type::Read(Element::I64),
        28 => Type::Read(Element::F64),
        29 => Type::Known("iq1_m", (256, 56)),
        30 => Type::Read(Element::Bf16),
        34 => Type::Known("tq1_0", (256, 54)),
        35 => Type::Known("tq2_0", (256, 66)),
        39 => packed(Packing::Mxfp4),
        40 => Type::Known("nvfp4", (64, 36)),
        other => Type::Unknown(other),
    }
}
