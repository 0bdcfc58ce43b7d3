//! safetensors files.

use super::{Case, case};
use crate::bytes::safetensors;
use checkpoint_store::Fault;

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let one = |info: &str| format!("{{\"a\":{{{info}}}}}");
    let f32s = |shape: &str, start: u64, stop: u64| {
        format!("\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{start},{stop}]")
    };
    let two = |first: &str, second: &str| format!("{{\"a\":{{{first}}},\"b\":{{{second}}}}}");
    let length = |length: u64| {
        let mut file = length.to_le_bytes().to_vec();
        file.extend(b"{}");
        file
    };
    let many: Vec<String> = (0..200_000)
        .map(|i| format!("\"{i}\":{{{}}}", f32s("[0]", 0, 0)))
        .collect();
    let nested = format!(
        "{{\"a\":{{\"x\":{}1{}}}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let file = |name, header: String, data, fault| {
        case(name, "a.safetensors", safetensors(&header, data), fault)
    };
    vec![
        case(
            "a header of 2^63 bytes",
            "a.safetensors",
            length(1 << 63),
            Fault::NotACheckpoint,
        ),
        case(
            "a header of 2^64-1 bytes",
            "a.safetensors",
            length(u64::MAX),
            Fault::NotACheckpoint,
        ),
        case(
            "a header of 2^55 bytes",
            "a.safetensors",
            length(1 << 55),
            bad,
        ),
        case(
            "a header longer than the file",
            "a.safetensors",
            length(3),
            bad,
        ),
        case(
            "a header cut off in its length",
            "a.safetensors",
            [9, 0, 0, 0],
            Fault::NotACheckpoint,
        ),
        file(
            "a header longer than the limit",
            format!("{{{}", " ".repeat(65 << 20)),
            0,
            Fault::TooLarge,
        ),
        file(
            "leading white space",
            format!(" {}", one(&f32s("[1]", 0, 4))),
            4,
            Fault::NotACheckpoint,
        ),
        file("no JSON", "{nothing".into(), 0, bad),
        file(
            "JSON that goes on",
            format!("{} {{}}", one(&f32s("[1]", 0, 4))),
            4,
            bad,
        ),
        file("JSON nested deeply", nested, 0, bad),
        file(
            "one name twice",
            format!("{{\"a\":{{{0}}},\"a\":{{{0}}}}}", f32s("[0]", 0, 0)),
            0,
            bad,
        ),
        file(
            "metadata twice",
            "{\"__metadata__\":{},\"__metadata__\":{}}".into(),
            0,
            bad,
        ),
        file(
            "metadata that is no text",
            "{\"__metadata__\":{\"a\":{}}}".into(),
            0,
            bad,
        ),
        file(
            "tensors that overlap",
            two(&f32s("[2]", 0, 8), &f32s("[2]", 4, 12)),
            12,
            bad,
        ),
        file(
            "tensors with a hole",
            two(&f32s("[1]", 0, 4), &f32s("[1]", 8, 12)),
            12,
            bad,
        ),
        file("a tensor beyond the end", one(&f32s("[2]", 0, 8)), 4, bad),
        file(
            "a tensor that ends before it begins",
            one(&f32s("[1]", 4, 0)),
            4,
            bad,
        ),
        file(
            "a tensor at 2^64-1",
            one(&f32s("[1]", u64::MAX - 3, u64::MAX)),
            4,
            bad,
        ),
        file(
            "a shape beyond 64 bits",
            one(&f32s("[4294967296,4294967296]", 0, 4)),
            4,
            bad,
        ),
        file(
            "a shape that needs more bytes",
            one(&f32s("[3]", 0, 8)),
            8,
            bad,
        ),
        file("a negative dimension", one(&f32s("[-1]", 0, 4)), 4, bad),
        file(
            "a thousand dimensions",
            one(&f32s(&format!("[1{}]", ",1".repeat(999)), 0, 4)),
            4,
            bad,
        ),
        file(
            "bytes after the last tensor",
            one(&f32s("[1]", 0, 4)),
            5,
            bad,
        ),
        file(
            "a hundred thousand tensors too many",
            format!("{{{}}}", many.join(",")),
            0,
            Fault::TooLarge,
        ),
        file("no tensor", "{}".into(), 0, Fault::NoModel),
        file("a list for a header", "{\"a\":[]}".into(), 0, bad),
    ]
}
