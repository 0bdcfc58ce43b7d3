//! `modeltrail export`, `import` and `limits`, as a user meets them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use checkpoint_store::Store;
use checkpoint_store::foreign::{ForeignCheckpoint, Limits, Role, discover};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Folder, json, kill_again_and_again, modeltrail, refused, text};

const CHECKPOINTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/checkpoints");
const FIXTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../checkpoint-store/tests/foreign/fixtures"
);

/// A file of one tensor.
fn write(folder: &Folder, name: &str, weights: &[f32]) {
    folder.write(name, &[("w", &[weights.len()], weights)]);
}

/// Every file under a folder, relative to it, and what it holds.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// What a checkpoint claims (run, epoch, step), and the bits of its weights by tensor.
type Known = (
    (Option<String>, Option<u64>, Option<u64>),
    BTreeMap<String, (Vec<u64>, Vec<u32>)>,
);

/// Every readable checkpoint under a folder, sorted.
fn known(folder: &str) -> Vec<Known> {
    let limits = Limits::default();
    let mut all = Vec::new();
    for found in discover(&[folder.into()], &limits).checkpoints {
        // One of the examples is cut short.
        let Ok(checkpoint) = ForeignCheckpoint::open(&found, &limits) else {
            continue;
        };
        let mut tensors = BTreeMap::new();
        for (index, tensor) in checkpoint.tensors().iter().enumerate() {
            if tensor.role == Role::Weight {
                let mut bits = Vec::new();
                checkpoint
                    .read(index, &mut |values| {
                        bits.extend(values.iter().map(|value| value.to_bits()))
                    })
                    .unwrap();
                tensors.insert(tensor.name.clone(), (tensor.shape.clone(), bits));
            }
        }
        let claimed = checkpoint.claimed();
        let claims = (
            claimed.run.as_ref().map(|claim| claim.value.clone()),
            claimed.epoch.as_ref().map(|claim| claim.value),
            claimed.step.as_ref().map(|claim| claim.value),
        );
        all.push((claims, tensors));
    }
    all.sort();
    all
}

#[test]
fn what_is_exported_claims_the_same_and_has_the_same_weights() {
    let runs = format!("{CHECKPOINTS}/two-runs");
    let before = known(&runs);
    assert_eq!(before.len(), 17);
    for format in ["npz", "safetensors"] {
        let folder = Folder::new();
        let out = folder.shown("out");
        // One file is cut short.
        let answer = json(&["export", &runs, "--out", &out, "--format", format], 1);
        assert_eq!(answer["checkpoints"], 17);
        assert_eq!(answer["problems"].as_array().unwrap().len(), 1);
        assert_eq!(known(&out), before, "{format}");
        assert!(
            files(&folder.path("out")).contains_key(Path::new(&format!("seed-1/best.{format}")))
        );
    }
}

#[test]
fn buffers_optimisers_and_half_precision_are_no_obstacle() {
    let folder = Folder::new();
    let out = folder.shown("out");
    let export = ["export", FIXTURES, "--out", &out, "--format", "safetensors"];
    // Some of them have tensors that cannot be read.
    support::refused(&export, &["would be lost", "--allow-unread"]);
    let output = modeltrail(&[&export[..], &["--allow-unread"]].concat());
    let message = text(&output.stderr);
    assert!(output.status.code() != Some(2), "{message}");
    assert!(message.contains("not written: "), "{message}");
    let weights = |mut all: Vec<Known>| -> Vec<_> {
        all.retain(|(_, tensors)| !tensors.is_empty());
        let mut weights: Vec<_> = all.into_iter().map(|(_, tensors)| tensors).collect();
        weights.sort();
        weights
    };
    assert_eq!(weights(known(&out)), weights(known(FIXTURES)));
}

#[test]
fn nothing_is_overwritten_unless_that_is_asked_for() {
    let folder = Folder::new();
    write(&folder, "in/epoch-1.safetensors", &[1.0, 2.0]);
    write(&folder, "in/epoch-2.safetensors", &[3.0, 4.0]);
    let (input, out) = (folder.shown("in"), folder.shown("out"));
    for (format, out) in [("npz", out.clone()), ("parquet", folder.shown("t.parquet"))] {
        let export = ["export", &input, "--out", &out, "--format", format];
        json(&export, 0);
        let before = files(folder.0.path());
        refused(&export, &["exists already", "--force"]);
        json(&[&export[..], &["--force"]].concat(), 0);
        assert!(
            files(folder.0.path()) == before,
            "{format}: other bytes, or a stray file"
        );
    }
    refused(
        &["export", &input, "--out", &folder.shown("x")],
        &["--format"],
    );
    let one = folder.shown("one.npz");
    refused(&["export", &input, "--out", &one], &["Name a folder"]);
    json(
        &[
            "export",
            &folder.shown("in/epoch-2.safetensors"),
            "--out",
            &one,
        ],
        0,
    );
}

