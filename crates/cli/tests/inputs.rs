//! What paths stand for: globs of sketches, arrays of NumPy, checkpoints beside stores.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::Value;
use support::{Folder, json, modeltrail, text};

/// Epochs of a run.
const EPOCHS: usize = 6;

fn weights(epoch: usize) -> Vec<f32> {
    let along = |index: usize| 0.1 * epoch as f32 * (index as f32).cos();
    let weights = (0..12).map(|index| (index as f32).sin() + along(index));
    weights.collect()
}

fn run(folder: &Folder) {
    for epoch in 1..=EPOCHS {
        let name = format!("run/epoch-{epoch}.safetensors");
        folder.write(&name, &[("fc.weight", &[3, 4], &weights(epoch))]);
    }
}

fn counts(answer: &Value) -> Vec<u64> {
    let groups = answer["groups"].as_array().unwrap().iter();
    groups
        .map(|group| group["checkpoints"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_glob_of_sketches_is_read_as_the_sketches_that_it_matches() {
    let folder = Folder::new();
    run(&folder);
    std::fs::create_dir(folder.path("kept")).unwrap();
    for epoch in 1..=EPOCHS {
        let file = folder.shown(&format!("run/epoch-{epoch}.safetensors"));
        let out = folder.shown(&format!("kept/epoch-{epoch}.json"));
        let output = modeltrail(&["sketch", &file, "--out", &out]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let answer = json(&["runs", &folder.shown("kept/*.json")], 0);
    assert_eq!(counts(&answer), [EPOCHS as u64]);
    // What is no file of sketches is passed over by a glob that may mean something else.
    std::fs::write(folder.path("kept/config.json"), "{}").unwrap();
    let answer = json(&["runs", &folder.shown("kept/*")], 0);
    assert_eq!(counts(&answer), [EPOCHS as u64]);
    let output = modeltrail(&["runs", &folder.shown("kept/*.json")]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(
        message.contains("config.json: it is not a file of sketches"),
        "{message}"
    );
    let output = modeltrail(&["runs", &folder.shown("nothing/*.json")]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("no file matches this pattern"),
        "{message}"
    );
}

/// As `numpy.save` writes it.
fn npy(values: &[f32]) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}",
        values.len()
    );
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}

#[test]
fn arrays_of_one_file_an_epoch_are_one_run() {
    let folder = Folder::new();
    for epoch in 1..=EPOCHS {
        let path = folder.path(&format!("epoch-{epoch}.npy"));
        std::fs::write(path, npy(&weights(epoch))).unwrap();
    }
    let answer = json(&["runs", folder.root()], 0);
    assert_eq!(counts(&answer), [EPOCHS as u64]);
    let [a, b] = ["epoch-1.npy", "epoch-2.npy"].map(|name| folder.shown(name));
    let answer = json(&["diff", &a, &b], 0);
    assert_eq!(answer["tensors"][0]["name"], "weights");
    assert_eq!(answer["only_a"], serde_json::json!([]));
}

#[test]
fn checkpoints_beside_a_store_are_read_too() {
    let folder = Folder::new();
    run(&folder);
    let store = folder.shown("both/store");
    std::fs::create_dir(folder.path("both")).unwrap();
    let output = modeltrail(&["import", &folder.shown("run"), "--out", &store]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // A store alone is no less than it was.
    for path in [&store, &folder.shown("both")] {
        assert_eq!(counts(&json(&["runs", path], 0)), [EPOCHS as u64]);
    }
    folder.write(
        "both/epoch-7.safetensors",
        &[("fc.weight", &[3, 4], &weights(7))],
    );
    let answer = json(
        &[
            "export",
            &folder.shown("both"),
            "--out",
            &folder.shown("out.parquet"),
        ],
        0,
    );
    assert_eq!(answer["checkpoints"], EPOCHS + 1);
}
