//! Files of llama.cpp.

use super::{Case, case};
use crate::bytes::{gguf, gguf_tensor, gguf_text};
use checkpoint_store::Fault;

/// A field that is a list of this type and length, with what follows.
fn list(kind: u32, len: u64, rest: &[u8]) -> Vec<u8> {
    [
        gguf_text("a"),
        9_u32.to_le_bytes().to_vec(),
        kind.to_le_bytes().to_vec(),
        len.to_le_bytes().to_vec(),
        rest.to_vec(),
    ]
    .concat()
}

/// A field that is a number of 32 bits.
fn number(key: &str, number: u32) -> Vec<u8> {
    let kind = 4_u32.to_le_bytes();
    [&gguf_text(key)[..], &kind, &number.to_le_bytes()].concat()
}

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let file = |name, fields: &[Vec<u8>], tensors: &[Vec<u8>], data, fault| {
        case(name, "a.gguf", gguf(fields, tensors, data), fault)
    };
    let one = |name, dimensions: &[u64], kind, offset, data| {
        file(
            name,
            &[],
            &[gguf_tensor("w", dimensions, kind, offset)],
            data,
            bad,
        )
    };
    let counts = |tensors: u64, fields: u64| {
        let head = [&b"GGUF\x03\0\0\0"[..], &tensors.to_le_bytes()];
        [&head.concat()[..], &fields.to_le_bytes()].concat()
    };
    let deep = [
        9_u32.to_le_bytes(),
        1_u32.to_le_bytes(),
        0_u32.to_le_bytes(),
    ]
    .concat();
    let w = gguf_tensor("w", &[4], 0, 0);
    let long = [&u64::MAX.to_le_bytes()[..], b"w"].concat();
    vec![
        case("the magic of GGUF alone", "a.gguf", "GGUF", bad),
        case(
            "a GGUF file of version 1",
            "a.gguf",
            b"GGUF\x01\0\0\0".to_vec(),
            Fault::Unsupported,
        ),
        case(
            "a GGUF file in big-endian order",
            "a.gguf",
            b"GGUF\0\0\0\x03\0\0\0\0\0\0\0\x01".to_vec(),
            Fault::Unsupported,
        ),
        case("2^63 fields", "a.gguf", counts(1, 1 << 63), bad),
        case(
            "2^60 tensors of GGUF",
            "a.gguf",
            counts(1 << 60, 0),
            Fault::TooLarge,
        ),
        file("no tensors", &[], &[], 0, Fault::NoModel),
        file(
            "a name of a field of 2^64 bytes",
            std::slice::from_ref(&long),
            &[],
            0,
            bad,
        ),
        file("a name of a tensor of 2^64 bytes", &[], &[long], 0, bad),
        file(
            "a list of 2^60 texts",
            &[list(8, 1 << 60, &[])],
            std::slice::from_ref(&w),
            16,
            bad,
        ),
        file(
            "a list of 2^62 numbers",
            &[list(10, 1 << 62, &[])],
            std::slice::from_ref(&w),
            16,
            bad,
        ),
        file(
            "lists nested deeply",
            &[list(9, 1, &deep.repeat(20_000))],
            std::slice::from_ref(&w),
            16,
            bad,
        ),
        file(
            "a list of nothing known",
            &[list(77, 1, &[0; 8])],
            std::slice::from_ref(&w),
            16,
            bad,
        ),
        file(
            "an alignment of zero",
            &[number("general.alignment", 0)],
            std::slice::from_ref(&w),
            16,
            bad,
        ),
        file(
            "an alignment of three",
            &[number("general.alignment", 3)],
            std::slice::from_ref(&w),
            16,
            bad,
        ),
        file(
            "two tensors of one name",
            &[],
            &[w.clone(), gguf_tensor("w", &[4], 0, 32)],
            64,
            bad,
        ),
        file(
            "tensors of GGUF on each other",
            &[],
            &[w.clone(), gguf_tensor("v", &[4], 0, 0)],
            64,
            bad,
        ),
        one("a tensor of GGUF beyond the end", &[40], 0, 0, 16),
        one("a tensor of GGUF at 2^64-32", &[4], 0, u64::MAX - 31, 16),
        one("a shape of GGUF of 2^126", &[1 << 63, 1 << 63], 0, 0, 16),
        one("rows that are no whole blocks", &[33], 8, 0, 64),
        one("a tensor of 1,000 dimensions", &[1; 1000], 0, 0, 16),
    ]
}
