//! Tensors that f32 does not show: compared as they are stored.

use crate::models::{gate, noise};
use crate::support::{Folder, json, modeltrail, text};
use serde_json::json as value;

/// A file of one tensor of f32 and one of another type, with these bytes.
fn mixed(path: &std::path::Path, dtype: &str, shape: &[usize], bytes: &[u8]) {
    let bias: Vec<u8> = noise(8, 1)
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let end = bias.len() + bytes.len();
    let header = value!({
        "bias": {"dtype": "F32", "shape": [8], "data_offsets": [0, bias.len()]},
        "weight": {"dtype": dtype, "shape": shape, "data_offsets": [bias.len(), end]},
    });
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(bias);
    file.extend(bytes);
    std::fs::write(path, file).unwrap();
}

#[test]
fn tensors_that_cannot_be_read_are_compared_byte_by_byte() {
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..64).collect();
    let mut other = bytes.clone();
    other[9] ^= 1;
    for (name, bytes) in [("a", &bytes), ("same", &bytes), ("other", &other)] {
        mixed(
            &folder.path(&format!("{name}.safetensors")),
            "F99",
            &[8, 8],
            bytes,
        );
    }
    let [a, same, other] =
        ["a", "same", "other"].map(|name| folder.shown(&format!("{name}.safetensors")));
    let answer = json(&["diff", &a, &same], 0);
    assert_eq!(answer["verdict"]["kind"], "identical");
    assert_eq!(answer["bytes"]["unread"]["same"], value!(["weight"]));
    assert_eq!(gate(&a, &same, 0)["identical"], true);
    let frozen = json(&["diff", &a, &same, "--expect-frozen", "*"], 0);
    assert_eq!(frozen["not_frozen"], value!([]));
    let lineage = json(&["lineage", &a, "--against", &same], 0);
    assert_eq!(lineage["verdict"], "identical");
    let answer = json(&["diff", &a, &other], 2);
    assert_eq!(answer["verdict"]["kind"], "changed_by_unknown_amount");
    assert_eq!(gate(&a, &other, 2)["verdict"], "cannot_tell");
    let lineage = json(&["lineage", &a, "--against", &other], 2);
    assert_eq!(lineage["verdict"], "cannot_tell");
    let page = text(&modeltrail(&["runs", &a, &other]).stdout);
    assert!(!page.contains("bit-identical"), "{page}");
    // A sketch of what could be read says nothing of the rest.
    let kept = folder.shown("kept.json");
    let sketch = ["sketch", &a, &other, "--out", &kept, "--allow-unread"];
    assert_eq!(modeltrail(&sketch).status.code(), Some(0));
    let page = text(&modeltrail(&["runs", &kept]).stdout);
    assert!(!page.contains("one distinct checkpoint"), "{page}");
}

#[test]
fn numbers_of_f64_are_the_same_only_with_all_their_digits() {
    let folder = Folder::new();
    let numbers = |times: f64| -> Vec<u8> {
        let values = noise(64, 3)
            .into_iter()
            .map(|value| f64::from(value) * times);
        values.flat_map(f64::to_le_bytes).collect()
    };
    let single: Vec<u8> = noise(64, 3)
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    for (name, dtype, bytes) in [
        ("a", "F64", numbers(1.0 + 1e-12)),
        ("same", "F64", numbers(1.0 + 1e-12)),
        ("other", "F64", numbers(1.0 + 2e-12)),
        ("whole", "F64", numbers(1.0)),
        ("single", "F32", single),
    ] {
        mixed(
            &folder.path(&format!("{name}.safetensors")),
            dtype,
            &[8, 8],
            &bytes,
        );
    }
    let path = |name: &str| folder.shown(&format!("{name}.safetensors"));
    let verdict =
        |a: &str, b: &str| json(&["diff", &path(a), &path(b)], 0)["verdict"]["kind"].clone();
    assert_eq!(verdict("a", "same"), "identical");
    assert_eq!(verdict("a", "other"), "changed_beyond_f32");
    assert_eq!(verdict("a", "single"), "changed_beyond_f32");
    // The same numbers, only written with more digits.
    assert_eq!(verdict("whole", "single"), "identical");
    let lineage = |a: &str, b: &str| {
        json(&["lineage", &path(a), "--against", &path(b)], 0)["verdict"].clone()
    };
    assert_eq!(lineage("a", "same"), "identical");
    assert_ne!(lineage("a", "other"), "identical");
    assert_eq!(gate(&path("a"), &path("other"), 0)["identical"], false);
}
