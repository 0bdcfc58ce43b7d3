//! Flax's msgpack: dictionaries of arrays.
//!
//! `flax.serialization.to_bytes` writes dictionaries whose leaves are extensions: an array's shape, its
//! type and its bytes. Arrays of more than a gibibyte are cut into chunks.

use super::contents::Contents;
use super::cursor::Cursor;
use super::element::Element;
use super::place::{Container, Order, Place};
use super::shape::count;
use super::source::{Source, quoted, shown};
use super::stored::{Made, NOT_SUPPORTED, Piece, Raw, RawBytes, Stored};
use super::tensor::{Declared, ForeignTensor, LeftOut, Unread, role};
use super::tiles;
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};
use crate::{Error, Result};

/// Longest name or text that is kept, in bytes.
const LONGEST: u64 = 1024;
/// What marks an array that is cut into chunks.
const CHUNKED: &str = "__msgpack_chunked_array__";
/// Keys under which no weights of the model lie.
const OTHERS: [&str; 3] = ["opt_state", "optimizer", "rng"];
/// The extensions of arrays, and of numbers that are arrays.
const ARRAYS: [u8; 2] = [1, 3];

/// Whether a file begins with a dictionary whose first key is a text.
pub(super) fn is_dictionary(start: &[u8]) -> bool {
    let rest = match start {
        [0x81..=0x8f, rest @ ..] | [0xde, _, _, rest @ ..] | [0xdf, _, _, _, _, rest @ ..] => rest,
        _ => return false,
    };
    let text = match rest {
        [len @ 0xa1..=0xbf, text @ ..] => text.get(..usize::from(len & 31)),
        [0xd9, len, text @ ..] => text.get(..usize::from(*len)),
        _ => None,
    };
    text.is_some_and(|text| !text.is_empty() && text.iter().all(|byte| (32..127).contains(byte)))
}

/// Reads the description of all arrays.
pub(super) fn open(source: &Source, limits: &Limits) -> Result<Contents> {
    let mut reader = Reader {
        source,
        limits,
        cursor: Cursor::new(source, "the description of the arrays", 0, limits),
        contents: Contents::default(),
    };
    reader.value(&mut String::new(), 0)?;
    if reader.cursor.at() != source.len() {
        return Err(source.damaged("its arrays are followed by something else"));
    }
    Ok(reader.contents)
}

/// What begins a value.
enum Head {
    Dictionary(u64),
    List(u64),
    Text(u64),
    Bytes(u64),
    Extension(u8, u64),
    Number(f64),
    Nothing,
}

/// An array, and where its bytes lie.
struct Array {
    shape: Vec<u64>,
    /// What its type is called.
    dtype: String,
    offset: u64,
    bytes: u64,
}

struct Reader<'a> {
    source: &'a Source,
    limits: &'a Limits,
    cursor: Cursor<'a>,
    contents: Contents,
}