#[test]
fn a_table_and_a_store_of_two_architectures_are_refused_and_the_groups_named() {
    let folder = Folder::new();
    write(&folder, "in/a/epoch-1.safetensors", &[1.0, 2.0]);
    write(&folder, "in/b/epoch-1.safetensors", &[1.0, 2.0, 3.0]);
    let input = folder.shown("in");
    let words = [
        "2 architectures",
        "2 weights",
        "3 weights",
        "a/epoch-1",
        "Name the paths",
    ];
    let table = folder.shown("t.parquet");
    refused(&["export", &input, "--out", &table], &words);
    refused(&["import", &input, "--out", &folder.shown("store")], &words);
    assert!(!folder.path("store").exists() && !folder.path("t.parquet").exists());
    json(
        &[
            "import",
            &folder.shown("in/a"),
            "--out",
            &folder.shown("store"),
        ],
        0,
    );
}

#[test]
fn what_was_imported_is_exported_bit_for_bit_and_called_as_before() {
    let folder = Folder::new();
    let bits = [0x7fc0_1234_u32, 0x0000_0001, 0x8000_0000, 0x7f80_0000];
    for (run, epoch) in [(3, 1), (3, 2), (12, 1)] {
        let mut weights = bits.map(f32::from_bits).to_vec();
        weights.push((run * epoch) as f32);
        write(
            &folder,
            &format!("in/seed-{run}/epoch-{epoch}.safetensors"),
            &weights,
        );
    }
    let (input, store, out) = (
        folder.shown("in"),
        folder.shown("store"),
        folder.shown("out"),
    );
    let answer = json(&["import", &input, "--out", &store], 0);
    assert_eq!(
        answer["runs"][0],
        serde_json::json!({"run": 3, "name": "seed-3", "checkpoints": 2})
    );
    assert_eq!(answer["epochs_count"], "epoch");
    assert_eq!(answer["not_finite"].as_array().unwrap().len(), 3);
    let labels = Store::open(&store).unwrap().checkpoints().unwrap();
    let keys: Vec<_> = labels
        .iter()
        .map(|label| (label.run, label.epoch, label.finite))
        .collect();
    assert_eq!(keys, [(3, 1, false), (12, 1, false), (3, 2, false)]);
    for format in ["npz", "safetensors"] {
        let out = format!("{out}-{format}");
        json(&["export", &store, "--out", &out, "--format", format], 0);
        assert_eq!(known(&out), known(&input));
    }
    // And into a store again: the same bytes.
    let again = folder.shown("again");
    let imported = json(&["import", &format!("{out}-npz"), "--out", &again], 0);
    assert_eq!(imported["blake3"], answer["blake3"]);
}

#[test]
fn a_bad_file_is_named_and_the_rest_is_imported_and_the_file_follows_when_it_is_whole() {
    let folder = Folder::new();
    for epoch in 1..=3 {
        for run in ["seed-1", "seed-2"] {
            write(
                &folder,
                &format!("in/{run}/epoch-{epoch}.safetensors"),
                &[epoch as f32, 1.0],
            );
        }
    }
    let (input, store, whole) = (
        folder.shown("in"),
        folder.shown("store"),
        folder.shown("whole"),
    );
    json(&["import", &input, "--out", &whole], 0);
    let bad = folder.path("in/seed-1/epoch-2.safetensors");
    let bytes = std::fs::read(&bad).unwrap();
    std::fs::write(&bad, &bytes[..bytes.len() - 3]).unwrap();
    let answer = json(&["import", &input, "--out", &store], 1);
    assert_eq!(answer["added"], 5);
    assert!(
        answer["problems"][0]["message"]
            .as_str()
            .unwrap()
            .contains("epoch-2")
    );
    std::fs::write(&bad, &bytes).unwrap();
    let answer = json(&["import", &input, "--out", &store], 0);
    assert_eq!(
        (&answer["added"], &answer["there_before"]),
        (&1.into(), &5.into())
    );
    assert!(files(&folder.path("store")) == files(&folder.path("whole")));
}

