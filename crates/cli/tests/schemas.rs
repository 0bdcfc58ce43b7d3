//! Every JSON document that the recorded answers hold is one of a schema in docs/schema.
#![allow(clippy::unwrap_used)]

mod support;

use modeltrail::runs::RunOptions;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The documents of a recorded transcript: what follows a call with `--json`.
fn documents(transcript: &str) -> Vec<Value> {
    let mut documents = Vec::new();
    let mut lines = transcript.lines().peekable();
    while let Some(line) = lines.next() {
        if !(line.starts_with("$ modeltrail ") && line.ends_with(" --json")) {
            continue;
        }
        let mut said = String::new();
        // After the exit status; stderr, and files that were written, are no answers.
        let _status = lines.next_if(|line| line.starts_with("? "));
        let is_answer = |line: &&str| !line.starts_with(['$', '!', '=']);
        while let Some(line) = lines.next_if(is_answer) {
            said.push_str(line);
            said.push('\n');
        }
        let values = serde_json::Deserializer::from_str(&said).into_iter();
        documents.extend(values.map(Result::unwrap).map(with_numbers));
    }
    documents
}

/// A document with numbers again where the record hides them.
fn with_numbers(value: Value) -> Value {
    match value {
        Value::String(text) if text == "#.#" => Value::from(0.5),
        Value::String(text) if text == "#" => Value::from(1),
        Value::Array(values) => values.into_iter().map(with_numbers).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (name, with_numbers(value)))
                .collect()
        }
        other => other,
    }
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|own| own == extension));
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

#[test]
fn every_document_is_of_a_schema_and_every_schema_has_a_document() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/recorded");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in support::schemas().keys() {
        counts.insert(name, 0);
    }
    let mut check = |document: &Value| {
        support::check_schema(document);
        let count = document["schema"]
            .as_str()
            .and_then(|name| counts.get_mut(name));
        *count.unwrap() += 1;
    };
    for file in files(&recorded, "snap") {
        let transcript = std::fs::read_to_string(&file).unwrap();
        documents(&transcript).iter().for_each(&mut check);
    }
    // No command prints what the library says of one group.
    let series = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/checkpoints/two-runs");
    let collection = modeltrail::Collection::options().read([series]);
    let runs = collection.groups[0].runs(&RunOptions::default()).unwrap();
    check(&serde_json::to_value(&runs).unwrap());
    for (name, count) in counts {
        assert!(count > 0, "no answer is of {name}");
    }
}

#[test]
fn a_document_that_lacks_a_field_is_refused() {
    let validator = &support::schemas()["modeltrail.error/1"];
    let whole = serde_json::json!({
        "schema": "modeltrail.error/1", "kind": "usage", "message": "what", "path": null,
    });
    assert!(validator.is_valid(&whole));
    for field in ["schema", "kind", "message"] {
        let mut lacking = whole.clone();
        lacking.as_object_mut().unwrap().remove(field);
        assert!(!validator.is_valid(&lacking), "{field}");
    }
}
