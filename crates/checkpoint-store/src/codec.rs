//! The one place that knows bincode.
//!
//! bincode 1.3.3 is finished software: nobody maintains it, and nothing about it changes. It is
//! given only bytes whose length was bounded and whose BLAKE3 was checked (see `preamble`), with
//! fixed-width little-endian integers, a limit, and trailing bytes rejected. Under these options
//! every value has exactly one encoding.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::limits::MAX_HEADER_BYTES;

fn options() -> impl Options {
    bincode::DefaultOptions::new()
        .with_little_endian()
        .with_fixint_encoding()
        .with_limit(MAX_HEADER_BYTES)
        .reject_trailing_bytes()
}

/// Encodes a header.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`MAX_HEADER_BYTES`].
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    options().serialize(value).map_err(|error| match *error {
        bincode::ErrorKind::SizeLimit => Error::TooLarge {
            what: "the header's length in bytes",
            found: bincode::serialized_size(value).unwrap_or(u64::MAX),
            limit: MAX_HEADER_BYTES,
        },
        other => Error::invalid(format!("the header cannot be encoded: {other}")),
    })
}

/// Decodes a header from exactly these bytes; the message says what does not fit.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    options()
        .deserialize(bytes)
        .map_err(|error| format!("the header cannot be decoded: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, Header, TensorShape};

    fn header() -> Header {
        Header {
            recipe: "lr = 0.03".to_owned(),
            layout: vec![TensorShape::new("w", [2, 3])],
            checkpoints: vec![Checkpoint {
                test_accuracy: Some(0.5),
                ..Checkpoint::new(7, 1)
            }],
        }
    }

    #[test]
    fn a_header_survives_the_round_trip() {
        let bytes = encode(&header()).unwrap();
        assert_eq!(decode::<Header>(&bytes).unwrap(), header());
    }

    #[test]
    fn trailing_and_missing_bytes_are_refused() {
        let mut bytes = encode(&header()).unwrap();
        assert!(decode::<Header>(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        assert!(decode::<Header>(&bytes).is_err());
    }

    #[test]
    fn lengths_of_2_to_the_63_are_refused_without_allocating_them() {
        let bytes = encode(&header()).unwrap();
        // The recipe's length, then the layout's, then the first name's.
        for offset in [0, 8 + 9, 8 + 9 + 8] {
            let mut bytes = bytes.clone();
            bytes[offset..offset + 8].copy_from_slice(&(1_u64 << 63).to_le_bytes());
            assert!(decode::<Header>(&bytes).is_err());
        }
    }

    #[test]
    fn flags_other_than_0_and_1_are_refused() {
        let bytes = encode(&header()).unwrap();
        let last = bytes.len() - 1;
        for flag in 2..=255 {
            let mut bytes = bytes.clone();
            bytes[last] = flag;
            assert!(decode::<Header>(&bytes).is_err());
        }
    }
}