#[test]
fn labels_that_are_missing_or_stand_twice_or_do_not_fit_are_refused_and_numbers_are_the_way_out() {
    let cases: [(&[&str], &[&str]); 4] = [
        (
            &["epoch-1", "last"],
            &[
                "last.safetensors",
                "neither an epoch nor a step",
                "--number",
            ],
        ),
        (
            &["a_epoch-1", "b_epoch-1"],
            &[
                "a_epoch-1.safetensors and b_epoch-1.safetensors",
                "epoch 1",
                "--number",
            ],
        ),
        (
            &["step-4294967296"],
            &["step-4294967296.safetensors", "4294967295", "--number"],
        ),
        (&["step-1", "epoch-2"], &["some of these", "--number"]),
    ];
    for (names, words) in cases {
        let folder = Folder::new();
        for (name, value) in names.iter().zip(0_u8..) {
            write(
                &folder,
                &format!("in/{name}.safetensors"),
                &[f32::from(value)],
            );
        }
        let (input, store) = (folder.shown("in"), folder.shown("store"));
        refused(&["import", &input, "--out", &store], words);
        assert!(!folder.path("store").exists());
        let answer = json(&["import", &input, "--out", &store, "--number"], 0);
        assert_eq!(answer["added"], names.len());
        assert_eq!(answer["epochs_count"], "file");
        json(&["import", &input, "--out", &store, "--number"], 0);
        // The same numbers would be other files.
        write(&folder, "in/a-new-one.safetensors", &[9.0]);
        refused(
            &["import", &input, "--out", &store, "--number"],
            &["files = "],
        );
    }
}

#[test]
fn a_store_is_not_put_among_what_is_imported_nor_into_another_store() {
    let folder = Folder::new();
    write(&folder, "in/epoch-1.safetensors", &[1.0]);
    let input = folder.shown("in");
    refused(
        &["import", &input, "--out", &folder.shown("in/store")],
        &["lies in"],
    );
    json(&["import", &input, "--out", &folder.shown("store")], 0);
    write(&folder, "in/seed-3/epoch-2.safetensors", &[1.0]);
    write(&folder, "in/seed-4/epoch-2.safetensors", &[1.0]);
    refused(
        &["import", &input, "--out", &folder.shown("store")],
        &["recipe"],
    );
}

#[test]
fn a_killed_import_continues_and_ends_with_the_same_bytes() {
    let folder = Folder::new();
    for epoch in 1..=60_u16 {
        for run in 1..=2_u16 {
            let weights: Vec<f32> = (0..20_000_u16)
                .map(|i| f32::from(i ^ (epoch * run)))
                .collect();
            write(
                &folder,
                &format!("in/seed-{run}/epoch-{epoch}.safetensors"),
                &weights,
            );
        }
    }
    let (input, whole, killed) = (
        folder.shown("in"),
        folder.shown("whole"),
        folder.shown("killed"),
    );
    json(&["import", &input, "--out", &whole], 0);
    kill_again_and_again((2..60).step_by(4), || {
        let mut child = Command::new(env!("CARGO_BIN_EXE_modeltrail"));
        child.args(["import", &input, "--out", &killed]);
        child
    });
    json(&["import", &input, "--out", &killed], 0);
    assert!(files(&folder.path("killed")) == files(&folder.path("whole")));
}

#[test]
fn limits_are_shown_and_the_flag_raises_and_lowers_them() {
    let answer = json(&["limits"], 0);
    assert_eq!(answer["schema"], "modeltrail.limits/1");
    let limits = answer["limits"].as_array().unwrap();
    assert!(
        limits
            .iter()
            .any(|limit| limit["name"] == "largest_header" && limit["value"] == 64 << 20)
    );
    assert!(text(&modeltrail(&["limits"]).stdout).contains("64 MiB"));

    let folder = Folder::new();
    for epoch in 1..=3 {
        write(
            &folder,
            &format!("in/epoch-{epoch}.safetensors"),
            &[1.0, epoch as f32],
        );
    }
    let input = folder.shown("in");
    let out = folder.shown("out.parquet");
    let export = ["export", &input, "--out", &out, "--limit"];
    refused(
        &[&export[..], &["largest_tensor=4"]].concat(),
        &["limit", "no checkpoint could be read"],
    );
    refused(
        &[&export[..], &["largest=4"]].concat(),
        &["no limit", "largest_tensor"],
    );
    refused(&[&export[..], &["MAX_TENSORS=4"]].concat(), &["fixed"]);
    refused(
        &[&export[..], &["largest_tensor"]].concat(),
        &["NAME=VALUE"],
    );
    json(&[&export[..], &["largest_tensor=8"]].concat(), 0);
    let runs = modeltrail(&["runs", &input, "--limit", "largest_tensor=4"]);
    assert_eq!(runs.status.code(), Some(2));
}
