//! The real program, run on folders of checkpoints that tests write.

// Every test file takes what it needs.
#![allow(dead_code)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Runs the program to its end.
pub(crate) fn modeltrail(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_modeltrail"))
        .args(arguments)
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The answer as JSON, if the exit status is this one.
pub(crate) fn json(arguments: &[&str], status: i32) -> Value {
    let output = modeltrail(&[arguments, &["--json"]].concat());
    let message = text(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {message}"
    );
    document(&output.stdout)
}

/// A JSON document that is of the schema that it names.
pub(crate) fn document(bytes: &[u8]) -> Value {
    let document = serde_json::from_slice(bytes).unwrap();
    check_schema(&document);
    document
}

/// Panics unless the document is one of the schema that it names.
pub(crate) fn check_schema(document: &Value) {
    let name = document["schema"].as_str();
    let known = name.and_then(|name| schemas().get(name));
    let validator = known.unwrap_or_else(|| panic!("{name:?} has no schema"));
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name:?}: {errors:#?}");
}

/// All of docs/schema, by their names.
pub(crate) fn schemas() -> &'static BTreeMap<String, jsonschema::Validator> {
    static SCHEMAS: OnceLock<BTreeMap<String, jsonschema::Validator>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
        let files = std::fs::read_dir(folder).unwrap();
        let schemas = files.map(|file| {
            let text = std::fs::read(file.unwrap().path()).unwrap();
            let schema: Value = serde_json::from_slice(&text).unwrap();
            let name = schema["title"].as_str().unwrap().to_owned();
            (name, jsonschema::validator_for(&schema).unwrap())
        });
        schemas.collect()
    })
}

/// Exit status 2, nothing on stdout, and one sentence on stderr that has all the words.
pub(crate) fn refused(arguments: &[&str], words: &[&str]) {
    let output = modeltrail(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(output.stdout.is_empty());
    assert!(!message.contains("panicked"), "{message}");
    assert!(
        message.matches("os error").count() <= 1,
        "told twice: {message}"
    );
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

/// Starts the program again and again, and kills it after so many milliseconds each.
pub(crate) fn kill_again_and_again(
    waits: impl IntoIterator<Item = u64>,
    start: impl Fn() -> Command,
) {
    let mut kills = 0;
    for wait in waits {
        let mut child = start();
        let child = child.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        kills += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills > 0, "every child ended before it was killed");
}

/// A tensor: its name, shape and values.
pub(crate) type Tensor<'a> = (&'a str, &'a [usize], &'a [f32]);

/// A file of f32 tensors, as the format has it: length of the header, header, values.
pub(crate) fn safetensors(tensors: &[Tensor<'_>]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (tensor, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let entry = serde_json::json!({
            "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()],
        });
        header.insert((*tensor).to_owned(), entry);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    file
}

/// Writes a file of f32 tensors, and the folders above it.
pub(crate) fn save(path: &Path, tensors: &[Tensor<'_>]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, safetensors(tensors)).unwrap();
}

/// A folder of checkpoints that a test writes.
pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn root(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub(crate) fn shown(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, tensors: &[Tensor<'_>]) {
        save(&self.path(name), tensors);
    }
}
