use super::held::Renamed;
use super::*;
use crate::collection::InMemory;
use crate::progress::Silent;
use checkpoint_store::foreign::{Arrays, Element, Layout};
use std::path::Path;
use std::sync::Arc;

/// Name, type, shape and bytes of a tensor.
type Entry<'a> = (&'a str, &'a str, &'a [u64], Vec<u8>);

fn numbers(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn entries() -> Vec<Entry<'static>> {
    vec![
        (
            "fc.weight",
            "F32",
            &[2, 3],
            numbers(&[1., 2., 3., 4., 5., 6.]),
        ),
        ("fc.bias", "F32", &[2], numbers(&[0.5, -0.5])),
        ("half", "BF16", &[2], vec![0x80, 0x3f, 0, 0x40]),
        ("bn.running_mean", "F32", &[2], numbers(&[7., 8.])),
        ("steps", "I64", &[], 9i64.to_le_bytes().to_vec()),
    ]
}

fn safetensors(path: &Path, entries: &[Entry<'_>]) {
    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, dtype, shape, bytes) in entries {
        let start = data.len();
        data.extend(bytes);
        let entry = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]});
        header.insert((*name).to_owned(), entry);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    std::fs::write(path, file).unwrap();
}

fn hashed(paths: &[&Path]) -> Hashes {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    hash(&paths, &Options::default(), &Silent).unwrap()
}

fn kept(hashes: &Hashes) -> Expected {
    Expected::from_json(&serde_json::to_string(hashes).unwrap()).unwrap()
}

#[test]
fn one_model_has_one_root_in_any_order_in_shards_and_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (one, turned) = (
        folder.path().join("a.safetensors"),
        folder.path().join("b.safetensors"),
    );
    let entries = entries();
    safetensors(&one, &entries);
    let reversed: Vec<Entry<'_>> = entries.iter().rev().cloned().collect();
    safetensors(&turned, &reversed);
    let shards = folder.path().join("sharded");
    std::fs::create_dir(&shards).unwrap();
    let (first, second) = entries.split_at(2);
    safetensors(&shards.join("model-00001-of-00002.safetensors"), second);
    safetensors(&shards.join("model-00002-of-00002.safetensors"), first);
    let all = hashed(&[&one, &turned, &shards]);
    let roots: Vec<Digest> = all.models().iter().filter_map(|model| model.root).collect();
    assert_eq!(roots.len(), 3, "{all}");
    assert!(roots.iter().all(|root| *root == roots[0]));
    assert_eq!(all.models()[0].tensors, all.models()[2].tensors);
    assert_eq!(all.models()[0].tensors.len(), 5);

    let mut arrays = Arrays::new();
    for (name, dtype, shape, bytes) in &entries {
        let element = match *dtype {
            "F32" => Element::F32,
            "BF16" => Element::Bf16,
            _ => Element::I64,
        };
        let bytes = Arc::new(bytes.clone());
        arrays
            .add(*name, element, shape, &Layout::default(), bytes)
            .unwrap();
    }
    let mut held = InMemory::default();
    held.add("held", arrays);
    let options = Options::default().in_memory(held);
    let in_memory = hash(&["held".into()], &options, &Silent).unwrap();
    assert_eq!(in_memory.models()[0].root, Some(roots[0]));
    assert!(kept(&in_memory).check(all.models()).unwrap().verdict == Verdict::Same);
}

#[test]
fn one_bit_a_name_and_a_missing_tensor_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let mut entries = entries();
    safetensors(&path, &entries);
    let expected = kept(&hashed(&[&path]));
    entries[0].3[5] ^= 1;
    entries[1].0 = "fc.shift";
    entries.remove(2);
    entries.push(("new", "F32", &[1], numbers(&[1.])));
    safetensors(&path, &entries);
    let check = hashed(&[&path]).held_against(&expected).unwrap();
    let one = &check.check().unwrap().models[0];
    assert_eq!(one.verdict, Verdict::Differs);
    assert_eq!(
        (one.changed[0].name.as_str(), one.changed[0].what),
        ("fc.weight", "values")
    );
    assert_eq!(
        one.renamed,
        [Renamed {
            from: "fc.bias".into(),
            to: "fc.shift".into()
        }]
    );
    assert_eq!(
        (&one.missing[..], &one.added[..]),
        (&["half".to_owned()][..], &["new".to_owned()][..])
    );
    assert!(check.to_string().contains("DIFFERENT"), "{check}");
}

#[test]
fn with_an_unread_tensor_there_is_no_root_and_nobody_can_tell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let mut entries = entries();
    entries.push(("odd", "C64", &[1], vec![0; 8]));
    safetensors(&path, &entries);
    let hashes = hashed(&[&path]);
    let model = &hashes.models()[0];
    assert_eq!(
        (model.root, model.unread.len(), model.tensors.len()),
        (None, 1, 5)
    );
    assert_eq!(model.unread[0].tensor, "odd");
    assert!(!hashes.coverage().is_complete());
    let expected = kept(&hashes);
    let check = expected.check(hashes.models()).unwrap();
    assert_eq!(check.verdict, Verdict::CannotTell);
    assert_eq!(check.models[0].unknown, ["odd"]);
    entries[0].3[0] ^= 1;
    safetensors(&path, &entries);
    let check = expected.check(hashed(&[&path]).models()).unwrap();
    assert_eq!(check.verdict, Verdict::Differs);
}

#[test]
fn a_document_that_was_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    safetensors(&path, &entries());
    let text = serde_json::to_string(&hashed(&[&path])).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(Expected::from_json(&text).is_ok());
    document["models"][0]["tensors"][0]["blake3"] = "0".repeat(64).into();
    let error = Expected::from_json(&document.to_string())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("its root is not that of its tensors"),
        "{error}"
    );
    document["models"][0]["root"] = serde_json::Value::Null;
    assert!(Expected::from_json(&document.to_string()).is_err());
    document["schema"] = "modeltrail.hash/9".into();
    let error = Expected::from_json(&document.to_string())
        .unwrap_err()
        .to_string();
    assert!(error.contains("modeltrail.hash/1"), "{error}");
    for text in [
        "",
        "{}",
        "[]",
        r#"{"schema":"modeltrail.hash/1","models":[]}"#,
    ] {
        assert!(Expected::from_json(text).is_err(), "{text}");
    }
}

#[test]
fn of_several_kept_models_the_one_of_the_same_name_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a.safetensors", "b.safetensors", "c.safetensors"];
    let [a, b, c] = names.map(|name| folder.path().join(name));
    let mut entries = entries();
    safetensors(&a, &entries);
    entries[0].3[5] ^= 1;
    safetensors(&b, &entries);
    safetensors(&c, &entries);
    let expected = kept(&hashed(&[&a, &b]));
    let again = hashed(&[&b, &a]).held_against(&expected).unwrap();
    assert_eq!(again.check().unwrap().verdict, Verdict::Same);
    let error = hashed(&[&c])
        .held_against(&expected)
        .unwrap_err()
        .to_string();
    assert!(error.contains("2 models"), "{error}");
}
