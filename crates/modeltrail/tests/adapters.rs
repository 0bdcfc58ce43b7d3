//! Adapters beside the models that they change: what `diff`, `gate`, `runs` and `lineage` make of them.
#![allow(clippy::unwrap_used)]

use modeltrail::Checkpoint;
use modeltrail::collection::{Options, collect};
use modeltrail::diff::{Diff, DiffOptions};
use modeltrail::gate::{Budget, Verdict};
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    let fixtures = "../checkpoint-store/tests/foreign/fixtures/adapters";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(fixtures);
    path.join(name)
}

fn open(path: &Path) -> Checkpoint {
    Checkpoint::open(path, &Options::default()).unwrap()
}

fn diff(a: &str, b: &str) -> modeltrail::Result<Diff> {
    let (a, b) = (open(&fixture(a)), open(&fixture(b)));
    modeltrail::diff(&a, &b, &DiffOptions::default())
}

fn json(diff: &Diff) -> serde_json::Value {
    serde_json::to_value(diff).unwrap()
}

#[test]
fn an_adapter_beside_its_model_is_a_low_rank_update_of_it() {
    for (name, rank, tensors) in [("plain", 4, 2), ("rslora", 4, 2), ("bin", 2, 1)] {
        let diff = diff("base.safetensors", name).unwrap();
        let document = json(&diff);
        assert_eq!(document["verdict"]["kind"], "low_rank", "{name}");
        assert_eq!(document["verdict"]["rank"], rank, "{name}");
        assert_eq!(document["verdict"]["tensors"], tensors, "{name}");
        assert_eq!(document["b"]["adapter"]["rank"], rank, "{name}");
        assert!(diff.to_string().contains("B is an adapter"), "{diff}");
    }
    // The other way round, too.
    let turned = json(&diff("plain", "base.safetensors").unwrap());
    assert_eq!(turned["verdict"]["kind"], "low_rank");
    assert_eq!(turned["a"]["adapter"]["rank"], 4);
}

#[test]
fn what_is_compared_is_the_model_that_peft_merges() {
    for name in ["plain", "rslora", "patterns", "saved", "bias", "embedding"] {
        let own = json(&diff("base.safetensors", name).unwrap());
        let merged = format!("{name}_merged.safetensors");
        let merged = json(&diff("base.safetensors", &merged).unwrap());
        let rows = |document: &serde_json::Value| {
            let rows = document["tensors"].as_array().unwrap().iter();
            let rows = rows.map(|row| {
                let name = row["name"].as_str().unwrap().to_owned();
                (name, row["relative_distance"].as_f64().unwrap())
            });
            rows.collect::<Vec<_>>()
        };
        for ((tensor, distance), (other, wanted)) in rows(&own).iter().zip(rows(&merged)) {
            assert_eq!(*tensor, other, "{name}");
            assert!(
                (distance - wanted).abs() < 1e-5,
                "{name}: {tensor}: {distance} and {wanted}"
            );
        }
    }
}

#[test]
fn an_adapter_that_adds_nothing_leaves_its_model_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        fs::copy(fixture("plain").join(name), folder.path().join(name)).unwrap();
    }
    // All values of both factors are zero, as those of `lora_B` are at the beginning.
    let path = folder.path().join("adapter_model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].fill(0);
    fs::write(&path, bytes).unwrap();
    let (base, adapter) = (open(&fixture("base.safetensors")), open(folder.path()));
    let diff = modeltrail::diff(&base, &adapter, &DiffOptions::default()).unwrap();
    assert_eq!(json(&diff)["verdict"]["kind"], "identical");
    let judgement = Budget::usual(false).judge(&base, &adapter, None).unwrap();
    assert_eq!(judgement.verdict(), Verdict::Within);
}

#[test]
fn other_factors_of_the_same_changes_are_no_other_adapter() {
    let same = diff("plain", "turned").unwrap();
    assert!(
        same.to_string()
            .contains("the same changes but for rounding"),
        "{same}"
    );
    let other = diff("plain", "rslora").unwrap();
    assert!(!other.to_string().contains("the same changes"), "{other}");
}

#[test]
fn a_model_that_lacks_what_an_adapter_changes_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = modeltrail::Tensors::new();
    tensors
        .add("embed.weight", &[11, 8], vec![0.5; 88])
        .unwrap();
    let stranger = Checkpoint::from_source("stranger", &tensors).unwrap();
    let adapter = open(&fixture("plain"));
    let error = modeltrail::diff(&stranger, &adapter, &DiffOptions::default()).unwrap_err();
    assert_eq!(error.kind(), "adapter");
    assert!(error.to_string().contains("first.weight"), "{error}");

    // Without its configuration it is not known how much an adapter counts.
    let weights = "adapter_model.safetensors";
    fs::copy(fixture("plain").join(weights), folder.path().join(weights)).unwrap();
    let base = open(&fixture("base.safetensors"));
    let error = modeltrail::diff(&base, &open(folder.path()), &DiffOptions::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("adapter_config.json"), "{error}");
    let judged = Budget::usual(false).judge(&base, &open(folder.path()), None);
    assert!(judged.is_err());
}

#[test]
fn a_model_with_an_adapter_that_is_not_merged_is_its_model_and_no_other() {
    let diff = diff("base.safetensors", "plain_unmerged.pt").unwrap();
    let document = json(&diff);
    assert_eq!(document["verdict"]["kind"], "cannot_tell");
    assert_eq!(document["b"]["adapter"]["merged"], false);
    assert_eq!(document["total"]["frozen"], true);
    assert!(!diff.to_string().contains("different models"), "{diff}");
    assert!(
        diff.to_string().contains("adapter that is not merged"),
        "{diff}"
    );
}

#[test]
fn adapters_are_one_group_by_their_products_and_never_with_their_model() {
    let paths = ["base.safetensors", "plain", "turned", "rslora"].map(fixture);
    let found = collect(&paths, &Options::default());
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let sizes: Vec<usize> = found
        .groups
        .iter()
        .map(|group| group.members.len())
        .collect();
    assert_eq!(sizes, [3, 1]);
}

#[test]
fn a_stranger_of_the_same_shapes_is_a_low_rank_update_of_nothing() {
    // The merged model of another adapter is none of this one.
    let diff = diff("rslora_merged.safetensors", "plain").unwrap();
    assert!(diff.to_string().contains("A with what it adds"), "{diff}");
    let plain = json(&self::diff("plain_merged.safetensors", "rslora_merged.safetensors").unwrap());
    assert_ne!(plain["verdict"]["kind"], "identical");
}
