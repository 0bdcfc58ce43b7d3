//! Headers of safetensors.

use super::{Broken, Expect, broken};
use crate::bytes::safetensors;

pub(super) fn files() -> Vec<Broken> {
    let mut all = Vec::new();
    let header = |dtype: &str, shape: &str, offsets: &str| {
        format!("{{\"a\":{{\"dtype\":{dtype},\"shape\":{shape},\"data_offsets\":{offsets}}}}}")
    };
    let mut push = |class: &str, header: String| {
        let bytes = safetensors(&header, 16);
        // A type that is not known makes a tensor that is named as unread.
        let expect = match class {
            "a safetensors element that is none" => Expect::Either,
            _ => Expect::Refused,
        };
        all.push(broken(class, "a.safetensors", bytes, expect));
    };
    for dtype in [
        "\"F31\"",
        "\"f32\"",
        "\"F32 \"",
        "\"\"",
        "null",
        "32",
        "[\"F32\"]",
        "{}",
        "true",
        "\"\\u0000\"",
    ] {
        push(
            "a safetensors element that is none",
            header(dtype, "[4]", "[0,16]"),
        );
    }
    for shape in [
        "4",
        "null",
        "\"4\"",
        "[4.5]",
        "[\"4\"]",
        "[null]",
        "[[4]]",
        "{}",
        "[1e400]",
        "[18446744073709551616]",
        "[9223372036854775807,9223372036854775807]",
        "[5]",
        "[3]",
        "[0]",
    ] {
        push(
            "a safetensors shape that is none or another",
            header("\"F32\"", shape, "[0,16]"),
        );
    }
    for offsets in [
        "0",
        "null",
        "[]",
        "[0]",
        "[0,16,32]",
        "[-1,15]",
        "[0,1e300]",
        "[16,0]",
        "[\"0\",\"16\"]",
        "[0,18446744073709551615]",
        "[18446744073709551615,15]",
        "[1,17]",
        "[0,15]",
    ] {
        push(
            "safetensors offsets that are none or others",
            header("\"F32\"", "[4]", offsets),
        );
    }
    for power in [0_u32, 8, 16, 24, 31, 32, 33, 40, 48, 56, 62, 63] {
        let mut bytes = (1_u64 << power).to_le_bytes().to_vec();
        bytes.extend(b"{\"a\":1}         ");
        all.push(broken(
            "a safetensors header of another length",
            "a.safetensors",
            bytes,
            Expect::Refused,
        ));
    }
    all
}
