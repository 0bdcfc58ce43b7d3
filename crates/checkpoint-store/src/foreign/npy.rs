//! The header of an array as `numpy.save` writes it.
//!
//! The format is NEP 1: magic, version, length, then a Python dictionary of the type, the order
//! and the shape. The dictionary is read by a parser for exactly that; nothing is evaluated.

use super::contents::Contents;
use super::element::Element;
use super::format::NPY_MAGIC;
use super::place::{Container, Order, Place};
use super::shape::count;
use super::source::{Source, foreign, shown};
use super::stored::{Made, NOT_SUPPORTED, Raw, RawBytes, Stored};
use super::tensor::{Declared, ForeignTensor, Unread, role};
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};
use crate::{Error, Fault, Result};

/// Longest dictionary, in bytes. NumPy itself refuses more than 10,000.
const MAX_DICTIONARY_BYTES: usize = 64 << 10;

/// Bytes of the largest numbers there are: complex ones of double precision.
const LARGEST_NUMBER: u64 = 16;

/// Bytes from the start of an array that hold any header that is read.
pub(super) const MAX_HEADER_BYTES: usize = 12 + MAX_DICTIONARY_BYTES;

/// The description of an array.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Array {
    pub(super) numbers: Numbers,
    pub(super) big_endian: bool,
    pub(super) column_major: bool,
    pub(super) shape: Vec<u64>,
    /// Where the values begin, in bytes from the start of the array.
    pub(super) values: u64,
}

/// The number type of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Numbers {
    Read(Element),
    /// What it is called, and the bytes of one element; zero if that is not known.
    Unread {
        dtype: String,
        bytes: u64,
    },
}

/// Why there is no array to read.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is damaged.
    Damaged(String),
    /// It holds something else than numbers.
    NotNumbers(String),
    /// It holds objects in this shape, which may be arrays of different sizes.
    Objects(Vec<u64>),
}

/// What the one array of a file is called: by its file, `epoch-1` and `epoch-2` would be tensors of
/// different models.
const NAME: &str = "weights";

/// Opens a file of one array, which is called `weights` whatever the file is.
pub(super) fn open(source: &Source, limits: &Limits) -> Result<Contents> {
    let mut start = vec![0; source.len().min(MAX_HEADER_BYTES as u64) as usize];
    source.read(&mut start, 0)?;
    let array = Array::parse(&start).map_err(|trouble| trouble.of(source))?;
    let stored = source.len() - array.values.min(source.len());
    if !array.fits(stored) {
        return Err(source.damaged(format!(
            "its shape and type need another size than the {stored} bytes that it has"
        )));
    }
    let offset = array.values;
    let mut contents = Contents::default();
    let container = (Container::File { offset }, stored);
    array.add(NAME.to_owned(), container, &mut contents, source, limits)?;
    Ok(contents)
}

impl Trouble {
    fn of(self, source: &Source) -> Error {
        match self {
            Self::Damaged(what) => source.damaged(what),
            Self::NotNumbers(what) => not_numbers(source, what),
            Self::Objects(_) => not_numbers(source, OBJECTS.to_owned()),
        }
    }
}

/// What is said of objects.
pub(super) const OBJECTS: &str = "it holds pickled objects";

fn not_numbers(source: &Source, what: String) -> Error {
    let way_out = "Save it as an array of float32";
    foreign(source.path(), Fault::NoModel, what, way_out)
}

