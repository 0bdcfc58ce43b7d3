//! `modeltrail zoo train --shard`: processes that know nothing of each other train one zoo.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const ZOO: [&str; 7] = ["zoo", "train", "mlp", "--seeds", "7", "--epochs", "2"];

fn start(store: &Path, shard: Option<&str>) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modeltrail"));
    command.args(ZOO).arg("--out").arg(store);
    if let Some(shard) = shard {
        command.args(["--shard", shard]);
    }
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn train(store: &Path, shard: Option<&str>) {
    let output = start(store, shard).wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// All files of a store, by name.
fn files(store: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(store)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn shards_at_the_same_time_in_one_folder_give_the_store_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, together) = (folder.path().join("alone"), folder.path().join("together"));
    train(&alone, None);
    let shards = ["1/3", "2/3", "3/3"].map(|shard| start(&together, Some(shard)));
    for shard in shards {
        assert!(shard.wait_with_output().unwrap().status.success());
    }
    // Whoever came last has compacted it, unless two came last.
    train(&together, None);
    assert_eq!(files(&together), files(&alone));
}

#[test]
fn stores_of_shards_are_merged_by_copying_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, merged) = (folder.path().join("alone"), folder.path().join("merged"));
    train(&alone, None);
    std::fs::create_dir(&merged).unwrap();
    for (name, shard) in [("a", "1/2"), ("b", "2/2")] {
        let store = folder.path().join(name);
        train(&store, Some(shard));
        for (name, bytes) in files(&store) {
            std::fs::write(merged.join(name), bytes).unwrap();
        }
    }
    train(&merged, None);
    assert_eq!(files(&merged), files(&alone));
}

#[test]
fn one_process_finishes_what_shards_left() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, left) = (folder.path().join("alone"), folder.path().join("left"));
    train(&alone, None);
    train(&left, Some("2/3"));
    assert!(
        files(&left)
            .keys()
            .any(|name| name.starts_with("shard-00002-epoch"))
    );
    train(&left, Some("1/3"));
    train(&left, None);
    assert_eq!(files(&left), files(&alone));
}

#[test]
fn a_part_of_nothing_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("zoo");
    let output = start(&store, Some("4/3")).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("1/4 to 4/4"), "{error}");
    assert!(!store.exists());
}
