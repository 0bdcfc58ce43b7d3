//! The dendrogram of all distinct checkpoints.

use crate::error::Result;
use crate::runs::{Place, Runs};
use report::Scale;
use report::figure::{ZooDendrogram, named_dendrogram, zoo_dendrogram};
use report::html::Block;
use report::linkage::{Linkage, Merge};
use std::collections::HashMap;

/// Up to so many leaves have their names below them.
const MOST_NAMED: usize = 60;

pub(super) fn blocks(found: &Runs) -> Result<Vec<Block>> {
    let leaves = found.leaves.len();
    if leaves < 2 {
        return Ok(Vec::new());
    }
    // Every leaf is a checkpoint of one run.
    let mut known: HashMap<usize, (usize, &Place)> = HashMap::new();
    for (index, run) in found.runs.iter().enumerate() {
        known.extend(
            run.places
                .iter()
                .map(|place| (place.member, (index, place))),
        );
    }
    let shown = || found.leaves.iter().filter_map(|leaf| known.get(leaf));
    let merges = found.dendrogram.merges().iter().map(|merge| Merge {
        left: merge.left as usize,
        right: merge.right as usize,
        height: merge.height,
    });
    let zoo = ZooDendrogram {
        title: "Single linkage".to_owned(),
        linkage: Linkage::new(leaves, merges.collect())?,
        leaf_runs: shown().map(|(run, _)| *run).collect(),
        clusters: found.runs.len(),
        scale: Scale::Linear,
    };
    let is_after_event = |run: usize, place: &Place| {
        let run = found.runs.get(run);
        let mut events = run.into_iter().flat_map(|run| run.events.iter());
        events.any(|event| event.name == place.name())
    };
    let is_named = leaves <= MOST_NAMED;
    let svg = if is_named {
        let names: Vec<String> = shown()
            .map(|(run, place)| {
                let mark = if is_after_event(*run, place) {
                    "◆ "
                } else {
                    ""
                };
                format!("{mark}{}", super::short(place.name()))
            })
            .collect();
        named_dendrogram(&zoo, &names)?
    } else {
        zoo_dendrogram(&zoo)?
    };
    let mut caption = String::from(
        "Single-linkage dendrogram of the distinct checkpoints: two branches meet at the least distance \
         between them. Runs are separated where high merges stand clear of all others.",
    );
    if is_named && found.runs.iter().any(|run| !run.events.is_empty()) {
        caption.push_str(" ◆ is the first checkpoint after an event.");
    }
    Ok(vec![Block::Figure { svg, caption }])
}
