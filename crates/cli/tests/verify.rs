//! `modeltrail verify`: what is damaged is named, moved aside on request, and trained again.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

fn modeltrail(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_modeltrail"))
        .args(arguments)
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn train(store: &str) -> String {
    let trained = modeltrail(&[
        "zoo", "train", "mlp", "--seeds", "2", "--epochs", "1", "--out", store, "--json",
    ]);
    assert_eq!(trained.status.code(), Some(0));
    let listing = support::document(&trained.stdout);
    listing["stores"][0]["blake3"].as_str().unwrap().to_owned()
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() - 100;
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn segment(store: &Path) -> std::path::PathBuf {
    let entries = std::fs::read_dir(store).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.extension().is_some_and(|e| e == "segment"))
        .unwrap()
}

#[test]
fn a_damaged_store_is_named_repaired_and_trained_again_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("zoo");
    let name = store.to_str().unwrap();
    let hash = train(name);
    let sound = modeltrail(&["verify", name]);
    assert_eq!(sound.status.code(), Some(0));
    assert!(out(&sound).contains("complete: all 4 that the recipe asks for"));

    let damaged = segment(&store);
    flip(&damaged);
    let found = modeltrail(&["verify", name]);
    assert_eq!(found.status.code(), Some(1));
    let text = out(&found);
    assert!(text.contains("DAMAGED at byte"), "{text}");
    assert!(text.contains("it held 4 checkpoints"), "{text}");
    assert!(text.contains("`--repair` moves"), "{text}");
    assert!(damaged.exists());

    let repaired = modeltrail(&["verify", name, "--repair", "--json"]);
    assert_eq!(repaired.status.code(), Some(1));
    let answer = support::document(&repaired.stdout);
    assert_eq!(answer["schema"], "modeltrail.verify/1");
    assert_eq!(answer["sound"], true);
    assert_eq!(answer["expected"], 4);
    let to = answer["repair"]["moved"][0]["to"].as_str().unwrap();
    assert!(store.join(to).exists());
    assert!(!damaged.exists());

    assert_eq!(train(name), hash);
    assert_eq!(modeltrail(&["verify", name]).status.code(), Some(0));
    assert!(store.join(to).exists(), "nothing is deleted");
}