impl Array {
    /// Reads the header at the start of these bytes, which may go on after it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Trouble> {
        let damaged = |what: &str| Trouble::Damaged(format!("the array header {what}"));
        let cut = || damaged("is cut off");
        let rest = bytes
            .strip_prefix(NPY_MAGIC)
            .ok_or_else(|| damaged("does not begin as one of NumPy"))?;
        let (&[major, _minor], rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (len, rest) = match major {
            1 => {
                let (len, rest) = rest.split_first_chunk().ok_or_else(cut)?;
                (usize::from(u16::from_le_bytes(*len)), rest)
            }
            2 | 3 => {
                let (len, rest) = rest.split_first_chunk().ok_or_else(cut)?;
                (u32::from_le_bytes(*len) as usize, rest)
            }
            _ => return Err(damaged("has a version that is not known")),
        };
        if len > MAX_DICTIONARY_BYTES {
            return Err(damaged("is longer than any that NumPy reads"));
        }
        let dictionary = rest.get(..len).ok_or_else(cut)?;
        let values = (bytes.len() - rest.len() + len) as u64;

        let mut parser = Parser(dictionary);
        let fields = parser
            .dictionary()
            .ok_or_else(|| damaged("is not the dictionary it should be"))?;
        let (numbers, big_endian) = match numbers(&fields.descr) {
            Ok(numbers) => numbers,
            // A single object is a dictionary of settings, or the like.
            Err(OBJECTS) if !fields.shape.is_empty() => return Err(Trouble::Objects(fields.shape)),
            Err(what) => return Err(Trouble::NotNumbers(what.to_owned())),
        };
        let size = match &numbers {
            Numbers::Read(element) => element.bytes(),
            Numbers::Unread { bytes, .. } => *bytes,
        };
        count(&fields.shape)
            .and_then(|count| count.checked_mul(size.max(1)))
            .ok_or_else(|| damaged("has a shape that is too large"))?;
        Ok(Self {
            numbers,
            big_endian,
            column_major: fields.column_major,
            shape: fields.shape,
            values,
        })
    }

    /// Whether it takes so many bytes, as far as its type tells.
    pub(super) fn fits(&self, stored: u64) -> bool {
        let size = match &self.numbers {
            Numbers::Read(element) => element.bytes(),
            Numbers::Unread { bytes: 0, .. } => return true,
            Numbers::Unread { bytes, .. } => *bytes,
        };
        count(&self.shape).and_then(|count| count.checked_mul(size)) == Some(stored)
    }

    /// Adds the array as a tensor of this name, whose values lie in this container and take so
    /// many bytes.
    pub(super) fn add(
        self,
        name: String,
        (container, bytes): (Container, u64),
        contents: &mut Contents,
        source: &Source,
        limits: &Limits,
    ) -> Result<()> {
        if bytes > limits.largest_tensor {
            return Err(source.too_large(
                "the size of a tensor, in bytes,",
                bytes,
                limits.largest_tensor,
            ));
        }
        let order = if self.column_major {
            Order::column_major(&self.shape)
        } else {
            Order::RowMajor
        };
        let mut place = Place {
            file: 0,
            container,
            order,
            big_endian: self.big_endian,
        };
        match self.numbers {
            Numbers::Read(element) => contents.tensors.push(Stored {
                tensor: ForeignTensor {
                    role: role(&name, &self.shape, element, Declared::Nothing),
                    name,
                    shape: self.shape,
                    element,
                },
                place,
                made: Made::Whole,
            }),
            Numbers::Unread { dtype, bytes: size } => {
                let unread = Unread {
                    name,
                    dtype,
                    elements: count(&self.shape),
                    shape: Some(self.shape.clone()),
                    bytes: Some(bytes),
                    reason: NOT_SUPPORTED.to_owned(),
                };
                // Large opaque values are bytes in a row: one of them may be as large as the file.
                let (size, shape) = if size == 0 || size > LARGEST_NUMBER {
                    place.order = Order::RowMajor;
                    (1, vec![bytes])
                } else {
                    (size, self.shape)
                };
                let bytes = Some(RawBytes { place, size, shape });
                contents.unread.push(Raw { unread, bytes });
            }
        }
        Ok(())
    }
}

