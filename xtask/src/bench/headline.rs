//! The table that docs/bench.md shows: every work, ours, and the best peer whose answer is the same.

use crate::files::write;
use anyhow::{Context, Result};
use report::table::{Column, Table};
use serde_json::Value;
use std::path::Path;

/// What a work of the analysis is called.
const WORKS: [(&str, &str); 5] = [
    ("linkage", "minimum spanning tree, single linkage"),
    ("svd-50", "SVD to 50"),
    ("svd-500", "SVD to 500"),
    ("umap", "UMAP"),
    ("order", "order of every run"),
];

/// Writes `headline.md` from the results of both benchmarks, where both are there.
pub(super) fn update(folder: &Path) -> Result<()> {
    if !["analysis.json", "train.json"]
        .iter()
        .all(|file| folder.join(file).exists())
    {
        return Ok(());
    }
    write(&folder.join("headline.md"), table(folder)?.to_markdown())
}

fn table(folder: &Path) -> Result<Table> {
    let read = |file: &str| -> Result<Vec<Value>> {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path)?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    };
    let mut rows = training(&read("train.json")?);
    rows.extend(analysis(&read("analysis.json")?));
    Ok(Table {
        caption: String::new(),
        columns: vec![
            Column::text("processor time, one thread"),
            Column::number("", "ours"),
            Column::text("best peer with the same answer"),
            Column::number("", "its"),
            Column::number("", "times ours"),
        ],
        rows,
    })
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or("")
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or(f64::NAN)
}

/// The fastest of our engines and of the peers, for each network.
fn training(measurements: &[Value]) -> Vec<Vec<String>> {
    let fastest = |architecture: &str, is_peer: bool| {
        measurements
            .iter()
            .filter(|row| text(row, "architecture") == architecture)
            .filter(|row| row["version"].is_string() == is_peer && row["threads"] == 1)
            .min_by(|a, b| {
                let cost = |row: &Value| number(row, "cpu_us_per_model_step");
                cost(a).total_cmp(&cost(b))
            })
    };
    let row = |architecture: &str| {
        let ours = number(fastest(architecture, false)?, "cpu_us_per_model_step");
        let peer = fastest(architecture, true)?;
        let cost = number(peer, "cpu_us_per_model_step");
        Some(vec![
            format!("training step of one {}", architecture.to_uppercase()),
            format!("{ours:.2} µs"),
            format!("{} {}", text(peer, "engine"), text(peer, "version")),
            format!("{cost:.1} µs"),
            format!("{:.1}", cost / ours),
        ])
    };
    ["mlp", "cnn"].into_iter().filter_map(row).collect()
}

/// The first row of each work; peers that agree come first, the fastest of them before the others.
fn analysis(rows: &[Value]) -> Vec<Vec<String>> {
    let mut firsts: Vec<&Value> = Vec::new();
    for row in rows {
        let work = |row: &Value| [text(row, "work"), text(row, "points")].map(str::to_owned);
        if firsts.last().is_none_or(|last| work(last) != work(row)) {
            firsts.push(row);
        }
    }
    let row = |row: &Value| {
        let work = text(row, "work");
        let name = WORKS.iter().find(|(key, _)| *key == work);
        let (peer, cost, ratio) = match row["peer_cpu_s"].as_f64() {
            Some(cost) if row["agree"] == true => (
                format!("{} {}", text(row, "peer"), text(row, "peer_version")),
                format!("{cost:.2} s"),
                format!("{:.1}", number(row, "ratio")),
            ),
            _ => ("none".to_owned(), "–".to_owned(), "–".to_owned()),
        };
        vec![
            format!(
                "{} of {}",
                name.map_or(work, |(_, name)| name),
                text(row, "size")
            ),
            format!("{:.2} s", number(row, "ours_cpu_s")),
            peer,
            cost,
            ratio,
        ]
    };
    firsts.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_shows_what_the_committed_results_amount_to() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = root.join("results/bench");
        if std::env::var_os("BLESS").is_some() {
            update(&folder).unwrap();
        }
        let committed = std::fs::read_to_string(folder.join("headline.md")).unwrap();
        assert_eq!(committed, table(&folder).unwrap().to_markdown());
        let page = std::fs::read_to_string(root.join("docs/bench.md")).unwrap();
        assert!(
            page.contains(committed.trim()),
            "copy results/bench/headline.md into docs/bench.md"
        );
    }
}
