//! Adapters of PEFT are read as PEFT merges them.
//!
//! The fixtures are written by `foreign/write_parallel_fixtures.py`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use checkpoint_store::foreign::{ForeignCheckpoint, Limits, discover};
use checkpoint_store::{Error, Fault};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/fixtures/adapters")
}

fn open(path: &Path) -> checkpoint_store::Result<ForeignCheckpoint> {
    let mut discovery = discover(&[path.to_path_buf()], &Limits::default());
    if let Some(problem) = discovery.problems.pop() {
        return Err(problem.error);
    }
    assert_eq!(discovery.checkpoints.len(), 1, "{}", path.display());
    ForeignCheckpoint::open(&discovery.checkpoints[0], &Limits::default())
}

type Tensors = BTreeMap<String, (Vec<u64>, Vec<f32>)>;

fn tensors(checkpoint: &ForeignCheckpoint) -> Tensors {
    let tensors = checkpoint.tensors().iter().enumerate();
    tensors
        .map(|(index, tensor)| {
            let mut values = Vec::new();
            checkpoint
                .read(index, &mut |part| values.extend_from_slice(part))
                .unwrap();
            (tensor.name.clone(), (tensor.shape.clone(), values))
        })
        .collect()
}

#[test]
fn the_model_with_what_an_adapter_adds_is_the_model_that_peft_merges() {
    let own = tensors(&open(&fixtures().join("base.safetensors")).unwrap());
    let turned = tensors(&open(&fixtures().join("conv1d_base.safetensors")).unwrap());
    for (name, rank, scale, added, replaced) in [
        ("plain", 4, Some(1.5), 2, 0),
        ("bin", 2, Some(2.0), 1, 0),
        ("rslora", 4, Some(4.0), 2, 0),
        ("patterns", 4, None, 2, 0),
        ("saved", 2, Some(1.0), 1, 2),
        ("bias", 2, Some(1.0), 1, 3),
        ("lora_bias", 2, Some(3.0), 2, 0),
        ("embedding", 2, Some(3.0), 2, 0),
        ("conv1d", 3, Some(2.0), 2, 0),
    ] {
        let base = if name == "conv1d" { &turned } else { &own };
        let checkpoint = open(&fixtures().join(name)).unwrap();
        assert!(checkpoint.unread().is_empty(), "{name}");
        let adapter = checkpoint.adapter().expect(name).clone();
        assert_eq!((adapter.rank, adapter.scale), (rank, scale), "{name}");
        assert_eq!(adapter.added.len(), added, "{name}: {:?}", adapter.added);
        assert!(!adapter.has_base && adapter.not_applicable.is_none());
        let changes = tensors(&checkpoint);
        assert_eq!(changes.len(), added + replaced, "{name}");
        // By the weights that they change.
        let changes: Tensors = changes
            .into_iter()
            .map(|(name, values)| {
                let to = adapter.added.get(&name);
                (to.cloned().unwrap_or(name), values)
            })
            .collect();
        let merged = open(&fixtures().join(format!("{name}_merged.safetensors"))).unwrap();
        for (tensor, (shape, wanted)) in tensors(&merged) {
            let (own_shape, own) = &base[&tensor];
            assert_eq!(&shape, own_shape, "{name}: {tensor}");
            let change = changes.get(&tensor);
            let is_added = adapter.added.values().any(|to| *to == tensor);
            if let Some((shape, _)) = change {
                assert_eq!(shape, own_shape, "{name}: {tensor}");
            }
            for (place, wanted) in wanted.iter().enumerate() {
                let value = match change {
                    None => own[place],
                    Some((_, change)) if is_added => own[place] + change[place],
                    Some((_, change)) => change[place],
                };
                let far = (value - wanted).abs();
                assert!(far < 2e-6, "{name}: {tensor}: {value} and {wanted}");
            }
        }
    }
}

#[test]
fn other_factors_of_the_same_changes_are_the_same_adapter() {
    let plain = tensors(&open(&fixtures().join("plain")).unwrap());
    let turned = tensors(&open(&fixtures().join("turned")).unwrap());
    assert_eq!(plain.len(), 2);
    for (name, (shape, values)) in &plain {
        let (other_shape, others) = &turned[name];
        assert_eq!(shape, other_shape);
        for (value, other) in values.iter().zip(others) {
            assert!((value - other).abs() < 1e-5, "{name}: {value} and {other}");
        }
    }
}

#[test]
fn an_adapter_that_was_not_merged_is_its_model_and_the_changes() {
    let base = tensors(&open(&fixtures().join("base.safetensors")).unwrap());
    let checkpoint = open(&fixtures().join("plain_unmerged.pt")).unwrap();
    let adapter = checkpoint.adapter().expect("an adapter").clone();
    assert!(adapter.has_base && adapter.not_applicable.is_some());
    assert_eq!((adapter.rank, adapter.scale), (4, None));
    // How much it counts does not stand in it, and that is not passed over.
    assert_eq!(checkpoint.unread().len(), 1);
    let own = tensors(&checkpoint);
    for (name, values) in &base {
        assert_eq!(own.get(name), Some(values), "{name}");
    }
    assert_eq!(own.len(), base.len() + 2);
    assert!(own.contains_key("first.lora.default"));

    // What was trained in the place of a module counts, and not the module as it was.
    let saved = open(&fixtures().join("saved_unmerged.pt")).unwrap();
    let trained = tensors(&open(&fixtures().join("saved")).unwrap());
    assert_eq!(tensors(&saved)["head.weight"], trained["head.weight"]);
    assert_eq!(saved.left_out().len(), 2);
}

#[test]
fn what_is_no_plain_lora_is_named_and_refused() {
    for (name, says) in [("dora", "DoRA"), ("ia3", "IA3"), ("loha", "LOHA")] {
        let error = open(&fixtures().join(name)).unwrap_err();
        let Error::Foreign { fault, way_out, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*fault, Fault::Unsupported, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(way_out.contains("merge_and_unload"), "{error}");
    }
}

#[test]
fn without_its_configuration_nobody_knows_how_much_an_adapter_counts() {
    let folder = tempfile::tempdir().unwrap();
    let weights = fixtures().join("plain/adapter_model.safetensors");
    let copy = folder.path().join("adapter_model.safetensors");
    std::fs::copy(weights, &copy).unwrap();
    let checkpoint = open(folder.path()).unwrap();
    let adapter = checkpoint.adapter().expect("an adapter");
    assert!(adapter.scale.is_none() && adapter.not_applicable.is_some());
    assert_eq!(checkpoint.unread()[0].name, "lora_alpha");

    // One of another rank than the tensors contradicts them.
    let config = folder.path().join("adapter_config.json");
    std::fs::write(&config, r#"{"peft_type": "LORA", "r": 8, "lora_alpha": 8}"#).unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("rank 8"), "{error}");
    std::fs::write(&config, "{").unwrap();
    assert!(open(folder.path()).is_err());
}

#[test]
fn changes_of_diffusers_count_as_much_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pytorch_lora_weights.safetensors");
    std::fs::copy(fixtures().join("plain/adapter_model.safetensors"), &path).unwrap();
    let checkpoint = open(folder.path()).unwrap();
    let adapter = checkpoint.adapter().expect("an adapter");
    assert_eq!(adapter.scale, Some(1.0));
    assert!(checkpoint.unread().is_empty());
}
