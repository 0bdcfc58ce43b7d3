//! A model and what a converter made of it are the same to the rounding of the type, or the tensors that
//! are not are named; and files of every format go through every command.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::Value;
use std::path::Path;
use support::{Folder, modeltrail, text};

/// A file among the fixtures, which the libraries of their formats wrote.
fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root
        .join("../checkpoint-store/tests/foreign/fixtures")
        .join(name);
    path.to_str().unwrap().to_owned()
}

/// What a command says on both streams, and its exit status.
fn said(arguments: &[&str]) -> (String, i32) {
    let output = modeltrail(arguments);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    (said, output.status.code().unwrap())
}

/// Models, what was made of each, and whether all bits are the same.
const CONVERTED: [(&str, &str, bool); 11] = [
    ("gguf/llama.safetensors", "gguf/llama.gguf", false),
    ("gguf/llama.safetensors", "gguf/llama-f16.gguf", false),
    ("gguf/mixtral.safetensors", "gguf/mixtral.gguf", false),
    ("gguf/gemma2.safetensors", "gguf/gemma2.gguf", false),
    ("gguf/gpt2.safetensors", "gguf/gpt2.gguf", true),
    ("gguf/neox.safetensors", "gguf/neox.gguf", false),
    ("gguf/bert.safetensors", "gguf/bert.gguf", false),
    ("onnx/net.safetensors", "onnx/net.onnx", true),
    ("onnx/net.safetensors", "onnx/external/net.onnx", true),
    ("keras/torch.safetensors", "keras/model.keras", true),
    ("keras/torch.safetensors", "keras/model.weights.h5", true),
];

#[test]
fn a_model_and_its_conversion_are_the_same_to_the_rounding_of_the_type() {
    for (model, converted, is_identical) in CONVERTED {
        let (a, b) = (fixture(model), fixture(converted));
        for (a, b) in [(&a, &b), (&b, &a)] {
            let (diff, status) = said(&["diff", a, b]);
            assert_eq!(status, 0, "{a} {b}: {diff}");
            let wanted = if is_identical {
                "the same model"
            } else {
                "the same model to the rounding of "
            };
            assert!(
                diff.contains(wanted) && !diff.contains("not the same model"),
                "{b}: {diff}"
            );
            let answer = support::json(&["diff", a, b], 0);
            assert!(
                answer["only_a"].as_array().unwrap().is_empty(),
                "{b}: {answer}"
            );
            assert!(
                answer["only_b"].as_array().unwrap().is_empty(),
                "{b}: {answer}"
            );
            if is_identical {
                assert_eq!(answer["verdict"]["kind"], "identical", "{b}: {answer}");
            } else {
                assert_eq!(answer["rounding"]["apart"], Value::Array(Vec::new()), "{b}");
            }
        }
    }
}

/// A safetensors file with this added to every number of a tensor of f32.
fn with_more(path: &str, tensor: &str, more: f32) -> Vec<u8> {
    let mut file = std::fs::read(path).unwrap();
    let len = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&file[8..8 + len]).unwrap();
    let offset = |place: usize| header[tensor]["data_offsets"][place].as_u64().unwrap() as usize;
    let data = &mut file[8 + len..];
    for number in data[offset(0)..offset(1)].chunks_exact_mut(4) {
        let value = f32::from_le_bytes(number.try_into().unwrap()) + more;
        number.copy_from_slice(&value.to_le_bytes());
    }
    file
}

#[test]
fn tensors_that_a_conversion_does_not_have_from_the_model_are_named() {
    let folder = Folder::new();
    let path = folder.shown("other.safetensors");
    let tensor = "model.layers.1.mlp.up_proj.weight";
    // The largest weights are about 0.4, so that q8_0 rounds by 0.002, and f16 by 0.0002.
    for (converted, more) in [("gguf/llama.gguf", 0.02), ("gguf/llama-f16.gguf", 0.002)] {
        let changed = with_more(&fixture("gguf/llama.safetensors"), tensor, more);
        std::fs::write(&path, changed).unwrap();
        let converted = fixture(converted);
        let (diff, _) = said(&["diff", &path, &converted]);
        assert!(
            diff.contains("not the same model to the rounding of"),
            "{diff}"
        );
        assert!(diff.contains(tensor), "{diff}");
        let answer = support::json(&["diff", &path, &converted], 0);
        assert_eq!(
            answer["rounding"]["apart"],
            serde_json::json!([tensor]),
            "{answer}"
        );
    }
    // Of unrelated models, nothing is said of rounding.
    let answer = support::json(
        &[
            "diff",
            &fixture("gguf/bert.safetensors"),
            &fixture("gguf/bert.gguf"),
        ],
        0,
    );
    assert!(answer["rounding"].is_object(), "{answer}");
}

/// One file of every format and packing.
const FILES: [&str; 22] = [
    "gguf/llama.gguf",
    "gguf/mixtral.gguf",
    "gguf/gemma2.gguf",
    "packed/gptq",
    "packed/gptq-order",
    "packed/awq",
    "packed/mlx-4",
    "packed/bitsandbytes-nf4-nested.safetensors",
    "packed/bitsandbytes-int8.safetensors",
    "packed/compressed-int4-zero-points.safetensors",
    "packed/compressed-nvfp4.safetensors",
    "packed/compressed-mxfp8.safetensors",
    "packed/torchao-int8.pt",
    "packed/torchao-fp8.safetensors",
    "packed/mxfp4.safetensors",
    "packed/fp8-blocks.safetensors",
    "onnx/net.onnx",
    "onnx/external/net.onnx",
    "keras/model.keras",
    "keras/model.weights.h5",
    "flax/chunked.msgpack",
    "torch/script.pt",
];

#[test]
fn every_format_goes_through_every_command() {
    for name in FILES {
        let folder = Folder::new();
        let path = fixture(name);
        let out = folder.shown("out.npz");
        let check = |arguments: &[&str], status: i32, wanted: &str| {
            let (said, own) = said(arguments);
            assert_eq!(own, status, "{name}: {arguments:?}: {said}");
            assert!(said.contains(wanted), "{name}: {arguments:?}: {said}");
        };
        let answer = support::json(&["inspect", &path], 0);
        let weights = answer["checkpoints"][0]["weights"].as_u64().unwrap();
        assert!(weights > 0, "{name}: {answer}");
        check(&["diff", &path, &path], 0, "identical");
        check(
            &["gate", "--accredited", &path, "--candidate", &path],
            0,
            "",
        );
        check(&["lineage", &path, "--against", &path], 0, "IDENTICAL");
        // What is exported is what was read, bit for bit.
        check(
            &[
                "export",
                &path,
                "--format",
                "npz",
                "--out",
                &folder.shown("exported"),
            ],
            0,
            "",
        );
        let exported = std::fs::read_dir(folder.path("exported")).unwrap();
        let exported = exported.map(|entry| entry.unwrap().path());
        let exported: Vec<_> = exported
            .filter(|path| path.extension().is_some_and(|own| own == "npz"))
            .collect();
        let [exported] = exported.as_slice() else {
            panic!("{name}: {exported:?}");
        };
        check(&["diff", &path, exported.to_str().unwrap()], 0, "identical");
        check(
            &["import", &path, "--out", &folder.shown("store"), "--number"],
            0,
            "1 checkpoint",
        );
        check(
            &["sketch", &path, "--out", &folder.shown("kept.json")],
            0,
            "",
        );
        check(&["runs", &path, exported.to_str().unwrap()], 0, "");
        let _ = std::fs::remove_file(out);
    }
}
