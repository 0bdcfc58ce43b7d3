//! The answer as one page: a table of findings, and a picture of which steps and files they concern.

use super::finding::{Affected, Finding};
use super::{Audit, Verdict};
use crate::printable::printable;
use crate::text::{counted, few};
use report::html::{Block, Page, Section};
use report::table::{Column, Table};

/// Names that a cell gives.
const NAMED: usize = 8;

impl Audit {
    /// One self-contained HTML page.
    pub fn to_html(&self) -> String {
        let count: usize = self.series.iter().map(|series| series.checkpoints).sum();
        let summary = match self.verdict {
            Verdict::Sound => format!("No defect was found in {}.", counted(count, "checkpoint")),
            Verdict::Defects => format!(
                "{} in {}.",
                counted(self.findings.len(), "finding"),
                counted(count, "checkpoint")
            ),
            Verdict::CannotTell => {
                "Nothing was found in what could be read; some of it could not be.".to_owned()
            }
        };
        let has_several = self.series.len() > 1;
        let mut sections: Vec<Section> = self
            .series
            .iter()
            .map(|series| {
                let own: Vec<&Finding> = self
                    .findings
                    .iter()
                    .filter(|finding| !has_several || finding.run == series.run)
                    .collect();
                let mut blocks = Vec::new();
                if own.is_empty() {
                    blocks.push(Block::Text(format!("{}.", series.nothing_found())));
                } else {
                    blocks.push(Block::Table(table(&own)));
                }
                let notes = series.notes.iter().map(|note| format!("{note}."));
                let notes = notes.chain([format!("{}.", series.caveat())]);
                blocks.extend(notes.map(Block::Text));
                Section {
                    title: series.heading(),
                    blocks,
                }
            })
            .collect();
        if !self.problems.is_empty() {
            let problems = self.problems.iter().map(|problem| problem.message.clone());
            sections.push(Section {
                title: "Not read".to_owned(),
                blocks: problems.map(Block::Text).collect(),
            });
        }
        let page = Page {
            title: "Is this series of checkpoints sound?".to_owned(),
            summary,
            facts: vec![(
                "modeltrail".to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            )],
            sections,
        };
        page.to_html()
    }
}

fn table(findings: &[&Finding]) -> Table {
    let columns = ["kind", "what", "files or tensors", "checkpoints"];
    let rows = findings.iter().map(|finding| {
        let which = match (&finding.tensors, finding.shards.as_slice()) {
            (_, [_, ..]) => few(finding.shards.iter().map(String::as_str), NAMED),
            (Affected::All, _) => "all".to_owned(),
            (Affected::Some(names), _) => few(names.iter().map(String::as_str), NAMED),
        };
        let checkpoints = finding.checkpoints.iter().map(String::as_str);
        vec![
            finding.kind.name().replace('_', " "),
            printable(&finding.to_string()),
            which,
            few(checkpoints, NAMED),
        ]
    });
    Table {
        caption: String::new(),
        columns: columns.map(Column::text).to_vec(),
        rows: rows.collect(),
    }
}
