//! The `modeltrail` command, as a user meets it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::{kill_again_and_again, modeltrail, refused, text};

fn json(arguments: &[&str]) -> Value {
    support::json(arguments, 0)
}

/// Few images, so that a zoo takes a moment.
fn few_images(directory: &Path) -> PathBuf {
    let path = directory.join("few.images");
    let data = zoo_training::Dataset::mnist14().unwrap().take(600, 100);
    std::fs::write(&path, data.encode().unwrap()).unwrap();
    path
}

struct Zoo {
    directory: tempfile::TempDir,
}

impl Zoo {
    fn train(recipe: &str) -> Self {
        let zoo = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let output = zoo.train_again(recipe, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        zoo
    }

    fn train_again(&self, recipe: &str, more: &[&str]) -> Output {
        let data = few_images(self.directory.path());
        let store = self.store();
        let usual = [
            "zoo",
            "train",
            recipe,
            "--seeds",
            "4",
            "--epochs",
            "6",
            "--out",
            &store,
            "--data",
            data.to_str().unwrap(),
        ];
        modeltrail(&[&usual, more].concat())
    }

    fn store(&self) -> String {
        self.directory
            .path()
            .join("store")
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn hash(&self) -> String {
        json(&["zoo", "ls", &self.store()])["stores"][0]["blake3"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

#[test]
fn a_zoo_is_trained_listed_verified_and_analysed() {
    let zoo = Zoo::train("mlp");
    let store = zoo.store();
    let listing = &json(&["zoo", "ls", &store])["stores"][0];
    assert_eq!(listing["runs"], 4);
    assert_eq!(listing["checkpoints"], 4 * 7);
    assert_eq!(listing["zoo"]["recipe"]["name"], "mlp");
    // A directory of stores lists as its stores do.
    let above = json(&["zoo", "ls", zoo.directory.path().to_str().unwrap()]);
    assert_eq!(above["stores"][0]["blake3"], listing["blake3"]);
    assert_eq!(
        json(&["zoo", "verify", &store])["problems"],
        serde_json::json!([])
    );

    let answer = json(&["linkage", &store]);
    assert_eq!(answer["schema"], "modeltrail.linkage/1");
    assert_eq!(answer["untrained"], 4);
    let linkage = &answer["groups"][0];
    assert_eq!(linkage["purity"]["mean"]["value"], 1.0);
    assert_eq!(linkage["clusters"].as_array().unwrap().len(), 4);
    let members = linkage["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_array().unwrap());
    assert_eq!(members.map(Vec::len).sum::<usize>(), 24);

    let order = json(&["order", &store, "--space", "svd-8"]);
    assert_eq!(order["schema"], "modeltrail.order/1");
    assert_eq!(order["space"], "svd-8");
    let scores = &order["groups"][0]["scores"];
    let right = |method: &str| {
        let share = &scores[method]["fraction_of_run"]["value"];
        share.as_f64().unwrap()
    };
    assert_eq!(scores["claimed"], 24);
    assert!(right("recommended") > 0.9 && right("along_tree") > 0.9);
    assert!(right("random") < 0.5);

    let umap = json(&["umap", &store, "--neighbors", "5"]);
    assert_eq!(umap["schema"], "modeltrail.umap/1");
    let points = umap["groups"][0]["points"].as_array().unwrap();
    assert_eq!(points.len(), 24);
    assert!(points[0]["x"].is_number());
}

#[test]
fn every_answer_has_a_table_too() {
    let zoo = Zoo::train("cnn");
    let store = zoo.store();
    for (arguments, word) in [
        (vec!["zoo", "ls", &store], "cnn"),
        (vec!["zoo", "verify", &store], "sound"),
        (vec!["linkage", &store], "purity"),
        (vec!["linkage", &store, "--dot"], "graph {"),
        (vec!["order", &store], "Kendall"),
        (vec!["umap", &store, "--neighbors", "5"], "epoch"),
    ] {
        let output = modeltrail(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains(word), "{arguments:?}");
    }
}

#[test]
fn training_again_changes_nothing() {
    let zoo = Zoo::train("mlp");
    let before = zoo.hash();
    assert_eq!(zoo.train_again("mlp", &[]).status.code(), Some(0));
    assert_eq!(zoo.hash(), before);
}

#[test]
fn threads_change_nothing() {
    let one = Zoo {
        directory: tempfile::tempdir().unwrap(),
    };
    assert_eq!(
        one.train_again("cnn", &["--threads", "1"]).status.code(),
        Some(0)
    );
    let two = Zoo {
        directory: tempfile::tempdir().unwrap(),
    };
    assert_eq!(
        two.train_again("cnn", &["--threads", "2"]).status.code(),
        Some(0)
    );
    assert_eq!(one.hash(), two.hash());
    let order = |zoo: &Zoo, threads| json(&["order", &zoo.store(), "--threads", threads]);
    assert_eq!(order(&one, "1"), order(&two, "2"));
}

#[test]
fn a_killed_training_continues_and_ends_with_the_same_hash() {
    let whole = Zoo::train("cnn");
    let killed = Zoo {
        directory: tempfile::tempdir().unwrap(),
    };
    let data = few_images(killed.directory.path());
    kill_again_and_again([5, 10, 20, 30, 40, 60, 80, 120], || {
        let mut child = Command::new(env!("CARGO_BIN_EXE_modeltrail"));
        let sizes = ["--seeds", "4", "--epochs", "6", "--threads", "1"];
        child.args(["zoo", "train", "cnn"]).args(sizes);
        child.args(["--out", &killed.store(), "--data", data.to_str().unwrap()]);
        child
    });
    assert_eq!(killed.train_again("cnn", &[]).status.code(), Some(0));
    assert_eq!(killed.hash(), whole.hash());
    let names = std::fs::read_dir(killed.store()).unwrap().count();
    assert_eq!(names, std::fs::read_dir(whole.store()).unwrap().count());
}

#[test]
fn what_cannot_be_trained_is_refused_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("store");
    let out = out.to_str().unwrap();
    let train = |more: &[&'static str], words: &[&str]| {
        refused(&[&["zoo", "train", "--out", out], more].concat(), words);
        assert!(!Path::new(out).exists());
    };
    train(&["mpl"], &["`mpl`", "mlp, cnn"]);
    train(&["mlp", "--seeds", "0"], &["seeds", "1 to"]);
    train(
        &["mlp", "--learning-rate", "nan"],
        &["learning_rate", "NaN"],
    );
    train(&["mlp", "--learning-rate", "-1"], &["learning_rate"]);
    train(&["mlp", "--epochs", "0"], &["epochs"]);
    train(&["mlp", "--data", "/no/such/file"], &["/no/such/file"]);
    #[cfg(not(feature = "wgpu"))]
    train(
        &["mlp", "--backend", "wgpu"],
        &["wgpu", "--features wgpu", "--backend fused"],
    );
}

#[test]
fn an_output_directory_that_cannot_be_made_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    let below = file.join("store");
    refused(
        &["zoo", "train", "mlp", "--out", below.to_str().unwrap()],
        &["file"],
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_wrong_data_set_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let wrong = directory.path().join("wrong.images");
    let good = std::fs::read(few_images(directory.path())).unwrap();
    let out = directory.path().join("store");
    for bytes in [&b"not images"[..], &good[..good.len() / 2], &[]] {
        std::fs::write(&wrong, bytes).unwrap();
        let (wrong, out) = (wrong.to_str().unwrap(), out.to_str().unwrap());
        refused(
            &["zoo", "train", "mlp", "--out", out, "--data", wrong],
            &["wrong.images"],
        );
        assert!(!Path::new(out).exists());
    }
}

#[test]
fn a_store_of_another_recipe_is_refused_and_left_as_it_was() {
    let zoo = Zoo::train("mlp");
    let before = zoo.hash();
    for (recipe, more) in [("cnn", &[][..]), ("mlp", &["--learning-rate", "0.1"])] {
        let output = zoo.train_again(recipe, more);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains("another recipe"),
            "{}",
            text(&output.stderr)
        );
    }
    assert_eq!(zoo.hash(), before);
}

#[test]
fn what_is_not_a_store_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    for command in [
        &["linkage"][..],
        &["order"],
        &["umap"],
        &["zoo", "ls"],
        &["zoo", "verify"],
    ] {
        refused(&[command, &[path]].concat(), &[path]);
        refused(
            &[command, &["/no/such/place"]].concat(),
            &["/no/such/place"],
        );
    }
    std::fs::write(directory.path().join("letter.txt"), "mine").unwrap();
    refused(
        &["zoo", "train", "mlp", "--seeds", "1", "--out", path],
        &[path],
    );
    assert_eq!(
        std::fs::read(directory.path().join("letter.txt")).unwrap(),
        b"mine"
    );
}

#[test]
fn a_damaged_segment_is_found_named_and_never_analysed() {
    let zoo = Zoo::train("mlp");
    let segment = std::fs::read_dir(zoo.store())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "segment")
        })
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    refused(&["linkage", &zoo.store()], &[name]);
    let verified = modeltrail(&["zoo", "verify", &zoo.store()]);
    assert_eq!(verified.status.code(), Some(1));
    let found = text(&verified.stdout);
    assert!(found.contains(name) && found.contains("DAMAGED"), "{found}");
}

