//! The table that the README shows: what the paper says, and what came out.

use report::table::{Column, Table};
use serde_json::{Map, Value};

/// What is asked, what the paper says of it, and the key of our figure.
const ROWS: [(&str, &str, &str); 13] = [
    (
        "pairs of successive epochs in order, MLP",
        "0.357",
        "order_mlp_full",
    ),
    ("… CNN", "0.693", "order_cnn_full"),
    ("… MLP, SVD to 50 dimensions", "0.303", "order_mlp_svd50"),
    ("… CNN, SVD to 50 dimensions", "0.675", "order_cnn_svd50"),
    ("… an MLP on a plateau of noise", "–", "order_hard_full"),
    (
        "direction, right when it is asserted",
        "–",
        "direction_right_when_asserted",
    ),
    (
        "direction, share of runs for which it is asserted",
        "–",
        "direction_asserted",
    ),
    (
        "strong shifts of data found at the first checkpoint, MLP",
        "supposed",
        "shift_recall_strong_mlp",
    ),
    ("… CNN", "supposed", "shift_recall_strong_cnn"),
    (
        "false alarms per 1,000 epochs",
        "–",
        "false_alarms_per_1000_epochs",
    ),
    ("cause of an alarm named rightly", "–", "cause_accuracy"),
    ("forks placed within one epoch", "supposed", "fork_within_1"),
    (
        "parent of a fork named rightly",
        "supposed",
        "fork_parent_right",
    ),
];

/// The paper's figures beside ours.
pub fn table(summary: &Map<String, Value>) -> Table {
    let number = |key: &str| summary.get(key).and_then(Value::as_f64);
    let rows = ROWS.iter().map(|(question, paper, key)| {
        let ours = number(key).map_or("–".to_owned(), |value| format!("{value:.3}"));
        let samples = number(&format!("n_{key}")).map_or(String::new(), |n| format!("{n}"));
        vec![(*question).to_owned(), (*paper).to_owned(), ours, samples]
    });
    Table {
        caption: "Headlines".to_owned(),
        columns: vec![
            Column::text(""),
            Column::number("", "paper"),
            Column::number("", "ours"),
            Column::number("", "n"),
        ],
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_readme_shows_the_committed_table() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
        let table = text("results/experiments/headline.md");
        assert!(
            text("README.md").contains(table.trim()),
            "copy results/experiments/headline.md into README.md"
        );
    }
}
