//! The page that `report` writes: what it says, not how it looks.

use crate::normal::{Fractions, text};
use crate::transcript::{EXAMPLES, Transcript};

#[test]
fn report() {
    let mut transcript = Transcript::new();
    for folder in ["two-runs", "shifted"] {
        let line = format!("report {EXAMPLES}/{folder} --out {folder}.html");
        transcript.run(&line);
        transcript.run(&line.replace(".html", "-2.html --json"));
        let page = std::fs::read_to_string(transcript.path(&format!("{folder}.html"))).unwrap();
        let words = text(&words(&page), Fractions::Rounded);
        let version = format!("modeltrail {}", env!("CARGO_PKG_VERSION"));
        let words = words.replace(&version, "modeltrail #.#.#");
        transcript.note(&format!("= {folder}.html\n{words}\n"));
    }
    transcript.check("report");
}

/// What a new line begins at.
const LINES: [&str; 13] = [
    "tr",
    "/tr",
    "p",
    "/p",
    "h1",
    "h2",
    "h3",
    "dt",
    "li",
    "a",
    "/nav",
    "figcaption",
    "/title",
];

/// The text of a page, without pictures, styles and scripts.
fn words(page: &str) -> String {
    let mut page = page.to_owned();
    for element in ["svg", "style", "script"] {
        let (open, close) = (format!("<{element}"), format!("</{element}>"));
        while let Some(start) = page.find(&open) {
            let end = start + page[start..].find(&close).unwrap() + close.len();
            page.replace_range(start..end, &format!("[{element}]"));
        }
    }
    // Cells of a row stay on one line.
    let page = page.replace('\n', " ").replace("</td>", " | ");
    let page = page.replace("</th>", " | ").replace("</dt>", ": ");
    let mut out = String::new();
    for part in page.split('<') {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        let tag = tag.split_whitespace().next().unwrap_or("");
        if LINES.contains(&tag) {
            out.push('\n');
        }
        out.push_str(text);
    }
    let lines = out.lines().map(|line| line.split_whitespace());
    let lines = lines.map(|words| words.collect::<Vec<_>>().join(" "));
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| line + "\n").collect()
}
