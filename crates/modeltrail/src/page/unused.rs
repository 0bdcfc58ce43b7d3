//! What of the checkpoints is not in the answer, and why.

use super::names::sentence;
use crate::collection::Collection;
use crate::printable::printable;
use crate::text::beside_weights;
use report::html::{Block, Section};
use report::table::{Column, Table};

/// What could not be read, is not finite, or is not compared.
pub(super) fn unused(collection: &Collection) -> Option<Section> {
    let mut blocks = Vec::new();
    if !collection.problems.is_empty() {
        let problems = collection.problems.iter();
        blocks.push(Block::Table(Table {
            caption: "Could not be read".to_owned(),
            columns: vec![Column::text("what is wrong")],
            rows: problems.map(|found| vec![found.message.clone()]).collect(),
        }));
    }
    if !collection.not_finite.is_empty() {
        let rows = collection.not_finite.iter().map(|found| {
            let tensors = found.tensors.iter();
            let tensors: Vec<String> = tensors
                .map(|(name, count)| format!("{count} in {}", printable(name)))
                .collect();
            vec![found.name.clone(), tensors.join(", ")]
        });
        blocks.push(Block::Table(Table {
            caption: "Skipped: weights that are NaN or infinite".to_owned(),
            columns: vec![Column::text("checkpoint"), Column::text("weights")],
            rows: rows.collect(),
        }));
    }
    if let Some(note) = beside_weights(collection.left_out, collection.passed_over) {
        blocks.push(Block::Text(sentence(&note)));
    }
    (!blocks.is_empty()).then(|| Section {
        title: "What was not used".to_owned(),
        blocks,
    })
}
