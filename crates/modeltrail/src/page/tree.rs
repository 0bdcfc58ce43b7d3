//! The dendrogram of all distinct checkpoints.

use crate::runs::GroupRuns;
use anyhow::Result;
use report::Scale;
use report::figure::{ZooDendrogram, named_dendrogram, zoo_dendrogram};
use report::html::Block;
use report::linkage::{Linkage, Merge};

/// Up to so many leaves have their names below them.
const MOST_NAMED: usize = 60;

pub(super) fn blocks(found: &GroupRuns) -> Result<Vec<Block>> {
    let answer = &found.answer;
    let members = &found.group.members;
    let leaves = answer.leaves.len();
    if leaves < 2 {
        return Ok(Vec::new());
    }
    let mut run_of = vec![0; members.len()];
    for (index, run) in answer.runs.iter().enumerate() {
        for place in &run.places {
            if let Some(run) = run_of.get_mut(place.member) {
                *run = index;
            }
        }
    }
    let merges = answer.dendrogram.merges().iter().map(|merge| Merge {
        left: merge.left as usize,
        right: merge.right as usize,
        height: merge.height,
    });
    let leaf_runs = answer.leaves.iter();
    let zoo = ZooDendrogram {
        title: "Single linkage".to_owned(),
        linkage: Linkage::new(leaves, merges.collect())?,
        leaf_runs: leaf_runs
            .filter_map(|&member| run_of.get(member).copied())
            .collect(),
        clusters: answer.runs.len(),
        scale: Scale::Linear,
    };
    let svg = if leaves <= MOST_NAMED {
        let named = answer.leaves.iter().filter_map(|&leaf| members.get(leaf));
        let names: Vec<String> = named.map(|member| super::short(&member.name)).collect();
        named_dendrogram(&zoo, &names)?
    } else {
        zoo_dendrogram(&zoo)?
    };
    let caption = "Single-linkage dendrogram of the distinct checkpoints: two branches meet at the \
                   least distance between them. Runs are told apart where high merges stand clear \
                   of all others.";
    Ok(vec![Block::Figure {
        svg,
        caption: caption.to_owned(),
    }])
}
