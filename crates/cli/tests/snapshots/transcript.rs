//! Calls of the program and what came of them, written one after another.

use crate::normal::{Fractions, json, text};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The checkpoints that every transcript may use.
pub(crate) const EXAMPLES: &str = "examples/checkpoints";

/// A folder to run the program in, so that no path names the machine, and what it said there.
pub(crate) struct Transcript {
    folder: tempfile::TempDir,
    fractions: Fractions,
    said: String,
}

impl Transcript {
    /// In a folder with the examples.
    pub(crate) fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let transcript = Self {
            folder: tempfile::tempdir().unwrap(),
            fractions: Fractions::Rounded,
            said: String::new(),
        };
        copy(&root.join(EXAMPLES), &transcript.path(EXAMPLES));
        transcript
    }

    /// The same, of commands whose numbers are not to be compared.
    pub(crate) fn without_fractions(mut self) -> Self {
        self.fractions = Fractions::Hidden;
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program without writing down what comes of it.
    pub(crate) fn quietly(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_modeltrail"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// Runs the program and writes down what it was asked, said and ended with.
    pub(crate) fn run(&mut self, line: &str) {
        let output = self.quietly(line);
        let status = output.status.code().unwrap();
        let (stdout, stderr) = (utf8(output.stdout), utf8(output.stderr));
        let stdout = if line.ends_with("--json") {
            json(&stdout, self.fractions).unwrap_or(stdout)
        } else {
            text(&stdout, self.fractions)
        };
        writeln!(self.said, "$ modeltrail {line}\n? {status}").unwrap();
        self.said.push_str(&stdout);
        for line in stderr.lines() {
            let line = text(line, Fractions::Rounded);
            writeln!(self.said, "! {line}").unwrap();
        }
        self.said.push('\n');
    }

    /// Runs the program twice: for text, and for JSON.
    pub(crate) fn both(&mut self, line: &str) {
        self.run(line);
        self.run(&format!("{line} --json"));
    }

    /// Writes down what a file says.
    pub(crate) fn file(&mut self, name: &str) {
        let content = std::fs::read_to_string(self.path(name)).unwrap();
        let content = text(&content, self.fractions);
        writeln!(self.said, "= {name}\n{content}").unwrap();
    }

    /// Writes down which files a folder holds.
    pub(crate) fn listing(&mut self, name: &str) {
        let mut names = Vec::new();
        list(&self.path(name), &mut names);
        let names = names.iter().map(|path| {
            let path = path.strip_prefix(self.folder.path()).unwrap();
            format!("{}\n", path.display())
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        writeln!(self.said, "= {name}\n{}", names.concat()).unwrap();
    }

    /// Writes something down.
    pub(crate) fn note(&mut self, note: &str) {
        self.said.push_str(note);
    }

    /// Holds everything that was written down against what is recorded.
    pub(crate) fn check(self, name: &str) {
        let mut settings = insta::Settings::new();
        settings.set_snapshot_path("recorded");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.said));
    }
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

fn list(path: &Path, names: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            list(&entry.unwrap().path(), names);
        }
    } else {
        names.push(path.to_owned());
    }
}