/// The number type of a descriptor such as `<f4`, and whether it is big-endian.
///
/// # Errors
/// What it is of, if it is of no numbers: text, objects.
fn numbers(descr: &str) -> Result<(Numbers, bool), &'static str> {
    let (order, kind) = match descr.chars().next() {
        Some(order @ ('<' | '>' | '|' | '=')) => (order, descr.get(1..).unwrap_or_default()),
        _ => ('|', descr),
    };
    if kind.contains('O') {
        return Err(OBJECTS);
    }
    if kind.starts_with(['U', 'S', 'a']) {
        return Err("it holds text");
    }
    let big_endian = order == '>';
    let element = element(kind).filter(|element| order != '|' || element.bytes() == 1);
    let named = element.or_else(|| named_element(kind));
    if let Some(element) = named {
        return Ok((Numbers::Read(element), big_endian));
    }
    let digits = kind.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let bytes = match kind.chars().next() {
        // Only these letters stand before a size in bytes.
        Some('f' | 'c' | 'V' | 'i' | 'u') => digits.parse().unwrap_or(0),
        _ => 0,
    };
    let dtype = match descr {
        "" => "records".to_owned(),
        descr => shown(descr),
    };
    Ok((Numbers::Unread { dtype, bytes }, big_endian))
}

/// The number type of NumPy's letter and size.
fn element(kind: &str) -> Option<Element> {
    Some(match kind {
        "f8" => Element::F64,
        "f4" => Element::F32,
        "f2" => Element::F16,
        "i8" => Element::I64,
        "i4" => Element::I32,
        "i2" => Element::I16,
        "i1" => Element::I8,
        "u8" => Element::U64,
        "u4" => Element::U32,
        "u2" => Element::U16,
        "u1" => Element::U8,
        "b1" => Element::Bool,
        _ => return None,
    })
}

/// The number types that the package `ml_dtypes` adds to NumPy, by their names. A bfloat16 that is
/// saved without its name is an opaque value of two bytes, which nothing else in a model is.
fn named_element(kind: &str) -> Option<Element> {
    Some(match kind {
        "bfloat16" | "V2" => Element::Bf16,
        "float8_e4m3fn" => Element::F8E4M3,
        "float8_e4m3fnuz" => Element::F8E4M3Fnuz,
        // Of the floats of eight bits it is the only one that NumPy is told to be a float.
        "float8_e5m2" | "f1" => Element::F8E5M2,
        "float8_e5m2fnuz" => Element::F8E5M2Fnuz,
        "float8_e8m0fnu" => Element::F8E8M0,
        _ => return None,
    })
}

/// What the dictionary says.
struct Fields {
    /// Empty for records.
    descr: String,
    column_major: bool,
    shape: Vec<u64>,
}

/// A parser for that dictionary alone.
struct Parser<'a>(&'a [u8]);

impl<'a> Parser<'a> {
    fn dictionary(&mut self) -> Option<Fields> {
        let (mut descr, mut column_major, mut shape) = (None, None, None);
        self.sign(b'{')?;
        while self.sign(b'}').is_none() {
            let key = self.text()?;
            self.sign(b':')?;
            match key {
                b"descr" if descr.is_none() => descr = Some(self.descr()?),
                b"fortran_order" if column_major.is_none() => column_major = Some(self.boolean()?),
                b"shape" if shape.is_none() => shape = Some(self.tuple()?),
                _ => return None,
            }
            if self.sign(b',').is_none() {
                self.sign(b'}')?;
                break;
            }
        }
        self.skip_space();
        self.0.is_empty().then_some(Fields {
            descr: descr?,
            column_major: column_major?,
            shape: shape?,
        })
    }

