//! Every `console` block of the documents is run, and prints what it shows.
//!
//! `$ ` starts a command, `? N` its exit status if that is not 0; the rest is what it prints, on
//! stdout and stderr. Each document's blocks run from the top in a folder of its own that holds
//! `examples/` and is otherwise empty, so what one block writes the next can read. One line `...` of
//! an answer stands for any lines. `<!-- picture: FILE.svg $ COMMAND -->` makes a picture of what the
//! command prints, in colours. `BLESS=1 cargo test --test documented` writes anew what commands print,
//! and the pictures.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Columns of the terminals in pictures.
const COLUMNS: &str = "100";

/// Some lines of a document.
enum Part {
    Prose(String),
    Shown { command: String, answer: String },
    Picture { file: String, command: String },
}

/// What a line asks a picture of.
fn picture(line: &str) -> Option<(&str, &str)> {
    let asked = line.strip_prefix("<!-- picture: ")?.strip_suffix(" -->")?;
    asked.split_once(" $ ")
}

fn parts(document: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut is_console = false;
    for line in document.lines() {
        let is_fence = line.starts_with("```");
        is_console = (is_console && !is_fence) || line == "```console";
        match (line.strip_prefix("$ "), parts.last_mut()) {
            (Some(command), _) if is_console => parts.push(Part::Shown {
                command: command.to_owned(),
                answer: String::new(),
            }),
            (_, Some(Part::Shown { answer, .. })) if is_console && !is_fence => {
                *answer += &format!("{line}\n");
            }
            _ => parts.push(Part::Prose(format!("{line}\n"))),
        }
        if let Some((file, command)) = picture(line) {
            parts.push(Part::Picture {
                file: file.to_owned(),
                command: command.to_owned(),
            });
        }
    }
    parts
}

/// What a command prints on stdout and stderr, and how it ends.
fn run(command: &str, folder: &Path) -> (String, i32) {
    let binary = Path::new(env!("CARGO_BIN_EXE_modeltrail"));
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(binary.parent().unwrap().to_owned()).chain(std::env::split_paths(&others)),
    );
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .env("PATH", path.unwrap())
        .env_remove("COLUMNS")
        .current_dir(folder)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    (printed, output.status.code().unwrap())
}

/// What a command prints, after its exit status if that is not 0.
fn answer(command: &str, folder: &Path) -> String {
    match run(command, folder) {
        (printed, 0) => printed,
        (printed, status) => format!("? {status}\n{printed}"),
    }
}

/// A picture of a command and what it prints.
fn drawn(command: &str, folder: &Path) -> String {
    let in_colours = command.replace("modeltrail ", "modeltrail --color always ");
    let (printed, _) = run(&format!("export COLUMNS={COLUMNS}; {in_colours}"), folder);
    report::terminal::terminal(command, &printed)
}

/// Whether these are the shown lines, of which one `...` stands for any.
fn is_shown(shown: &str, printed: &str) -> bool {
    match shown.split_once("...\n") {
        None => shown == printed,
        Some((start, end)) => printed
            .strip_prefix(start)
            .is_some_and(|rest| rest.ends_with(end)),
    }
}

/// An empty folder for one document's blocks, but for `examples/`.
fn folder(root: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root.join("examples"), folder.path().join("examples")).unwrap();
    folder
}

fn documents(root: &Path) -> Vec<PathBuf> {
    let mut documents: Vec<PathBuf> = ["README.md", "examples/README.md"]
        .map(|name| root.join(name))
        .into();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    documents.sort();
    documents
}

#[test]
fn commands_print_what_the_documents_show() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let is_blessed = std::env::var_os("BLESS").is_some();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents(&root) {
        let folder = folder(&root);
        let before = std::fs::read_to_string(&document).unwrap();
        let mut after = String::new();
        for part in parts(&before) {
            match part {
                Part::Prose(lines) => after += &lines,
                Part::Picture { file, command } => {
                    let file = document.parent().unwrap().join(file);
                    let picture = drawn(&command, folder.path());
                    let is_shown =
                        std::fs::read_to_string(&file).is_ok_and(|shown| shown == picture);
                    if is_blessed && !is_shown {
                        std::fs::write(&file, &picture).unwrap();
                    }
                    if !is_shown {
                        wrong.push(format!("{}:\n$ {command}", file.display()));
                    }
                }
                Part::Shown {
                    command,
                    answer: shown,
                } => {
                    count += 1;
                    let printed = answer(&command, folder.path());
                    let kept = if is_shown(&shown, &printed) {
                        &shown
                    } else {
                        &printed
                    };
                    after += &format!("$ {command}\n{kept}");
                    if kept != &shown {
                        wrong.push(format!("{}:\n$ {command}\n{printed}", document.display()));
                    }
                }
            }
        }
        if is_blessed && after != before {
            std::fs::write(&document, after).unwrap();
        }
    }
    assert!(count > 0);
    assert!(
        wrong.is_empty(),
        "other answers than shown:\n\n{}",
        wrong.join("\n")
    );
}

#[test]
fn dots_stand_for_any_lines() {
    assert!(is_shown("a\n...\nc\n", "a\nb\nb\nc\n"));
    assert!(is_shown("a\n...\n", "a\nb\n"));
    assert!(is_shown("a\nb\n", "a\nb\n"));
    assert!(!is_shown("a\n...\nc\n", "a\nb\n"));
    assert!(!is_shown("a\n", "a\nb\n"));
    assert!(!is_shown("a\n...\nc\n", "b\nc\n"));
}
