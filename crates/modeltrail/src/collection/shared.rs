//! Checkpoints reduced to the tensors that they have in common with one.
//!
//! A fine-tuned model often has another head than the one it came from. What both have, by name and
//! shape, can still be compared; checkpoints with too little of it are named and skipped.

use super::listing::Listing;
use super::{Collection, Options, parameters, read};
use crate::progress::Silent;
use crate::source::TensorSource;
use checkpoint_store::TensorShape;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The one that all are compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference<'a> {
    /// Its tensors.
    pub(crate) shapes: &'a BTreeMap<&'a str, &'a [usize]>,
    /// Whether only a sketch is left of it, which cannot be reduced.
    pub(crate) is_sketch: bool,
    /// Least share of its weights that a checkpoint must have too.
    pub(crate) least: f64,
}

/// Checkpoints with the same tensors, too unlike to be compared.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Other {
    /// How many there are.
    pub(crate) checkpoints: usize,
    /// The first of them.
    pub(crate) example: String,
    /// Share of the weights that they have too.
    pub(crate) share: f64,
    /// In what they differ, tensor by tensor.
    pub(crate) differences: Vec<String>,
    /// Whether there would be enough in common, were there more than sketches.
    pub(crate) is_sketch: bool,
}

/// Reads what the paths stand for, each group reduced to what it has in common with the one.
///
/// The layouts of the groups are the tensors in common. The others are those with too few,
/// the nearest first.
pub(crate) fn collect_shared(
    paths: &[PathBuf],
    options: &Options,
    reference: &Reference<'_>,
) -> (Collection, Vec<Other>) {
    reduced(Listing::of(paths, options), options, reference)
}

/// As [`collect_shared`], of checkpoints wherever their owner has them.
pub(crate) fn collect_shared_sources(
    checkpoints: impl IntoIterator<Item = (String, Arc<dyn TensorSource>)>,
    options: &Options,
    reference: &Reference<'_>,
) -> (Collection, Vec<Other>) {
    let mut listing = Listing::default();
    for (name, source) in checkpoints {
        listing.add_own(name, source);
    }
    reduced(listing, options, reference)
}

fn reduced(
    mut listing: Listing,
    options: &Options,
    reference: &Reference<'_>,
) -> (Collection, Vec<Other>) {
    let mut others = Vec::new();
    let all: u64 = reference.shapes.values().map(|shape| size(shape)).sum();
    for group in listing.take_groups() {
        let common: Vec<TensorShape> = group
            .layout
            .iter()
            .filter(|tensor| reference.has(tensor))
            .cloned()
            .collect();
        let share = parameters(&common) as f64 / all.max(1) as f64;
        let is_whole = !reference.is_sketch || common.len() == reference.shapes.len();
        let is_enough = share >= reference.least && share > 0.0;
        let (kept, rest): (Vec<_>, Vec<_>) = group.entries.into_iter().partition(|entry| {
            let is_reduced = common.len() < group.layout.len();
            is_enough && is_whole && !(entry.source.is_sketch() && is_reduced)
        });
        for entry in kept {
            listing.add(&common, entry);
        }
        if let Some(first) = rest.first() {
            others.push(Other {
                checkpoints: rest.len(),
                example: first.name.clone(),
                share,
                differences: reference.differences(&group.layout),
                is_sketch: is_enough,
            });
        }
    }
    others.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.example.cmp(&b.example)));
    (read(listing, options, &Silent), others)
}

impl Reference<'_> {
    fn has(&self, tensor: &TensorShape) -> bool {
        let own = self.shapes.get(tensor.name.as_str());
        own.is_some_and(|shape| is_alike(shape, &tensor.shape))
    }

    fn differences(&self, layout: &[TensorShape]) -> Vec<String> {
        let theirs: BTreeMap<&str, &[u64]> = layout
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice()))
            .collect();
        let own = self.shapes.iter().filter_map(|(name, shape)| {
            let shown = super::printable(name);
            match theirs.get(name) {
                None => Some(format!("{shown} is missing")),
                Some(other) if !is_alike(shape, other) => {
                    Some(format!("{shown} is {other:?} and not {shape:?}"))
                }
                Some(_) => None,
            }
        });
        let more = theirs
            .keys()
            .filter(|name| !self.shapes.contains_key(*name));
        let more = more.map(|name| format!("{} is new", super::printable(name)));
        own.chain(more).collect()
    }
}

fn is_alike(own: &[usize], other: &[u64]) -> bool {
    own.iter()
        .map(|&side| side as u64)
        .eq(other.iter().copied())
}

fn size(shape: &[usize]) -> u64 {
    let sides = shape.iter().map(|&side| side as u64);
    sides.fold(1, u64::saturating_mul)
}