impl Reader<'_> {
    fn bad(&self) -> Error {
        self.source.damaged("its msgpack is not as it should be")
    }

    /// Reads what begins the next value.
    fn head(&mut self) -> Result<Head> {
        let [first] = self.cursor.array()?;
        Ok(match first {
            0x00..=0x7f => Head::Number(f64::from(first)),
            0x80..=0x8f => Head::Dictionary(u64::from(first & 15)),
            0x90..=0x9f => Head::List(u64::from(first & 15)),
            0xa0..=0xbf => Head::Text(u64::from(first & 31)),
            0xc0 => Head::Nothing,
            0xc2 | 0xc3 => Head::Number(f64::from(first & 1)),
            0xc4..=0xc6 => Head::Bytes(self.number(1 << (first - 0xc4))?),
            0xc7..=0xc9 => {
                let len = self.number(1 << (first - 0xc7))?;
                let [kind] = self.cursor.array()?;
                Head::Extension(kind, len)
            }
            0xca => Head::Number(f64::from(self.cursor.array().map(f32::from_be_bytes)?)),
            0xcb => Head::Number(self.cursor.array().map(f64::from_be_bytes)?),
            0xcc..=0xcf => Head::Number(self.number(1 << (first - 0xcc))? as f64),
            0xd0 => Head::Number(f64::from(self.cursor.array().map(i8::from_be_bytes)?)),
            0xd1 => Head::Number(f64::from(self.cursor.array().map(i16::from_be_bytes)?)),
            0xd2 => Head::Number(f64::from(self.cursor.array().map(i32::from_be_bytes)?)),
            0xd3 => Head::Number(self.cursor.array().map(i64::from_be_bytes)? as f64),
            0xd4..=0xd8 => {
                let [kind] = self.cursor.array()?;
                Head::Extension(kind, 1 << (first - 0xd4))
            }
            0xd9..=0xdb => Head::Text(self.number(1 << (first - 0xd9))?),
            0xdc | 0xdd => Head::List(self.number(2 << (first - 0xdc))?),
            0xde | 0xdf => Head::Dictionary(self.number(2 << (first - 0xde))?),
            0xe0..=0xff => Head::Number(f64::from(first.cast_signed())),
            0xc1 => return Err(self.bad()),
        })
    }

    /// A big-endian number of so many bytes.
    fn number(&mut self, bytes: u64) -> Result<u64> {
        let bytes = self.cursor.bytes(bytes)?;
        Ok(bytes
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// The next value, which has to be a text.
    fn text(&mut self) -> Result<String> {
        match self.head()? {
            Head::Text(len) if len <= LONGEST => {
                Ok(String::from_utf8_lossy(self.cursor.bytes(len)?).into_owned())
            }
            _ => Err(self.bad()),
        }
    }

    /// The next value, which has to be a whole number.
    fn whole(&mut self) -> Result<u64> {
        match self.head()? {
            Head::Number(number) if number >= 0.0 && number.fract() == 0.0 => Ok(number as u64),
            _ => Err(self.bad()),
        }
    }

    /// Looks at a value under a name.
    fn value(&mut self, name: &mut String, depth: usize) -> Result<()> {
        if depth > self.limits.deepest_nesting {
            let most = self.limits.deepest_nesting as u64;
            return Err(self
                .source
                .too_large("the nesting of its dictionaries", most + 1, most));
        }
        match self.head()? {
            Head::Dictionary(entries) => self.dictionary(entries, name, depth),
            Head::List(items) => {
                for item in 0..items {
                    self.under(&item.to_string(), name, depth)?;
                }
                Ok(())
            }
            Head::Extension(kind, len) if ARRAYS.contains(&kind) => {
                let array = self.array(len)?;
                self.add(name, array)
            }
            Head::Text(len) | Head::Bytes(len) | Head::Extension(_, len) => self.cursor.skip(len),
            Head::Number(number) => {
                let key = name.rsplit('/').next().unwrap_or(name);
                self.contents.claimed.add_float(key, number);
                self.contents.metadata.add(name, &number.to_string());
                Ok(())
            }
            Head::Nothing => Ok(()),
        }
    }

    /// Looks at a value whose name is longer by this key.
    fn under(&mut self, key: &str, name: &mut String, depth: usize) -> Result<()> {
        let len = name.len();
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(key);
        let outcome = self.value(name, depth + 1);
        name.truncate(len);
        outcome
    }

    fn dictionary(&mut self, entries: u64, name: &mut String, depth: usize) -> Result<()> {
        for entry in 0..entries {
            let key = self.text()?;
            if entry == 0 && key == CHUNKED {
                return self.chunked(entries, name);
            }
            if depth == 0 && OTHERS.contains(&key.as_str()) {
                // What lies in it is walked through, to be passed over.
                let own = std::mem::take(&mut self.contents);
                let outcome = self.under(&key, name, depth);
                let others = std::mem::replace(&mut self.contents, own).count();
                outcome?;
                if others > 0 {
                    self.contents.left_out.push(LeftOut {
                        name: key,
                        why: "is no part of the model".to_owned(),
                    });
                }
                continue;
            }
            self.under(&key, name, depth)?;
        }
        Ok(())
    }

    /// An array: its shape, its type and its bytes.
    fn array(&mut self, len: u64) -> Result<Array> {
        let end = self.cursor.at().saturating_add(len);
        let Head::List(3) = self.head()? else {
            return Err(self.bad());
        };
        let Head::List(dimensions) = self.head()? else {
            return Err(self.bad());
        };
        if dimensions > MAX_FOREIGN_DIMENSIONS as u64 {
            return Err(self.bad());
        }
        let shape = (0..dimensions).map(|_| self.whole());
        let shape = shape.collect::<Result<Vec<u64>>>()?;
        let dtype = self.text()?;
        let bytes = match self.head()? {
            Head::Bytes(bytes) | Head::Text(bytes) => bytes,
            _ => return Err(self.bad()),
        };
        let offset = self.cursor.at();
        self.cursor.skip(bytes)?;
        if self.cursor.at() != end {
            return Err(self.bad());
        }
        Ok(Array {
            shape,
            dtype,
            offset,
            bytes,
        })
    }

    /// An array that is cut into chunks: its shape, and arrays one after the other.
    fn chunked(&mut self, entries: u64, name: &str) -> Result<()> {
        // The value of the mark.
        self.head()?;
        let (mut shape, mut chunks) = (Vec::new(), Vec::new());
        for _ in 1..entries {
            let key = self.text()?;
            let Head::Dictionary(items) = self.head()? else {
                return Err(self.bad());
            };
            for _ in 0..items {
                self.text()?;
                if key == "shape" && shape.len() < MAX_FOREIGN_DIMENSIONS {
                    shape.push(self.whole()?);
                } else if key == "chunks"
                    && let Head::Extension(kind, len) = self.head()?
                    && ARRAYS.contains(&kind)
                {
                    chunks.push(self.array(len)?);
                } else {
                    return Err(self.bad());
                }
            }
        }
        let Some(first) = chunks.first() else {
            return Err(self.bad());
        };
        let whole = Array {
            shape,
            dtype: first.dtype.clone(),
            offset: first.offset,
            bytes: chunks
                .iter()
                .fold(0, |sum, chunk| sum.saturating_add(chunk.bytes)),
        };
        let (Some(element), Some(all)) = (element(&whole.dtype), count(&whole.shape)) else {
            return self.add(name, whole);
        };
        let mut pieces = Vec::with_capacity(chunks.len());
        let mut at = 0_u64;
        for chunk in &chunks {
            let len = chunk.bytes / element.bytes();
            pieces.push(Piece {
                place: place(chunk.offset),
                at: vec![at],
                shape: vec![len],
            });
            at = at.saturating_add(len);
        }
        let is_one = chunks.iter().all(|chunk| chunk.dtype == whole.dtype);
        if !is_one || tiles::arrange(&[all], &mut pieces).is_err() {
            return Err(self.bad());
        }
        self.add(name, whole)?;
        if let Some(stored) = self.contents.tensors.last_mut() {
            stored.made = Made::Pieces(pieces);
        }
        Ok(())
    }

    fn add(&mut self, name: &str, array: Array) -> Result<()> {
        let (held, most) = (
            self.contents.count() as u64,
            self.limits.most_tensors as u64,
        );
        if held >= most {
            return Err(self
                .source
                .too_large("the number of tensors", held + 1, most));
        }
        if array.bytes > self.limits.largest_tensor {
            let most = self.limits.largest_tensor;
            return Err(self.source.too_large(
                "the size of a tensor, in bytes,",
                array.bytes,
                most,
            ));
        }
        let elements = count(&array.shape);
        let Some(element) = element(&array.dtype) else {
            self.contents.unread.push(Raw {
                unread: Unread {
                    name: name.to_owned(),
                    dtype: shown(&array.dtype),
                    elements,
                    shape: Some(array.shape),
                    bytes: Some(array.bytes),
                    reason: NOT_SUPPORTED.to_owned(),
                },
                bytes: Some(RawBytes {
                    place: place(array.offset),
                    size: 1,
                    shape: vec![array.bytes],
                }),
            });
            return Ok(());
        };
        let needed = elements.and_then(|elements| elements.checked_mul(element.bytes()));
        if needed != Some(array.bytes) {
            return Err(self.source.damaged(format!(
                "the array {} has {} bytes, which its shape and type do not need",
                quoted(name),
                array.bytes
            )));
        }
        self.contents.tensors.push(Stored {
            tensor: ForeignTensor {
                role: role(name, &array.shape, element, Declared::Nothing),
                name: name.to_owned(),
                shape: array.shape,
                element,
            },
            place: place(array.offset),
            made: Made::Whole,
        });
        Ok(())
    }
}

fn place(offset: u64) -> Place {
    Place {
        file: 0,
        container: Container::File { offset },
        order: Order::RowMajor,
        big_endian: false,
    }
}

/// The number type that NumPy or JAX calls so, if it is read.
fn element(dtype: &str) -> Option<Element> {
    Some(match dtype {
        "float64" => Element::F64,
        "float32" => Element::F32,
        "float16" => Element::F16,
        "bfloat16" => Element::Bf16,
        "float8_e4m3fn" => Element::F8E4M3,
        "float8_e4m3fnuz" => Element::F8E4M3Fnuz,
        "float8_e5m2" => Element::F8E5M2,
        "float8_e5m2fnuz" => Element::F8E5M2Fnuz,
        "int64" => Element::I64,
        "int32" => Element::I32,
        "int16" => Element::I16,
        "int8" => Element::I8,
        "uint64" => Element::U64,
        "uint32" => Element::U32,
        "uint16" => Element::U16,
        "uint8" => Element::U8,
        "bool" => Element::Bool,
        _ => return None,
    })
}
