//! The headers of objects: messages that say what they are.

use super::{Reader, long, short, word};
use crate::Result;
use crate::foreign::element::Element;
use crate::limits::MAX_FOREIGN_DIMENSIONS;

/// Most blocks that a header is continued in.
const MOST_BLOCKS: usize = 4096;
/// The address of what is not there.
const UNDEFINED: u64 = u64::MAX;

/// A message, as far as it is of use.
pub(super) enum Message {
    /// The names of a group stand in a tree, with a heap of texts.
    Table { tree: u64, heap: u64 },
    /// A name in a group.
    Link(String, u64),
    /// The names of a group stand in a heap of another kind.
    Dense,
    /// A part of the description of a dataset.
    Of(Part),
}

/// A part of the description of a dataset.
pub(super) enum Part {
    Shape(Option<Vec<u64>>),
    Kind(Kind),
    Lies(Lies),
}

/// The type of numbers.
pub(super) struct Kind {
    /// If it is read.
    pub(super) element: Option<Element>,
    /// Bytes of one.
    pub(super) size: u64,
    pub(super) big_endian: bool,
    pub(super) is_text: bool,
    /// The class of HDF5.
    class: u8,
}

/// Where the values of a dataset lie.
pub(super) enum Lies {
    /// At this address, so many bytes.
    At(u64, u64),
    /// In the header itself, at this byte of the file.
    Within(u64, u64),
    Nowhere,
    Chunked,
    Unknown,
}

/// A dataset, as far as its header has told so far.
#[derive(Default)]
pub(super) struct Object {
    is_shaped: bool,
    pub(super) shape: Option<Vec<u64>>,
    pub(super) kind: Option<Kind>,
    pub(super) lies: Option<Lies>,
}

impl Object {
    pub(super) fn take(&mut self, part: Part) {
        match part {
            Part::Shape(shape) => (self.is_shaped, self.shape) = (true, shape),
            Part::Kind(kind) => self.kind = Some(kind),
            Part::Lies(lies) => self.lies = Some(lies),
        }
    }

    pub(super) fn is_dataset(&self) -> bool {
        self.is_shaped && self.lies.is_some()
    }

    /// What its type is called.
    pub(super) fn type_name(&self) -> String {
        const CLASSES: [&str; 11] = [
            "integers",
            "floats",
            "times",
            "text",
            "bits",
            "opaque",
            "compound",
            "references",
            "enumeration",
            "lists",
            "arrays",
        ];
        let kind = self.kind.as_ref();
        let class = kind.and_then(|kind| CLASSES.get(usize::from(kind.class)));
        let class = class.copied().unwrap_or("unknown");
        match kind {
            Some(kind) => format!("{class} of {} bytes", kind.size),
            None => class.to_owned(),
        }
    }
}

impl Reader<'_> {
    /// The messages of the header at this address.
    pub(super) fn messages(&mut self, address: u64) -> Result<Vec<Message>> {
        let head = self.bytes("the header of an object", address, 16)?;
        let mut found = Vec::new();
        let mut blocks: Vec<(u64, u64)> = Vec::new();
        let is_new = head.starts_with(b"OHDR");
        let mut tracks_order = false;
        if is_new {
            let flags = head.get(5).copied().unwrap_or(0);
            tracks_order = flags & 4 != 0;
            let times = if flags & 32 == 0 { 0 } else { 16 };
            let phases = if flags & 16 == 0 { 0 } else { 4 };
            let at = 6 + times + phases;
            let width = 1_u64 << (flags & 3);
            let size = self.bytes("the header of an object", address.saturating_add(at), width)?;
            let size = number(&size);
            blocks.push((address.saturating_add(at + width), size));
        } else if head.first() == Some(&1) {
            let size = word(&head, 8).unwrap_or(0);
            blocks.push((address.saturating_add(16), u64::from(size)));
        } else {
            return Err(self.source.damaged("the header of an object is none"));
        }
        let mut at = 0;
        while let Some(&(address, len)) = blocks.get(at) {
            at += 1;
            if at > MOST_BLOCKS || blocks.len() > MOST_BLOCKS {
                return Err(self.source.damaged("the header of an object does not end"));
            }
            let bytes = self.bytes("the header of an object", address, len)?;
            let mut rest = bytes.as_slice();
            let mut place = address;
            // What is too short for a message is a gap.
            while let Some(one) = Raw::next(&mut rest, &mut place, is_new, tracks_order) {
                if one.kind == 16 {
                    if let (Some(offset), Some(len)) = (long(one.data, 0), long(one.data, 8)) {
                        // Newer blocks begin with a signature and end with a checksum.
                        let (front, both) = if is_new { (4, 8) } else { (0, 0) };
                        blocks.push((offset.saturating_add(front), len.saturating_sub(both)));
                    }
                } else if let Some(message) = self.message(&one) {
                    found.push(message);
                }
            }
        }
        Ok(found)
    }

    fn message(&self, raw: &Raw<'_>) -> Option<Message> {
        let data = raw.data;
        // One that lies elsewhere is not looked up.
        if raw.is_shared {
            return matches!(raw.kind, 1 | 3).then_some(Message::Of(Part::Lies(Lies::Unknown)));
        }
        Some(match raw.kind {
            1 => Message::Of(Part::Shape(shape(data))),
            3 => Message::Of(Part::Kind(kind(data)?)),
            8 => Message::Of(Part::Lies(self.lies(data, raw.place))),
            2 => {
                // A heap of links, where there are many.
                let flags = data.get(1).copied().unwrap_or(0);
                let at = 2 + if flags & 1 == 0 { 0 } else { 8 };
                return (long(data, at)? != UNDEFINED).then_some(Message::Dense);
            }
            6 => link(data)?,
            17 => Message::Table {
                tree: long(data, 0)?,
                heap: long(data, 8)?,
            },
            _ => return None,
        })
    }

    fn lies(&self, data: &[u8], place: u64) -> Lies {
        let found = || {
            let version = *data.first()?;
            Some(match (version, *data.get(1)?) {
                (3 | 4, 0) => {
                    let len = u64::from(short(data, 2)?);
                    Lies::Within(self.base.saturating_add(place).saturating_add(4), len)
                }
                (3 | 4, 1) => match long(data, 2)? {
                    UNDEFINED => Lies::Nowhere,
                    address => Lies::At(address, long(data, 10)?),
                },
                (3 | 4, 2) => Lies::Chunked,
                (1 | 2, _) => match *data.get(2)? {
                    1 => match long(data, 8)? {
                        UNDEFINED => Lies::Nowhere,
                        // Its size follows from the shape.
                        address => Lies::At(address, u64::MAX),
                    },
                    2 => Lies::Chunked,
                    _ => Lies::Unknown,
                },
                _ => Lies::Unknown,
            })
        };
        found().unwrap_or(Lies::Unknown)
    }
}