#[test]
fn a_space_or_cluster_count_that_cannot_be_is_refused() {
    let zoo = Zoo::train("mlp");
    let store = zoo.store();
    refused(
        &["linkage", &store, "--space", "svd-25"],
        &["svd-25", "svd-24"],
    );
    refused(&["linkage", &store, "--space", "pca-2"], &["pca-2"]);
    refused(&["linkage", &store, "--clusters", "0"], &["0 clusters"]);
    refused(&["order", &store, "--runs", "25"], &["25 runs"]);
    refused(&["umap", &store, "--neighbors", "0"], &["neighbo"]);
}

#[test]
fn diverged_runs_are_counted_and_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let layout = [checkpoint_store::TensorShape::new("weight", [2, 1])];
    let writer = checkpoint_store::Store::create(&store, "", &layout).unwrap();
    for epoch in 0..4 {
        let labels = [7, 8, 9].map(|run| checkpoint_store::Checkpoint {
            finite: run != 8 || epoch < 2,
            ..checkpoint_store::Checkpoint::new(run, epoch)
        });
        let diverging = if epoch < 2 { 50.0 } else { f32::NAN };
        let step = 1.0 / (epoch + 1) as f32;
        let columns = [step, 0.0, diverging, 0.0, 100.0 + step, 0.0];
        writer.publish(0, epoch, &labels, &columns).unwrap();
    }
    let store = store.to_str().unwrap();
    let answer = json(&["linkage", store]);
    assert_eq!(answer["left_out_runs"], 1);
    assert_eq!(answer["groups"][0]["claimed_runs"], 2);
    assert_eq!(answer["groups"][0]["checkpoints"], 6);
    let output = modeltrail(&["order", store]);
    assert!(
        text(&output.stderr).contains("1 diverged run(s) skipped"),
        "{}",
        text(&output.stderr)
    );
}

#[cfg(unix)]
#[test]
fn an_output_that_cannot_be_written_is_an_error_not_a_panic() {
    let zoo = Zoo::train("mlp");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_modeltrail"))
        .args(["linkage", &zoo.store()])
        .stdout(Stdio::from(full))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("space"),
        "{}",
        text(&output.stderr)
    );
}
