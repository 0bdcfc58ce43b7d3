//! `inspect`: what lies in files and folders, tensor by tensor.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::{Value, json};
use support::{Folder, modeltrail, refused, text};

/// A safetensors file of entries with types of one's own.
fn typed(entries: &[(&str, &str, &[usize], usize)], metadata: &Value) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), metadata.clone());
    let mut end = 0;
    for (name, dtype, shape, bytes) in entries {
        let place = json!({"dtype": dtype, "shape": shape, "data_offsets": [end, end + bytes]});
        header.insert((*name).to_owned(), place);
        end += bytes;
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(std::iter::repeat_n(1, end));
    file
}

fn inspected(arguments: &[&str]) -> Value {
    support::json(&[&["inspect"], arguments].concat(), 0)
}

#[test]
fn every_tensor_is_listed_with_its_role_or_why_it_is_not_read() {
    let folder = Folder::new();
    let file = typed(
        &[
            ("layers.10.weight", "F32", &[2, 3], 24),
            ("layers.2.weight", "F8_E4M3", &[4], 4),
            ("bn.running_mean", "F32", &[2], 8),
            ("steps", "I64", &[], 8),
            ("layers.3.weight", "F4", &[8], 4),
        ],
        &json!({"epoch": "3", "author": "somebody"}),
    );
    std::fs::write(folder.path("model_ema.safetensors"), file).unwrap();
    let path = folder.shown("model_ema.safetensors");
    let answer = inspected(&[&path]);
    let one = &answer["checkpoints"][0];
    assert_eq!(one["format"], "safetensors");
    assert_eq!(one["weights"], 10);
    let roles: Vec<(&str, &str)> = one["tensors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tensor| {
            (
                tensor["name"].as_str().unwrap(),
                tensor["role"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        roles,
        [
            ("bn.running_mean", "buffer"),
            ("layers.2.weight", "weight"),
            ("layers.3.weight", "unread"),
            ("layers.10.weight", "weight"),
            ("steps", "not_float"),
        ]
    );
    assert_eq!(
        one["tensors"][2]["reason"],
        "its number type is not supported"
    );
    assert_eq!(one["tensors"][2]["dtype"], "F4");
    assert_eq!(one["epoch"], json!({"value": 3, "from": "metadata"}));
    assert_eq!(one["aside"], json!({"value": "ema", "from": "file_name"}));
    assert_eq!(
        one["metadata"],
        json!([["author", "somebody"], ["epoch", "3"]])
    );
    assert_eq!(answer["coverage"]["unread"].as_array().unwrap().len(), 1);
    let said = text(&modeltrail(&["inspect", &path]).stdout);
    for words in [
        "10 weights, 1 buffer, 1 integer or boolean tensor in 5 tensors",
        "! 1 tensor cannot be read",
        "epoch 3 (in the file)",
        "a moving average of the weights (EMA) (file name)",
        "author = somebody",
        "2 × 3",
        "unread: its number type is not supported",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn folders_are_listed_with_what_is_skipped_and_with_other_formats() {
    let folder = Folder::new();
    for epoch in [2, 10, 1] {
        let name = format!("epoch-{epoch}.safetensors");
        folder.write(&name, &[("fc.weight", &[2, 2], &[epoch as f32; 4])]);
    }
    folder.write("other.safetensors", &[("head.weight", &[3], &[1.0; 3])]);
    for name in [
        "model.tflite",
        "a.pdparams",
        "b.pdmodel",
        "optimizer.pt",
        "training_args.bin",
    ] {
        std::fs::write(folder.path(name), "x").unwrap();
    }
    // Sound, and without a model.
    std::fs::write(folder.path("nothing.safetensors"), typed(&[], &json!({}))).unwrap();
    let answer = inspected(&[folder.root()]);
    let names: Vec<&str> = answer["checkpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    let expected =
        ["epoch-1", "epoch-2", "epoch-10", "other"].map(|name| format!("{name}.safetensors"));
    assert_eq!(names, expected);
    assert_eq!(answer["skipped"].as_array().unwrap().len(), 3);
    let others = answer["other_formats"].as_array().unwrap();
    let paddle = others
        .iter()
        .find(|other| other["what"] == "PaddlePaddle files");
    assert_eq!(paddle.unwrap()["count"], 2);
    let said = text(&modeltrail(&["inspect", folder.root()]).stdout);
    for words in [
        "4 checkpoints",
        "TensorFlow files, 1 file",
        "optimizer.pt",
        "head.weight",
        "Load them with paddle.load",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // A folder of another format alone is answered, and an empty one is not.
    let paddle = folder.shown("paddle");
    std::fs::create_dir(&paddle).unwrap();
    std::fs::write(folder.path("paddle/a.pdparams"), "x").unwrap();
    assert_eq!(inspected(&[&paddle])["other_formats"][0]["count"], 1);
    std::fs::create_dir(folder.path("empty")).unwrap();
    let empty = folder.shown("empty");
    refused(
        &["inspect", &empty],
        &["there is no checkpoint in this folder"],
    );
    refused(&["inspect"], &["PATHS"]);
}

#[test]
fn stores_and_sketches_are_listed_too() {
    let folder = Folder::new();
    for epoch in 1..=3 {
        let name = format!("run/epoch-{epoch}.safetensors");
        folder.write(&name, &[("fc.weight", &[2, 2], &[epoch as f32; 4])]);
    }
    let (store, sketches) = (folder.shown("store"), folder.shown("kept.json"));
    let run = folder.shown("run");
    assert!(
        modeltrail(&["import", &run, "--out", &store])
            .status
            .success()
    );
    assert!(
        modeltrail(&["sketch", &run, "--out", &sketches])
            .status
            .success()
    );
    let answer = inspected(&[&store, &sketches]);
    let kinds = answer["checkpoints"].as_array().unwrap();
    let kinds: Vec<(&Value, &Value)> = kinds
        .iter()
        .map(|one| (&one["kind"], &one["checkpoints"]))
        .collect();
    assert_eq!(
        kinds,
        [
            (&json!("store"), &json!(3)),
            (&json!("sketches"), &json!(3))
        ]
    );
}

#[test]
fn what_would_be_lost_is_named_and_nothing_is_written_unless_that_is_allowed() {
    let folder = Folder::new();
    let file = typed(
        &[
            ("a.weight", "F32", &[2, 3], 24),
            ("b.weight", "F4", &[8], 4),
        ],
        &json!({"epoch": "1"}),
    );
    std::fs::write(folder.path("epoch-1.safetensors"), file).unwrap();
    let (path, out) = (folder.shown("epoch-1.safetensors"), folder.shown("out"));
    let words = ["b.weight", "F4", "would be lost", "--allow-unread"];
    let sketches = folder.shown("kept.json");
    let commands: [(&[&str], &str); 3] = [
        (&["export", &path, "--format", "npz", "--out", &out], &out),
        (&["import", &path, "--out", &out], &out),
        (&["sketch", &path, "--out", &sketches], &sketches),
    ];
    for (command, written) in commands {
        refused(command, &words);
        assert!(!std::path::Path::new(written).exists(), "{command:?}");
        let output = modeltrail(&[command, &["--allow-unread"]].concat());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{command:?}: {}",
            text(&output.stderr)
        );
        let there = std::path::Path::new(written);
        assert!(there.exists());
        if there.is_dir() {
            std::fs::remove_dir_all(there).unwrap();
        }
    }
    // What a sketch lacks, it says: nothing is within budget that was not read.
    let output = modeltrail(&["gate", "--accredited", &sketches, "--candidate", &sketches]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    assert!(
        text(&output.stdout).contains("b.weight"),
        "{}",
        text(&output.stdout)
    );
}
