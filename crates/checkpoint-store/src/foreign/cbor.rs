//! The part of CBOR (RFC 8949) that burnpack's map is written in.
//!
//! Lengths stand before what they count; the open-ended forms are not read, since nothing writes
//! them there. Nothing is copied.

/// A reader of one item after the other. Whatever does not fit gives none, and leaves it where it was.
pub(super) struct Cbor<'a> {
    rest: &'a [u8],
    deepest: usize,
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;

impl<'a> Cbor<'a> {
    pub(super) fn new(bytes: &'a [u8], deepest: usize) -> Self {
        Self {
            rest: bytes,
            deepest,
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The number of entries of a map, which follow.
    pub(super) fn map(&mut self) -> Option<u64> {
        // An entry takes two bytes at least.
        self.expect(MAP)
            .filter(|entries| *entries <= self.rest.len() as u64 / 2)
    }

    /// The number of items of an array, which follow.
    pub(super) fn array(&mut self) -> Option<u64> {
        self.expect(ARRAY)
            .filter(|items| *items <= self.rest.len() as u64)
    }

    pub(super) fn unsigned(&mut self) -> Option<u64> {
        self.expect(UNSIGNED)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let (kind, len, rest) = self.head()?;
        let (text, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        let text = std::str::from_utf8(text).ok().filter(|_| kind == TEXT)?;
        self.rest = rest;
        Some(text)
    }

    /// Reads over one item, whatever it is.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_at(0)
    }

    fn skip_at(&mut self, depth: usize) -> Option<()> {
        if depth > self.deepest {
            return None;
        }
        let (kind, argument, rest) = self.head()?;
        self.rest = rest;
        let items = match kind {
            UNSIGNED | NEGATIVE | SIMPLE => 0,
            BYTES | TEXT => {
                let len = usize::try_from(argument).ok()?;
                self.rest = rest.get(len..)?;
                0
            }
            ARRAY => argument,
            MAP => argument.checked_mul(2)?,
            TAG => 1,
            _ => return None,
        };
        // Each takes a byte at least.
        if items > self.rest.len() as u64 {
            return None;
        }
        for _ in 0..items {
            self.skip_at(depth + 1)?;
        }
        Some(())
    }

    /// Takes the head of an item of this kind.
    fn expect(&mut self, wanted: u8) -> Option<u64> {
        let (kind, argument, rest) = self.head()?;
        (kind == wanted).then(|| {
            self.rest = rest;
            argument
        })
    }

    /// The kind of the next item, its argument, and what follows.
    fn head(&self) -> Option<(u8, u64, &'a [u8])> {
        let (&first, rest) = self.rest.split_first()?;
        let (argument, rest) = match first & 31 {
            small @ 0..24 => (u64::from(small), rest),
            24 => {
                let (&[value], rest) = rest.split_first_chunk()?;
                (u64::from(value), rest)
            }
            25 => {
                let (value, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*value)), rest)
            }
            26 => {
                let (value, rest) = rest.split_first_chunk()?;
                (u64::from(u32::from_be_bytes(*value)), rest)
            }
            27 => {
                let (value, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*value), rest)
            }
            _ => return None,
        };
        Some((first >> 5, argument, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_as_the_standard_writes_them() {
        // {"a": 500, "b": [1, -2, 1.5], "c": h'0102'}
        let bytes = b"\xa3aa\x19\x01\xf4ab\x83\x01\x21\xf9\x3e\x00ac\x42\x01\x02";
        let mut cbor = Cbor::new(bytes, 8);
        assert_eq!(cbor.map(), Some(3));
        assert_eq!(cbor.text(), Some("a"));
        assert_eq!(cbor.text(), None);
        assert_eq!(cbor.unsigned(), Some(500));
        assert_eq!(cbor.text(), Some("b"));
        assert_eq!(cbor.skip(), Some(()));
        assert_eq!(cbor.text(), Some("c"));
        assert_eq!(cbor.skip(), Some(()));
        assert!(cbor.is_at_end());
    }

    #[test]
    fn lengths_beyond_the_end_and_nesting_beyond_the_limit_give_none() {
        assert_eq!(
            Cbor::new(b"\x7b\xff\xff\xff\xff\xff\xff\xff\xffa", 8).text(),
            None
        );
        assert_eq!(
            Cbor::new(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", 8).map(),
            None
        );
        assert_eq!(Cbor::new(&[0x81; 100_000], 8).skip(), None);
        assert_eq!(Cbor::new(b"\x9f\x01\xff", 8).skip(), None);
    }
}