/// A message as it lies there.
struct Raw<'a> {
    kind: u16,
    is_shared: bool,
    data: &'a [u8],
    /// Where its data begin.
    place: u64,
}

impl<'a> Raw<'a> {
    /// Takes the next message from what is left of a block.
    fn next(
        rest: &mut &'a [u8],
        place: &mut u64,
        is_new: bool,
        tracks_order: bool,
    ) -> Option<Self> {
        let (kind, size, flags, head) = if is_new {
            let head = if tracks_order { 6 } else { 4 };
            (
                u16::from(*rest.first()?),
                short(rest, 1)?,
                *rest.get(3)?,
                head,
            )
        } else {
            (short(rest, 0)?, short(rest, 2)?, *rest.get(4)?, 8)
        };
        let (data, after) = rest.get(head..)?.split_at_checked(usize::from(size))?;
        let own = place.saturating_add(head as u64);
        *place = own.saturating_add(u64::from(size));
        *rest = after;
        Some(Self {
            kind,
            is_shared: flags & 2 != 0,
            data,
            place: own,
        })
    }
}

/// A number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev().take(8);
    bytes.fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The dimensions of a dataset.
fn shape(data: &[u8]) -> Option<Vec<u64>> {
    let (version, rank) = (*data.first()?, usize::from(*data.get(1)?));
    let at = match version {
        1 => 8,
        2 if *data.get(3)? == 2 => return None,
        2 => 4,
        _ => return None,
    };
    if rank > MAX_FOREIGN_DIMENSIONS {
        return None;
    }
    (0..rank).map(|side| long(data, at + 8 * side)).collect()
}

/// The type of numbers.
fn kind(data: &[u8]) -> Option<Kind> {
    let class = data.first()? & 15;
    let bits = *data.get(1)?;
    let size = word(data, 4)?;
    let exponent = data.get(13).copied();
    let mantissa = data.get(15).copied();
    let element = match (class, size) {
        (0, 1) if bits & 8 == 0 => Some(Element::U8),
        (0, 2) if bits & 8 == 0 => Some(Element::U16),
        (0, 4) if bits & 8 == 0 => Some(Element::U32),
        (0, 8) if bits & 8 == 0 => Some(Element::U64),
        (0, 1) => Some(Element::I8),
        (0, 2) => Some(Element::I16),
        (0, 4) => Some(Element::I32),
        (0, 8) => Some(Element::I64),
        (1, _) => match (size, exponent, mantissa) {
            (2, Some(5), Some(10)) => Some(Element::F16),
            (2, Some(8), Some(7)) => Some(Element::Bf16),
            (4, Some(8), Some(23)) => Some(Element::F32),
            (8, Some(11), Some(52)) => Some(Element::F64),
            _ => None,
        },
        // h5py keeps booleans as one of two names of bytes.
        (8, 1) => Some(Element::Bool),
        _ => None,
    };
    Some(Kind {
        element,
        size: u64::from(size),
        big_endian: matches!(class, 0 | 1) && bits & 1 == 1,
        is_text: matches!(class, 3 | 9),
        class,
    })
}

/// A name in a group, and where what is called so lies; none where it is a link to elsewhere.
fn link(data: &[u8]) -> Option<Message> {
    let flags = *data.get(1)?;
    let mut at = 2;
    if flags & 8 != 0 {
        if *data.get(at)? != 0 {
            return None;
        }
        at += 1;
    }
    if flags & 4 != 0 {
        at += 8;
    }
    if flags & 16 != 0 {
        at += 1;
    }
    let width = 1_usize << (flags & 3);
    let len = usize::try_from(number(data.get(at..at + width)?)).ok()?;
    at += width;
    let name = data.get(at..at.checked_add(len)?)?;
    let address = long(data, at + len)?;
    Some(Message::Link(
        String::from_utf8_lossy(name).into_owned(),
        address,
    ))
}
