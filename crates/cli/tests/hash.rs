//! `hash`: one digest for one model, however it is stored.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Folder, json, modeltrail, refused, safetensors, text};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/checkpoints");

fn root(path: &str) -> Value {
    let answer = json(&["hash", path], 0);
    assert_eq!(answer["models"].as_array().unwrap().len(), 1, "{path}");
    answer["models"][0]["root"].clone()
}

#[test]
fn pt_safetensors_and_npz_of_one_model_have_one_root() {
    let folder = Folder::new();
    let pt = format!("{EXAMPLES}/two-runs/seed-1/epoch-3.pt");
    for format in ["safetensors", "npz"] {
        let out = folder.shown(format);
        let written = modeltrail(&["export", &pt, "--format", format, "--out", &out]);
        assert!(written.status.success(), "{}", text(&written.stderr));
        assert_eq!(root(&out), root(&pt), "{format}");
    }
    let other = format!("{EXAMPLES}/two-runs/seed-1/epoch-5.pt");
    assert_ne!(root(&other), root(&pt));
}

#[test]
fn a_store_has_the_root_of_what_was_imported() {
    let folder = Folder::new();
    let series = format!("{EXAMPLES}/shifted");
    let store = folder.shown("store");
    let done = modeltrail(&["import", &series, "--out", &store]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let of = |path: &str| {
        let models = json(&["hash", path], 0)["models"]
            .as_array()
            .unwrap()
            .clone();
        let mut roots: Vec<String> = models.iter().map(|one| one["root"].to_string()).collect();
        roots.sort();
        roots
    };
    assert_eq!(of(&store), of(&series));
}

#[test]
fn a_model_is_held_against_what_was_kept_of_it() {
    let folder = Folder::new();
    let base = format!("{EXAMPLES}/finetune/base.safetensors");
    let kept = folder.path("kept.json");
    std::fs::write(&kept, modeltrail(&["hash", &base, "--json"]).stdout).unwrap();
    let kept = kept.to_str().unwrap();
    assert_eq!(
        json(&["hash", &base, "--check", kept], 0)["check"]["verdict"],
        "same"
    );
    let frozen = format!("{EXAMPLES}/finetune/frozen-backbone.safetensors");
    let check = json(&["hash", &frozen, "--check", kept], 1)["check"].clone();
    assert_eq!(check["verdict"], "differs");
    let changed = check["models"][0]["changed"].as_array().unwrap();
    assert!(
        changed
            .iter()
            .all(|one| one["name"].as_str().unwrap().starts_with("head."))
    );
    let said = text(&modeltrail(&["hash", &frozen, "--check", kept]).stdout);
    assert!(
        said.contains("DIFFERENT") && said.contains("head.weight (values)"),
        "{said}"
    );
}

#[test]
fn without_a_tensor_there_is_no_root_and_the_status_is_2() {
    let folder = Folder::new();
    let whole = safetensors(&[("w", &[2], &[1.0, 2.0])]);
    let header = br#"{"odd":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend([0; 12]);
    std::fs::write(folder.path("partial.safetensors"), file).unwrap();
    std::fs::write(folder.path("whole.safetensors"), whole).unwrap();
    let answer = json(&["hash", &folder.shown("partial.safetensors")], 2);
    assert!(answer["models"][0]["root"].is_null());
    assert_eq!(answer["models"][0]["unread"][0]["tensor"], "odd");
    let said = text(&modeltrail(&["hash", &folder.shown("partial.safetensors")]).stdout);
    assert!(
        said.contains("no root: 1 tensor could not be read (odd)"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_hashed_is_refused_with_the_reason() {
    let folder = Folder::new();
    refused(&["hash", folder.root()], &["no model could be hashed"]);
    refused(&["hash", "nowhere.pt"], &["nowhere.pt"]);
    let base = format!("{EXAMPLES}/finetune/base.safetensors");
    std::fs::write(folder.path("kept.json"), "{}").unwrap();
    refused(
        &["hash", &base, "--check", &folder.shown("kept.json")],
        &["kept.json", "no document of digests"],
    );
    let sketches = folder.shown("sketches.json");
    assert!(
        modeltrail(&["sketch", &base, "--out", &sketches])
            .status
            .success()
    );
    refused(&["hash", &sketches], &["only a sketch"]);
}