    fn skip_space(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    /// Takes this sign, if it comes next.
    fn sign(&mut self, sign: u8) -> Option<()> {
        self.skip_space();
        let rest = self.0.strip_prefix(&[sign])?;
        self.0 = rest;
        Some(())
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        self.skip_space();
        let (&quote, rest) = self.0.split_first()?;
        if quote != b'\'' && quote != b'"' {
            return None;
        }
        let end = rest.iter().position(|&byte| byte == quote)?;
        let (text, rest) = rest.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(text)
    }

    /// A text, or a list (of fields), which is skipped.
    fn descr(&mut self) -> Option<String> {
        if self.sign(b'[').is_none() {
            return Some(String::from_utf8_lossy(self.text()?).into_owned());
        }
        let mut depth = 1_usize;
        while depth > 0 {
            self.skip_space();
            match self.0.first()? {
                b'\'' | b'"' => {
                    self.text()?;
                    continue;
                }
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            self.0 = self.0.get(1..)?;
        }
        Some(String::new())
    }

    fn boolean(&mut self) -> Option<bool> {
        self.skip_space();
        for (text, value) in [(b"True".as_slice(), true), (b"False", false)] {
            if let Some(rest) = self.0.strip_prefix(text) {
                self.0 = rest;
                return Some(value);
            }
        }
        None
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        let mut shape = Vec::new();
        self.sign(b'(')?;
        while self.sign(b')').is_none() {
            self.skip_space();
            let digits = self
                .0
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let (number, rest) = self.0.split_at_checked(digits)?;
            shape.push(std::str::from_utf8(number).ok()?.parse().ok()?);
            if shape.len() > MAX_FOREIGN_DIMENSIONS {
                return None;
            }
            // Python 2 wrote long numbers with an L.
            self.0 = rest.strip_prefix(b"L").unwrap_or(rest);
            if self.sign(b',').is_none() {
                self.sign(b')')?;
                // In Python, a number in brackets is a number.
                return (shape.len() > 1).then_some(shape);
            }
        }
        Some(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(dictionary: &str) -> Vec<u8> {
        let mut bytes = NPY_MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((dictionary.len() as u16).to_le_bytes());
        bytes.extend(dictionary.as_bytes());
        bytes
    }

    #[test]
    fn a_header_as_numpy_writes_it_is_read() {
        let bytes = header("{'descr': '>f8', 'fortran_order': True, 'shape': (3, 4), }   \n");
        let array = Array::parse(&bytes).unwrap();
        assert_eq!(
            array,
            Array {
                numbers: Numbers::Read(Element::F64),
                big_endian: true,
                column_major: true,
                shape: vec![3, 4],
                values: bytes.len() as u64,
            }
        );
        assert!(array.fits(96) && !array.fits(95));
    }

    #[test]
    fn scalars_and_shapes_of_one_are_read() {
        for (shape, expected) in [("()", vec![]), ("(5,)", vec![5]), ("(5L,)", vec![5])] {
            let bytes = header(&format!(
                "{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}"
            ));
            assert_eq!(Array::parse(&bytes).unwrap().shape, expected);
        }
    }

    #[test]
    fn whatever_is_no_such_dictionary_is_refused() {
        for dictionary in [
            "",
            "{",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} extra",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 9)}",
            "{'descr': __import__('os'), 'fortran_order': False, 'shape': (3,)}",
            "{'descr': [[[[[[[[, 'fortran_order': False, 'shape': (3,)}",
        ] {
            let trouble = Array::parse(&header(dictionary)).unwrap_err();
            assert!(matches!(trouble, Trouble::Damaged(_)), "{dictionary}");
        }
        for descr in ["'|O'", "'<U5'"] {
            let bytes = header(&format!(
                "{{'descr': {descr}, 'fortran_order': False, 'shape': (3,)}}"
            ));
            let trouble = Array::parse(&bytes).unwrap_err();
            let is_none = matches!(trouble, Trouble::NotNumbers(_) | Trouble::Objects(_));
            assert!(is_none, "{descr}");
        }
        let one = header("{'descr': '|O', 'fortran_order': False, 'shape': ()}");
        let trouble = Array::parse(&one).unwrap_err();
        assert!(matches!(trouble, Trouble::NotNumbers(_)));
    }
}
