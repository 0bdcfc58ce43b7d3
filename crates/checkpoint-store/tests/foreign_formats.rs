//! What the real libraries write is read as they read it back.
//!
//! The fixtures, and what is expected of them, are written by `foreign/write_fixtures.py` and
//! `foreign/write_parallel_fixtures.py`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use checkpoint_store::foreign::{
    Discovery, Element, ForeignCheckpoint, Found, Limits, Role, discover,
};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Expected {
    tensors: BTreeMap<String, ExpectedTensor>,
    /// Tensors of types that are not read, with their shapes where those are known.
    #[serde(default)]
    unread: BTreeMap<String, Option<Vec<u64>>>,
    left_out: usize,
    run: Option<String>,
    epoch: Option<u64>,
    step: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct ExpectedTensor {
    shape: Vec<u64>,
    element: String,
    role: String,
    sum: f64,
    first: Option<f32>,
    last: Option<f32>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/fixtures")
}

fn expected() -> BTreeMap<String, Expected> {
    let mut all = BTreeMap::new();
    for name in [
        "expected.json",
        "expected_parallel.json",
        "burn/expected.json",
        "expected_gguf.json",
        "expected_packed.json",
        "expected_onnx.json",
        "expected_keras.json",
    ] {
        let text = std::fs::read_to_string(fixtures().join(name)).unwrap();
        all.extend(serde_json::from_str::<BTreeMap<String, Expected>>(&text).unwrap());
    }
    all
}

fn discovered(path: &Path) -> Discovery {
    discover(&[path.to_path_buf()], &Limits::default())
}

/// The one checkpoint that this path stands for.
fn found(path: &Path) -> Found {
    let discovery = discovered(path);
    assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
    let [found] = discovery.checkpoints.try_into().unwrap();
    found
}

fn values(checkpoint: &ForeignCheckpoint, index: usize) -> Vec<f32> {
    let mut values = Vec::new();
    checkpoint
        .read(index, &mut |chunk| {
            assert!(!chunk.is_empty() && chunk.len() <= 1 << 18);
            values.extend_from_slice(chunk);
        })
        .unwrap();
    values
}

/// Whether the library hands the values over in f16 or bf16, rounded.
fn is_rounded(name: &str) -> bool {
    name.contains("bitsandbytes-int8") || name.contains("compressed-nvfp4")
}

#[test]
fn every_fixture_is_read_as_its_library_reads_it() {
    let expected = expected();
    assert!(expected.len() >= 28, "{}", expected.len());
    for (name, expected) in &expected {
        let checkpoint =
            ForeignCheckpoint::open(&found(&fixtures().join(name)), &Limits::default()).unwrap();
        let names: Vec<&str> = expected.tensors.keys().map(String::as_str).collect();
        let mut listed: Vec<&str> = checkpoint
            .tensors()
            .iter()
            .map(|tensor| tensor.name.as_str())
            .collect();
        listed.sort_unstable();
        assert_eq!(listed, names, "{name}");
        let unread = checkpoint.unread().iter();
        let unread: BTreeMap<String, Option<Vec<u64>>> = unread
            .map(|unread| (unread.name.clone(), unread.shape.clone()))
            .collect();
        assert_eq!(unread, expected.unread, "{name}");
        for (index, unread) in checkpoint.unread().iter().enumerate() {
            let mut bytes = 0;
            let is_there = checkpoint.read_unread(index, &mut |part| bytes += part.len() as u64);
            assert_eq!(is_there.unwrap().then_some(bytes), unread.bytes, "{name}");
        }
        assert_eq!(
            checkpoint.left_out().len(),
            expected.left_out,
            "{name}: {:?}",
            checkpoint.left_out()
        );

        for (index, tensor) in checkpoint.tensors().iter().enumerate() {
            let case = format!("{name}: {}", tensor.name);
            let expected = &expected.tensors[&tensor.name];
            assert_eq!(tensor.shape, expected.shape, "{case}");
            assert_eq!(tensor.element.to_string(), expected.element, "{case}");
            let role = match tensor.role {
                Role::Weight => "weight",
                Role::Buffer => "buffer",
                Role::NotFloat => "not float",
            };
            assert_eq!(role, expected.role, "{case}");
            let values = values(&checkpoint, index);
            assert_eq!(values.len() as u64, tensor.elements(), "{case}");
            let weighted = (0_u32..).zip(&values);
            let weighted = weighted.map(|(i, value)| f64::from(*value) * f64::from(i % 97 + 1));
            let difference = (weighted.sum::<f64>() - expected.sum).abs();
            // Libraries multiply with scales in an order of their own, some in f16 or bf16.
            let near = match tensor.element {
                Element::Packed(_) if is_rounded(name) => 5e-3,
                Element::Packed(_) => 1e-6,
                _ => 1e-9,
            };
            assert!(
                difference <= near * expected.sum.abs().max(1.0),
                "{case}: {difference}"
            );
            for (own, expected) in [
                (values.first(), expected.first),
                (values.last(), expected.last),
            ] {
                let (own, expected) = (own.copied().unwrap_or(0.0), expected.unwrap());
                let apart = f64::from(own) - f64::from(expected);
                let allowed = if near > 1e-9 { near } else { 0.0 };
                assert!(
                    apart.abs() <= allowed * f64::from(expected.abs()),
                    "{case}: {own} {expected}"
                );
            }
        }

        let claimed = checkpoint.claimed().clone();
        let case = format!("{name}: {claimed:?}");
        assert_eq!(claimed.run.map(|claim| claim.value), expected.run, "{case}");
        assert_eq!(
            claimed.epoch.map(|claim| claim.value),
            expected.epoch,
            "{case}"
        );
        assert_eq!(
            claimed.step.map(|claim| claim.value),
            expected.step,
            "{case}"
        );
    }
}
