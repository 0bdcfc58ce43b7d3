//! `modeltrail lineage`, and `diff` of sketches, as a user meets them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Units of every layer, from the input to the output.
const SIDES: [usize; 4] = [8, 24, 16, 4];
const NAMES: [&str; 3] = ["fc1.weight", "fc2.weight", "head.weight"];

/// A net without biases: one matrix [out, in] per layer.
#[derive(Clone)]
struct Net(Vec<Vec<f32>>);

/// Numbers of mean 0 and variance 1 that look random.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut unit = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..count).map(|_| 12f32.sqrt() * unit()).collect()
}

impl Net {
    fn new(seed: u64) -> Self {
        let layers = SIDES.windows(2).zip(0..);
        Self(
            layers
                .map(|(sides, layer)| noise(sides[0] * sides[1], 10 * seed + layer))
                .collect(),
        )
    }

    /// Trained on, by so much of the weights.
    fn moved(&self, by: f32, seed: u64) -> Self {
        let layers = self.0.iter().zip(500..);
        let moved = layers.map(|(layer, salt)| {
            let steps = noise(layer.len(), 1000 * seed + salt);
            layer.iter().zip(steps).map(|(w, s)| w + by * s).collect()
        });
        Self(moved.collect())
    }

    /// The same function, with the hidden units turned around.
    fn permuted(&self) -> Self {
        let mut net = self.clone();
        for layer in 0..2 {
            net.0[layer].rotate_left(5 * SIDES[layer]);
            for row in net.0[layer + 1].chunks_exact_mut(SIDES[layer + 1]) {
                row.rotate_left(5);
            }
        }
        net
    }

    /// With another last layer, of so many outputs.
    fn with_head(&self, outputs: usize) -> Self {
        let mut net = self.clone();
        net.0[2] = noise(outputs * SIDES[2], 77);
        net
    }

    fn save(&self, path: &Path) {
        let layers = NAMES.iter().zip(&self.0).zip(SIDES);
        let shapes: Vec<[usize; 2]> = layers
            .clone()
            .map(|((_, values), inputs)| [values.len() / inputs, inputs])
            .collect();
        let tensors: Vec<_> = layers
            .zip(&shapes)
            .map(|(((name, values), _), shape)| (*name, &shape[..], &values[..]))
            .collect();
        support::save(path, &tensors);
    }
}

/// Six runs, of one checkpoint each, and a suspect.
struct Case(tempfile::TempDir);

