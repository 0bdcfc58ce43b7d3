//! What the full check found: its steps, how long each took, and whether it passed.

use super::steps;
use crate::files::{write, write_json};
use crate::machine::Machine;
use anyhow::{Context, Result};
use report::table::{Column, Table};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::Path;

/// `summary.json`.
#[derive(Serialize, Deserialize)]
pub(super) struct Summary {
    schema: String,
    /// Whether every step is there and passed.
    passed: bool,
    steps: Vec<Step>,
}

/// One step, with the code and the machine that it ran on.
#[derive(Serialize, Deserialize)]
pub(super) struct Step {
    name: String,
    what: String,
    passed: bool,
    seconds: f64,
    /// What it measured, or why it failed.
    notes: Vec<String>,
    machine: Machine,
}

impl Step {
    pub(super) fn new(step: steps::Step, seconds: f64, done: Result<Vec<String>>) -> Self {
        Self {
            name: step.name.to_owned(),
            what: step.what.to_owned(),
            passed: done.is_ok(),
            seconds: seconds.round(),
            notes: done.unwrap_or_else(|error| vec![format!("{error:#}")]),
            machine: Machine::this(),
        }
    }
}

const SCHEMA: &str = "modeltrail.ci/1";

impl Summary {
    /// What an earlier check left in `folder`, or nothing.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("summary.json");
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!(
                    "{}: not a summary of this version; remove it",
                    path.display()
                )
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self {
                schema: SCHEMA.to_owned(),
                passed: false,
                steps: Vec::new(),
            }),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Puts a step in the place of an earlier one of its name.
    pub(super) fn replace(&mut self, step: Step) {
        self.steps.retain(|earlier| earlier.name != step.name);
        self.steps.push(step);
    }

    /// Writes it, its steps in the order of `names`; steps that there no longer are go.
    pub(super) fn write(&mut self, folder: &Path, names: &[&str]) -> Result<()> {
        let place = |step: &Step| names.iter().position(|name| *name == step.name);
        self.steps.retain(|step| place(step).is_some());
        self.steps.sort_by_key(place);
        self.passed = self.steps.len() == names.len() && self.steps.iter().all(|step| step.passed);
        write_json(&folder.join("summary.json"), self)?;
        write(&folder.join("summary.md"), self.to_markdown())
    }

    pub(super) fn is_passed(&self) -> bool {
        self.steps.iter().all(|step| step.passed)
    }

    pub(super) fn to_markdown(&self) -> String {
        let verdict = match (self.passed, self.is_passed()) {
            (true, _) => "passed",
            (false, true) => "not all of it was run; what was run passed",
            (false, false) => "**failed**",
        };
        let rows = self.steps.iter().map(|step| {
            vec![
                step.name.clone(),
                step.what.clone(),
                if step.passed { "passed" } else { "FAILED" }.to_owned(),
                format!("{:.0}", step.seconds),
                step.machine.commit.chars().take(12).collect(),
            ]
        });
        let table = Table {
            caption: String::new(),
            columns: vec![
                Column::text("step"),
                Column::text("what it does"),
                Column::text("verdict"),
                Column::number("", "seconds"),
                Column::text("commit"),
            ],
            rows: rows.collect(),
        };
        let mut text = format!(
            "# The full check\n\n`cargo xtask ci --full`: {verdict}.\n\n{}",
            table.to_markdown()
        );
        let noted = self.steps.iter().filter(|step| !step.notes.is_empty());
        for step in noted {
            text.push_str(&format!("\n{}:\n\n", step.name));
            for note in &step.notes {
                text.push_str(&format!("- {}\n", note.replace('\n', " ")));
            }
        }
        let mut machines: Vec<String> = self.steps.iter().map(|step| step.machine.line()).collect();
        machines.dedup();
        text.push_str(&format!("\nMachine: {}.\n", machines.join("; ")));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str) -> steps::Step {
        steps::Step {
            name,
            what: "something",
            run: || Ok(Vec::new()),
        }
    }

    #[test]
    fn a_step_run_again_replaces_its_earlier_result_and_all_must_pass() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["first", "second"];
        let mut summary = Summary::read(folder.path()).unwrap();
        summary.replace(Step::new(step("second"), 2.0, Ok(Vec::new())));
        summary.write(folder.path(), &names).unwrap();
        assert!(!summary.passed);
        summary.replace(Step::new(
            step("first"),
            1.0,
            Err(anyhow::anyhow!("broken")),
        ));
        summary.write(folder.path(), &names).unwrap();
        assert!(!summary.passed && summary.to_markdown().contains("broken"));
        let mut summary = Summary::read(folder.path()).unwrap();
        summary.replace(Step::new(step("first"), 1.0, Ok(Vec::new())));
        summary.write(folder.path(), &names).unwrap();
        assert!(summary.passed);
        let order: Vec<&str> = summary.steps.iter().map(|step| &step.name[..]).collect();
        assert_eq!(order, names);
    }
}
