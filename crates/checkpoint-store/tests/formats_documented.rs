//! The table of formats in `docs/import.md` is made from the code and from the fixtures: each fixture is
//! read, and stands in the row of the format that it is read as.
//!
//! `BLESS=1 cargo test -p checkpoint-store --test formats_documented` writes it anew.
#![allow(clippy::unwrap_used)]

use checkpoint_store::Error;
use checkpoint_store::foreign::{Limits, Role, discover, known_and_not_supported};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What the table stands between.
const START: &str = "<!-- formats: written by `BLESS=1 cargo test -p checkpoint-store --test formats_documented` -->\n";
const END: &str = "<!-- end of formats -->\n";

/// What is said of a format.
#[derive(Default)]
struct Row {
    fixtures: Vec<String>,
    types: BTreeSet<String>,
    unread: BTreeSet<String>,
    weights: u64,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The row of every format that a fixture is read as, and of every fixture that is refused.
fn rows() -> (BTreeMap<String, Row>, Vec<[String; 3]>) {
    let fixtures = root().join("tests/foreign/fixtures");
    let discovery = discover(std::slice::from_ref(&fixtures), &Limits::default());
    assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut refused = Vec::new();
    for found in &discovery.checkpoints {
        let name = found.path.strip_prefix(&fixtures).unwrap();
        let name = name.to_str().unwrap().to_owned();
        let description = match found.describe(&Limits::default()) {
            Ok(description) => description,
            Err(Error::Foreign { what, way_out, .. }) => {
                refused.push([name, what, way_out.to_string()]);
                continue;
            }
            Err(other) => panic!("{other}"),
        };
        let row = rows.entry(description.format().to_string()).or_default();
        row.fixtures.push(name);
        for tensor in description.tensors() {
            row.types.insert(tensor.element.to_string());
            if tensor.role == Role::Weight {
                row.weights += tensor.elements();
            }
        }
        let unread = description.unread().iter();
        row.unread.extend(unread.map(|tensor| tensor.dtype.clone()));
    }
    (rows, refused)
}

fn table() -> String {
    let list = |all: &BTreeSet<String>| {
        let all: Vec<String> = all.iter().map(|one| format!("`{one}`")).collect();
        if all.is_empty() {
            "–".to_owned()
        } else {
            all.join(", ")
        }
    };
    let mut text = String::from(
        "\n| format | types in its fixtures | unread in them | fixtures |\n|---|---|---|---|\n",
    );
    let (rows, refused) = rows();
    for (format, row) in rows {
        assert!(row.weights > 0, "no weight is read of {format}");
        let fixtures: Vec<String> = row
            .fixtures
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let (types, unread) = (list(&row.types), list(&row.unread));
        let fixtures = fixtures.join(", ");
        writeln!(text, "| {format} | {types} | {unread} | {fixtures} |").unwrap();
    }
    text.push_str("\nKnown and refused, since what they make of a model cannot be told from them as they are:\n\n| fixture | why | what to do |\n|---|---|---|\n");
    for [name, why, way_out] in refused {
        writeln!(text, "| `{name}` | {why} | {way_out} |").unwrap();
    }
    text.push_str("\nKnown by their names and not supported:\n\n| files | named | what to do |\n|---|---|---|\n");
    for known in known_and_not_supported() {
        let names: Vec<String> = known.names.iter().map(|name| format!("`{name}`")).collect();
        let (what, names, way_out) = (known.what, names.join(", "), known.way_out);
        writeln!(text, "| {what} | {names} | {way_out} |").unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_table_of_formats_is_what_the_code_reads() {
    let path = root().join("../../docs/import.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let start = document.find(START).expect("the mark before the table") + START.len();
    let end = document.find(END).expect("the mark behind the table");
    let table = table();
    if document[start..end] == table {
        return;
    }
    let fresh = format!("{}{table}{}", &document[..start], &document[end..]);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, fresh).unwrap();
    } else {
        panic!(
            "docs/import.md has another table of formats than the code: run with BLESS=1\n{table}"
        );
    }
}
