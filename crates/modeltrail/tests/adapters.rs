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
    let stranger = Checkpoint::from_source(
        "stranger",
        std::sync::Arc::new(tensors),
        &modeltrail::collection::Options::default(),
    )
    .unwrap();
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

/// A safetensors file of these tensors.
fn safetensors(tensors: &[(&str, [usize; 2], Vec<f32>)]) -> Vec<u8> {
    let mut at = 0;
    let entries: Vec<String> = tensors
        .iter()
        .map(|(name, shape, values)| {
            let begin = at;
            at += 4 * values.len();
            format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{begin},{at}]}}"#)
        })
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    let values = tensors.iter().flat_map(|(_, _, values)| values);
    file.extend(values.flat_map(|value| value.to_le_bytes()));
    file
}

#[test]
fn adapters_of_a_training_lie_in_their_order_whatever_their_factors() {
    let (rank, inner, outer) = (2, 12, 10);
    let wave = |place: usize, speed: f32| (place as f32 * speed).sin();
    let folder = tempfile::tempdir().unwrap();
    for step in 0..8_usize {
        let along = step as f32 * 0.1;
        let down: Vec<f32> = (0..rank * inner)
            .map(|p| wave(p, 0.7) + along * wave(p, 1.3))
            .collect();
        let up: Vec<f32> = (0..outer * rank)
            .map(|p| wave(p, 0.4) + along * wave(p, 2.1))
            .collect();
        // Every time by other factors of the same changes: (B · R, R⁻¹ · A).
        let (a, b, c, d) = [
            (2.0, 1.0, 1.0, 1.0),
            (0.5, 0.0, 3.0, 1.0),
            (0.0, 1.0, -1.0, 2.0),
        ][step % 3];
        let determinant = a * d - b * c;
        let turned_up: Vec<f32> = up
            .chunks(rank)
            .flat_map(|row| [row[0] * a + row[1] * c, row[0] * b + row[1] * d])
            .collect();
        let (first, second) = down.split_at(inner);
        let rows = first.iter().zip(second);
        let mut turned_down: Vec<f32> = rows
            .clone()
            .map(|(x, y)| (d * x - b * y) / determinant)
            .collect();
        turned_down.extend(rows.map(|(x, y)| (a * y - c * x) / determinant));
        let own = folder.path().join(format!("checkpoint-{step}"));
        fs::create_dir(&own).unwrap();
        let file = safetensors(&[
            (
                "base_model.model.l.lora_A.weight",
                [rank, inner],
                turned_down,
            ),
            ("base_model.model.l.lora_B.weight", [outer, rank], turned_up),
        ]);
        fs::write(own.join("adapter_model.safetensors"), file).unwrap();
        let config = r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#;
        fs::write(own.join("adapter_config.json"), config).unwrap();
    }
    let found = collect(&[folder.path().to_path_buf()], &Options::default());
    assert!(found.problems.is_empty() && found.unread.is_empty());
    assert!(found.notes[0].contains("8 adapters"), "{:?}", found.notes);
    assert_eq!(found.groups.len(), 1);
    let runs = found.groups[0].runs(&modeltrail::runs::RunOptions::default());
    let text = runs.unwrap().to_string();
    assert!(text.contains("all 8 as claimed"), "{text}");
}
