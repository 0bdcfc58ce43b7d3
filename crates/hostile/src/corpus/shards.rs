//! Indices of shards, and shards without.

use super::{Case, case};
use crate::bytes::safetensors;
use checkpoint_store::Fault;

pub(super) fn files() -> Vec<Case> {
    let one = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    let index = |map: &str| format!("{{\"weight_map\":{{{map}}}}}").into_bytes();
    let file = |name, map: &str, fault| {
        let files = vec![
            ("m.safetensors.index.json", index(map)),
            ("a.safetensors", safetensors(one, 4)),
        ];
        Case { name, files, fault }
    };
    vec![
        file(
            "a shard above the folder",
            "\"a\":\"../a.safetensors\"",
            Fault::Code,
        ),
        file(
            "a shard at an absolute path",
            "\"a\":\"/etc/passwd\"",
            Fault::Code,
        ),
        file("a missing shard", "\"a\":\"b.safetensors\"", Fault::Missing),
        file(
            "a tensor that its shard lacks",
            "\"b\":\"a.safetensors\"",
            Fault::Mismatch,
        ),
        file(
            "a tensor indexed twice",
            "\"a\":\"a.safetensors\",\"a\":\"a.safetensors\"",
            Fault::Damaged,
        ),
        file("an index of nothing", "", Fault::Damaged),
        case(
            "an index that is none",
            "m.bin.index.json",
            "[1, 2]",
            Fault::Damaged,
        ),
        case("an empty index", "m.bin.index.json", "", Fault::Damaged),
        case(
            "a shard alone",
            "m-00001-of-00003.safetensors",
            safetensors(one, 4),
            Fault::Missing,
        ),
        case(
            "a shard of a million",
            "m-000001-of-999999.safetensors",
            safetensors(one, 4),
            Fault::Missing,
        ),
    ]
}
