//! The table that the README shows: what the paper says, and what came out on our zoos and on the
//! gallery of trainings.

use report::table::{Column, Table};
use serde_json::{Map, Value};

/// What is asked, what the paper says of it, the key of our figure, and that of the gallery's.
const ROWS: [(&str, &str, &str, &str); 20] = [
    (
        "pairs of successive epochs in order, MLP",
        "0.357",
        "order_mlp_full",
        "",
    ),
    ("… CNN", "0.693", "order_cnn_full", ""),
    (
        "… MLP, SVD to 50 dimensions",
        "0.303",
        "order_mlp_svd50",
        "",
    ),
    (
        "… CNN, SVD to 50 dimensions",
        "0.675",
        "order_cnn_svd50",
        "",
    ),
    ("… an MLP on a plateau of noise", "–", "order_hard_full", ""),
    (
        "direction, right when it is asserted",
        "–",
        "direction_right_when_asserted",
        "",
    ),
    (
        "direction, share of runs for which it is asserted",
        "–",
        "direction_asserted",
        "",
    ),
    (
        "other data found at the first checkpoint, MLP",
        "supposed",
        "shift_recall_strong_mlp",
        "",
    ),
    (
        "… CNN; transformers, ResNets, …",
        "supposed",
        "shift_recall_strong_cnn",
        "found_shift-strong",
    ),
    ("… 20 % other data", "–", "", "found_shift-mild"),
    (
        "… 20 % of the labels wrong",
        "–",
        "found_label_noise_20",
        "found_noise-20",
    ),
    ("… learning rate x 3", "–", "found_rate_up", "found_rate-x3"),
    (
        "… learning rate ÷ 3",
        "–",
        "found_rate_down",
        "found_rate-div3",
    ),
    ("… batch x 4", "–", "found_batch", "found_batch-x4"),
    ("… half of the layers frozen", "–", "", "found_frozen"),
    ("… one bad batch", "–", "", "found_spike"),
    (
        "false alarms per 1,000 checkpoints",
        "–",
        "false_alarms_per_1000_epochs",
        "false_alarms_per_1000_checkpoints",
    ),
    (
        "cause of an alarm named rightly",
        "–",
        "cause_accuracy",
        "cause_accuracy",
    ),
    (
        "forks placed within one epoch",
        "supposed",
        "fork_within_1",
        "",
    ),
    (
        "parent of a fork named rightly",
        "supposed",
        "fork_parent_right",
        "",
    ),
];

/// The paper's figures beside ours; `gallery` is the summary of the gallery of trainings.
pub fn table(zoos: &Map<String, Value>, gallery: &Map<String, Value>) -> Table {
    let number = |of: &Map<String, Value>, key: &str| {
        let value = of.get(key).and_then(Value::as_f64);
        value.map_or("–".to_owned(), |value| format!("{value:.3}"))
    };
    let samples = |of: &Map<String, Value>, key: &str| {
        let count = of.get(&format!("n_{key}")).and_then(Value::as_f64);
        count.map_or(String::new(), |count| format!("{count}"))
    };
    let rows = ROWS.iter().map(|(question, paper, key, other)| {
        vec![
            (*question).to_owned(),
            (*paper).to_owned(),
            number(zoos, key),
            samples(zoos, key),
            number(gallery, other),
            samples(gallery, other),
        ]
    });
    Table {
        caption: "Headlines".to_owned(),
        columns: vec![
            Column::text(""),
            Column::number("", "paper"),
            Column::number("", "zoos"),
            Column::number("", "n"),
            Column::number("", "gallery"),
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
