//! Some experiments made anew: their parts of what all of them wrote are replaced, the rest stays.

use crate::files::{write, write_json};
use crate::machine::Machine;
use anyhow::{Context, Result, bail};
use experiments::{Findings, markdown, page_of};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Replaces what these experiments found in the summary, the tables and the page of all of them, and
/// notes it in the manifest. Their own files are written already.
pub(super) fn renew(
    out: &Path,
    all: Vec<(&'static str, Findings)>,
    machine: &Machine,
) -> Result<()> {
    let read = |name: &str| {
        let path = out.join(name);
        let shown = path.display();
        std::fs::read_to_string(&path)
            .with_context(|| format!("{shown} cannot be read: run all experiments once"))
    };
    let mut summary: Map<String, Value> = serde_json::from_str(&read("summary.json")?)?;
    let mut tables = read("tables.md")?;
    let mut page = read("report.html")?;
    let mut manifest: Map<String, Value> = serde_json::from_str(&read("manifest.json")?)?;
    let renewed = manifest.entry("renewed").or_insert_with(|| json!({}));
    for (name, findings) in all {
        summary.extend(findings.summary.clone());
        let title = findings.title;
        let text = markdown("", std::slice::from_ref(&findings));
        let (_, text) = text.split_once("\n## ").context("a section of tables")?;
        tables = with_section(
            &tables,
            &format!("\n## {title}\n"),
            "\n## ",
            &format!("\n## {text}"),
        )?;
        let section = page_of(findings, "", Vec::new()).to_html();
        let heading = format!("\n<h2>{title}</h2>");
        let section = between(&section, &heading, "\n</section>")?;
        let section = format!("{heading}{section}");
        page = with_section(&page, &heading, "\n</section>", &section)?;
        if let Some(renewed) = renewed.as_object_mut() {
            let command = crate::machine::command();
            renewed.insert(
                name.to_owned(),
                json!({"command": command, "machine": machine}),
            );
        }
    }
    write_json(&out.join("summary.json"), &summary)?;
    super::write_headline(out, &summary)?;
    write(&out.join("tables.md"), tables)?;
    write(&out.join("report.html"), page)?;
    write_json(&out.join("manifest.json"), &manifest)
}

/// The text from behind a heading to where its section ends.
fn between<'a>(text: &'a str, heading: &str, end: &str) -> Result<&'a str> {
    let Some((_, rest)) = text.split_once(heading) else {
        bail!(
            "there is no section {:?}: run all experiments once",
            heading.trim()
        );
    };
    Ok(rest.split_once(end).map_or(rest, |(section, _)| section))
}

/// A text with another section in the place of that with this heading.
fn with_section(text: &str, heading: &str, end: &str, section: &str) -> Result<String> {
    let old = between(text, heading, end)?;
    let breaks = &old[old.trim_end_matches('\n').len()..];
    let section = section.trim_end_matches('\n');
    Ok(text.replacen(&format!("{heading}{old}"), &format!("{section}{breaks}"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_section_is_replaced_and_the_others_stay() {
        let text = "# All\n\n## A\n\nold\n\n## B\n\nkept\n";
        let new = with_section(text, "\n## A\n", "\n## ", "\n## A\n\nnew\n").unwrap();
        assert_eq!(new, "# All\n\n## A\n\nnew\n\n## B\n\nkept\n");
        let new = with_section(text, "\n## B\n", "\n## ", "\n## B\n\nnew\n").unwrap();
        assert_eq!(new, "# All\n\n## A\n\nold\n\n## B\n\nnew\n");
        assert!(with_section(text, "\n## C\n", "\n## ", "").is_err());
    }
}