impl Case {
    fn new(suspect: &Net) -> Self {
        let case = Self(tempfile::tempdir().unwrap());
        for seed in 0..6 {
            Net::new(seed).save(&case.path(&format!("runs/seed-{seed}.safetensors")));
        }
        suspect.save(&case.path("s.safetensors"));
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_modeltrail"))
            .current_dir(self.0.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{message}");
        support::document(&output.stdout)
    }

    fn lineage(&self, code: i32, suspect: &str, against: &[&str]) -> Value {
        let usual = ["lineage", suspect, "--runs", "6", "--against"];
        let found = self.json(code, &[&usual, against].concat());
        assert_eq!(found["schema"], "modeltrail.lineage/1");
        found
    }

    fn refused(&self, arguments: &[&str], words: &[&str]) {
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn a_tuned_model_is_related_to_its_base_by_an_exact_test() {
    let case = Case::new(&Net::new(3).moved(0.3, 1));
    let found = case.lineage(0, "s.safetensors", &["runs"]);
    let group = &found["groups"][0];
    assert_eq!(found["verdict"], "derived");
    assert_eq!(group["nearest"][0]["name"], "seed-3.safetensors");
    assert_eq!(group["grounds"], "order_of_units");
    assert!(group["log10_p"].as_f64().unwrap() < -20.0);
    assert_eq!(group["alignment"]["moved"], 0);
    assert_eq!(group["also_related_runs"], json!([]));
    let relative = group["nearest"][0]["relative"].as_f64().unwrap();
    assert!((relative - 0.3).abs() < 0.05);
}

#[test]
fn an_unrelated_model_is_a_finding() {
    let case = Case::new(&Net::new(9));
    let found = case.lineage(1, "s.safetensors", &["runs"]);
    assert_eq!(found["verdict"], "none");
    assert!(found["groups"][0]["p"].as_f64().unwrap() > 0.01);
    assert_eq!(found["groups"][0]["place"], Value::Null);
}

#[test]
fn permuted_units_are_put_back_first() {
    let case = Case::new(&Net::new(3).moved(0.2, 1).permuted());
    let found = case.lineage(0, "s.safetensors", &["runs"]);
    let group = &found["groups"][0];
    assert_eq!(found["verdict"], "derived");
    assert_eq!(group["nearest"][0]["name"], "seed-3.safetensors");
    assert_eq!(group["grounds"], "matched_units");
    assert!(group["p"].as_f64().unwrap() < 0.001);
    assert_eq!(group["alignment"]["used"], true);
    assert_eq!(group["alignment"]["moved"], 40);
    assert!(group["nearest"][0]["relative"].as_f64().unwrap() < 0.25);
    let page = case.run(&[
        "lineage",
        "s.safetensors",
        "--runs",
        "6",
        "--against",
        "runs",
    ]);
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains("its units in another order"), "{page}");
}

#[test]
fn another_head_is_skipped_and_named() {
    let case = Case::new(&Net::new(3).moved(0.1, 1).with_head(7));
    let found = case.lineage(0, "s.safetensors", &["runs"]);
    let group = &found["groups"][0];
    assert_eq!(found["verdict"], "derived");
    assert_eq!(group["not_compared"], json!(["head.weight"]));
    assert!(group["compared_share"].as_f64().unwrap() < 0.9);
    assert_eq!(group["nearest"][0]["name"], "seed-3.safetensors");
}

#[test]
fn a_copy_is_identical_to_all_of_its_originals() {
    let case = Case::new(&Net::new(3));
    Net::new(3).save(&case.path("runs/again.safetensors"));
    let found = case.lineage(0, "s.safetensors", &["runs"]);
    assert_eq!(found["verdict"], "identical");
    let copies = found["groups"][0]["identical_to"].as_array().unwrap();
    assert_eq!(copies.len(), 2);
}

#[test]
fn trainings_from_one_start_are_distinguished_from_a_run_of_its_own() {
    let start = Net::new(50);
    let case = Case::new(&start.moved(0.5, 9));
    for seed in 0..6 {
        let path = case.path(&format!("runs/seed-{seed}.safetensors"));
        start.moved(0.5, seed).save(&path);
    }
    let found = case.lineage(0, "s.safetensors", &["runs"]);
    assert_eq!(found["verdict"], "shared_start");
}

#[test]
fn sketches_are_enough_and_the_answer_says_so() {
    let case = Case::new(&Net::new(3).moved(0.3, 1));
    case.run(&["sketch", "runs", "--out", "k.json"]);
    case.run(&["sketch", "s.safetensors", "--out", "s.json"]);
    for (suspect, against) in [
        ("s.safetensors", "k.json"),
        ("s.json", "runs"),
        ("s.json", "k.json"),
    ] {
        let found = case.lineage(0, suspect, &[against]);
        let group = &found["groups"][0];
        assert_eq!(found["verdict"], "derived", "{suspect} {against}");
        assert_eq!(group["from_sketches"], true);
        assert_eq!(group["grounds"], "unrelated_runs");
        assert_eq!(group["alignment"], Value::Null);
        assert_eq!(group["nearest"][0]["name"], "seed-3.safetensors");
    }
    let copy = case.lineage(0, "k.json:seed-2.safetensors", &["runs"]);
    assert_eq!(copy["verdict"], "identical");
    assert_eq!(
        copy["groups"][0]["identical_to"],
        json!(["seed-2.safetensors"])
    );
}

#[test]
fn the_place_along_a_run_and_the_steps_since_are_found() {
    let case = Case::new(&Net::new(3));
    let mut net = Net::new(3);
    let mut saved = Vec::new();
    for epoch in 0..12 {
        net = net.moved(0.1, 100 + epoch);
        net.save(&case.path(&format!("run/epoch-{epoch}.safetensors")));
        saved.push(net.clone());
    }
    saved[6].moved(0.15, 999).save(&case.path("s.safetensors"));
    let found = case.json(0, &["lineage", "s.safetensors", "--against", "run"]);
    let place = &found["groups"][0]["place"];
    assert_eq!(
        found["groups"][0]["nearest"][0]["name"],
        "epoch-6.safetensors"
    );
    let steps = place["in_steps"].as_f64().unwrap();
    assert!((steps - 1.5).abs() < 0.1, "{steps}");
    assert_eq!(place["left_after"], "epoch-6.safetensors");
}

#[test]
fn the_order_of_the_paths_does_not_matter() {
    let case = Case::new(&Net::new(3).moved(0.3, 1));
    let all: Vec<String> = (0..6)
        .map(|s| format!("runs/seed-{s}.safetensors"))
        .collect();
    let mut all: Vec<&str> = all.iter().map(String::as_str).collect();
    let one = case.lineage(0, "s.safetensors", &all);
    all.reverse();
    let two = case.lineage(0, "s.safetensors", &all);
    let key = |found: &Value| {
        let group = &found["groups"][0];
        (
            group["log10_p"].clone(),
            group["nearest"][0]["distance"].clone(),
        )
    };
    assert_eq!(key(&one), key(&two));
}

#[test]
fn bad_input_is_reported_in_a_line() {
    let case = Case::new(&Net::new(3));
    let lineage = |suspect| ["lineage", suspect, "--against", "runs"];
    case.refused(&lineage("nothing.pt"), &["suspect", "nothing.pt"]);
    let mut bad = Net::new(3);
    bad.0[1][5] = f32::NAN;
    bad.save(&case.path("bad.safetensors"));
    case.refused(&lineage("bad.safetensors"), &["1 in fc2.weight", "NaN"]);
    // Nothing but the head is in both.
    let mut other = Net::new(3);
    other.0[0].truncate(8 * 8);
    other.0[1].truncate(24 * 8);
    other.save(&case.path("other.safetensors"));
    case.refused(
        &lineage("other.safetensors"),
        &["seed-0.safetensors", "fc1.weight is [24, 8] and not [8, 8]"],
    );
    std::fs::create_dir(case.path("empty")).unwrap();
    case.refused(
        &["lineage", "s.safetensors", "--against", "empty"],
        &["empty"],
    );
}

#[test]
fn diff_of_sketches_shows_what_is_frozen_and_how_far_the_rest_moved() {
    let base = Net::new(3);
    let mut tuned = base.moved(0.2, 1);
    tuned.0[0] = base.0[0].clone();
    let case = Case::new(&tuned);
    case.run(&["sketch", "runs", "--out", "k.json"]);
    let diff = |code, glob| {
        let a = "k.json:seed-3.safetensors";
        case.json(code, &["diff", a, "s.safetensors", "--expect-frozen", glob])
    };
    let found = diff(0, "fc1*");
    assert_eq!(found["from_sketches"], true);
    assert_eq!(found["tensors"][0]["frozen"], true);
    assert_eq!(found["tensors"][0]["distance"], 0.0);
    assert_eq!(found["tensors"][1]["frozen"], false);
    let relative = found["tensors"][1]["relative_distance"].as_f64().unwrap();
    assert!((relative / 0.2 - 1.0).abs() < 0.5, "{relative}");
    let broken = diff(1, "fc*");
    assert_eq!(broken["not_frozen"][0]["tensor"], "fc2.weight");
    let same = case.json(
        0,
        &[
            "diff",
            "k.json:seed-3.safetensors",
            "runs/seed-3.safetensors",
        ],
    );
    assert_eq!(same["verdict"], "identical");
}

#[test]
fn diff_finds_a_merge_of_its_parents() {
    let (one, two) = (Net::new(3).moved(0.1, 1), Net::new(3).moved(0.1, 2));
    let layers = one.0.iter().zip(&two.0);
    let merged = layers.map(|(a, b)| a.iter().zip(b).map(|(a, b)| 0.3 * a + 0.7 * b).collect());
    let case = Case::new(&Net(merged.collect()));
    one.save(&case.path("one.safetensors"));
    two.save(&case.path("two.safetensors"));
    let diff = |parent| {
        let ends = ["one.safetensors", "s.safetensors", "--parents", parent];
        case.json(0, &[&["diff"][..], &ends].concat())["merge"].clone()
    };
    let found = diff("two.safetensors");
    assert_eq!(found["is_merge"], true);
    assert!((found["parents"][0]["coefficient"].as_f64().unwrap() - 0.3).abs() < 1e-3);
    assert_eq!(diff("runs/seed-3.safetensors")["is_merge"], false);
}
