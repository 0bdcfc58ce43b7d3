//! Models of ONNX.

use super::{Case, case};
use crate::bytes::{onnx, protobuf, protobuf_number};
use checkpoint_store::Fault;

/// A tensor `w` of f32 with these dimensions and other fields.
fn tensor(dimensions: &[u64], rest: &[u8]) -> Vec<u8> {
    let sides = dimensions.iter().flat_map(|&side| protobuf_number(1, side));
    [
        sides.collect(),
        protobuf_number(2, 1),
        protobuf(8, b"w"),
        rest.to_vec(),
    ]
    .concat()
}

/// Where a tensor lies outside.
fn outside(location: &str, offset: &str, length: &str) -> Vec<u8> {
    let entries = [
        ("location", location),
        ("offset", offset),
        ("length", length),
    ];
    let entries = entries.map(|(key, value)| {
        protobuf(
            13,
            &[protobuf(1, key.as_bytes()), protobuf(2, value.as_bytes())].concat(),
        )
    });
    [entries.concat(), protobuf_number(14, 1)].concat()
}

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let raw = protobuf(9, &[0; 16]);
    let of = |tensors: &[Vec<u8>]| {
        let tensors = tensors.iter().map(|tensor| protobuf(5, tensor));
        onnx(&tensors.collect::<Vec<_>>().concat())
    };
    let one = |name, tensor: Vec<u8>, fault| case(name, "a.onnx", of(&[tensor]), fault);
    // Each graph in a node of the one around it.
    let mut deep = Vec::new();
    for _ in 0..2000 {
        deep = protobuf(1, &protobuf(5, &protobuf(6, &deep)));
    }
    let beside = |name, location: &str, offset: &str, length: &str, fault| Case {
        name,
        files: vec![
            (
                "a.onnx",
                of(&[tensor(&[4], &outside(location, offset, length))]),
            ),
            ("a.data", vec![0; 16]),
        ],
        fault,
    };
    let mut cut = of(&[tensor(&[4], &raw)]);
    cut.truncate(cut.len() - 3);
    vec![
        case(
            "a model of ONNX without a graph",
            "a.onnx",
            b"\x08\x09\x12\x01x".to_vec(),
            Fault::NoModel,
        ),
        case("a model of ONNX cut off", "a.onnx", cut, bad),
        case(
            "a number that does not end",
            "a.onnx",
            [&b"\x08\x09\x3a"[..], &[0xff; 20]].concat(),
            bad,
        ),
        case(
            "a group in a model of ONNX",
            "a.onnx",
            b"\x08\x09\x12\x01x\x3b".to_vec(),
            bad,
        ),
        case("graphs in graphs", "a.onnx", onnx(&deep), Fault::TooLarge),
        one("a tensor of ONNX without bytes", tensor(&[4], &[]), bad),
        one("a tensor of ONNX of another size", tensor(&[5], &raw), bad),
        one(
            "a shape of ONNX of 2^126",
            tensor(&[1 << 63, 1 << 63], &raw),
            bad,
        ),
        one("a negative side", tensor(&[u64::MAX], &raw), bad),
        one(
            "a tensor of ONNX of 40 dimensions",
            tensor(&[1; 40], &raw),
            bad,
        ),
        case(
            "two tensors of ONNX of one name",
            "a.onnx",
            of(&[tensor(&[4], &raw), tensor(&[4], &raw)]),
            bad,
        ),
        beside(
            "a tensor outside of the folder",
            "../a.data",
            "0",
            "16",
            bad,
        ),
        beside(
            "a tensor at an absolute path",
            "/etc/passwd",
            "0",
            "16",
            bad,
        ),
        beside("a tensor in no file", "", "0", "16", bad),
        beside(
            "a tensor in a file that is not there",
            "b.data",
            "0",
            "16",
            Fault::Missing,
        ),
        beside(
            "a tensor beyond the end of its file",
            "a.data",
            "8",
            "16",
            bad,
        ),
        beside(
            "a tensor that begins beyond the end",
            "a.data",
            "17",
            "0",
            bad,
        ),
        beside("a tensor at no number", "a.data", "-1", "16", bad),
        beside(
            "a tensor at 2^64-1",
            "a.data",
            "18446744073709551615",
            "16",
            bad,
        ),
    ]
}
