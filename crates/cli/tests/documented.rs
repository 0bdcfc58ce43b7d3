//! Every `console` block of the documents is run, and prints what it shows.
//!
//! `$ ` starts a command, `? N` its exit status if that is not 0; the rest is what it prints, on
//! stdout and stderr. Each document's blocks run from the top in a folder of its own that holds
//! `examples/` and is otherwise empty, so what one block writes the next can read. One line `...` of
//! an answer stands for any lines. `BLESS=1 cargo test --test documented` writes anew what commands
//! print.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Some lines of a document.
enum Part {
    Prose(String),
    Shown { command: String, answer: String },
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
            (_, Some(Part::Shown { answer, .. })) if !is_fence => *answer += &format!("{line}\n"),
            _ => parts.push(Part::Prose(format!("{line}\n"))),
        }
    }
    parts
}

/// What a command prints, after its exit status if that is not 0.
fn answer(command: &str, folder: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_modeltrail"));
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(binary.parent().unwrap().to_owned()).chain(std::env::split_paths(&others)),
    );
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .env("PATH", path.unwrap())
        .current_dir(folder)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    match output.status.code().unwrap() {
        0 => printed,
        status => format!("? {status}\n{printed}"),
    }
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
    documents.extend(
        std::fs::read_dir(root.join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
    );
    documents.sort();
    documents
}

#[test]
fn commands_print_what_the_documents_show() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents(&root) {
        let folder = folder(&root);
        let before = std::fs::read_to_string(&document).unwrap();
        let mut after = String::new();
        for part in parts(&before) {
            match part {
                Part::Prose(lines) => after += &lines,
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
        if std::env::var_os("BLESS").is_some() && after != before {
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
