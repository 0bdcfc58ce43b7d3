//! Checkpoints reduced to the tensors that they have in common with one.
//!
//! A fine-tuned model often has another head than the one it came from. What both have, under whatever
//! names, can still be compared; checkpoints with too little of it are named and skipped.

use super::listing::{Listing, Pending};
use super::source::Source;
use super::{Collection, Options, Single, Taken, read};
use crate::checkpoint::Checkpoint;
use crate::coverage::NotCompared;
use crate::error::Result;
use crate::mapping::{Held, Map, Representative, Said, Side, Unsupported, View, find};
use crate::progress::Silent;
use crate::source::TensorSource;
use checkpoint_store::TensorShape;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The one that all are compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference<'a> {
    pub(crate) one: &'a Checkpoint,
    /// Least share of its weights that a checkpoint must have too.
    pub(crate) least: f64,
    /// How tensors are matched.
    pub(crate) map: &'a Map,
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
    /// Where they lie, but for sketches.
    #[serde(skip)]
    pub(crate) apart: Vec<Apart>,
}

/// A checkpoint that is too unlike to be compared tensor by tensor.
#[derive(Debug, Clone)]
pub(crate) struct Apart {
    pub(crate) name: String,
    source: Source,
    layout: Vec<TensorShape>,
}

impl Apart {
    /// Its weights, which are read where they lie.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn open(&self, options: &Options) -> Result<Single> {
        let source = self.source.clone().shared(&self.layout)?;
        Single::of(self.name.clone(), source, options.memory)
    }
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
    let shapes = reference.one.shapes();
    let own = Held::of(reference.one);
    for mut group in listing.take_groups() {
        let Shared {
            common,
            share,
            view,
            said,
            beside,
        } = reference.shared(&own, &group);
        let share = if share.is_finite() { share } else { 0.0 };
        let is_whole = !reference.one.is_sketch() || common.len() == shapes.len();
        let is_enough = share >= reference.least && share > 0.0;
        let is_reduced = common.len() < group.layout.len() || view.is_some();
        let entries = std::mem::take(&mut group.entries);
        let (kept, rest): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|entry| is_enough && is_whole && !(entry.source.is_sketch() && is_reduced));
        let taken = kept.first().map(|first| Taken {
            checkpoints: kept.len(),
            example: first.name.clone(),
            mapping: said,
        });
        for mut entry in kept {
            if let Some(view) = &view {
                entry.source = Source::Mapped(Arc::clone(view), Box::new(entry.source));
            }
            listing.add(&common, entry);
        }
        if let (Some(taken), Some(group)) = (taken, listing.group_of(&common)) {
            let beside = beside.into_iter().map(|tensor| NotCompared {
                checkpoints: taken.checkpoints,
                example: taken.example.clone(),
                ..tensor
            });
            group.not_compared.extend(beside);
            if !taken.mapping.is_empty() {
                group.taken.push(taken);
            }
        }
        if let Some(first) = rest.first() {
            others.push(Other {
                checkpoints: rest.len(),
                example: first.name.clone(),
                share,
                differences: differences(&shapes, &group.layout),
                is_sketch: is_enough,
                apart: rest
                    .iter()
                    .filter(|entry| !entry.source.is_sketch())
                    .map(|entry| Apart {
                        name: entry.name.clone(),
                        source: entry.source.clone(),
                        layout: group.layout.clone(),
                    })
                    .collect(),
            });
        }
    }
    others.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.example.cmp(&b.example)));
    (read(listing, options, &Silent), others)
}

/// What a group has in common with the one.
#[derive(Default)]
struct Shared {
    common: Vec<TensorShape>,
    /// Share of the weights of the one.
    share: f64,
    /// How its checkpoints are to be shown, if that is not as they are stored.
    view: Option<Arc<View>>,
    said: Said,
    /// What its checkpoints have and the one has not.
    beside: Vec<NotCompared>,
}

impl Reference<'_> {
    /// The tensors in common are called as the one calls them, and are in the order of the group.
    fn shared(&self, own: &Held<'_>, group: &Pending) -> Shared {
        let last = group.entries.len().saturating_sub(1);
        let mut best = Shared::default();
        for place in if last == 0 { vec![0] } else { vec![last, 0] } {
            let Some(entry) = group.entries.get(place) else {
                continue;
            };
            let open = || -> Result<Box<dyn TensorSource + '_>> {
                Ok(Box::new(entry.source.open(&group.layout)?))
            };
            let has_values = !entry.source.is_sketch();
            let other = Representative::new(&group.layout, has_values, open);
            // What cannot be read now is reported when it is read.
            let found = find(own, &other, self.map, Unsupported::Keep);
            let Ok(mut found) =
                found.or_else(|_| find(own, &other, &Map::Exact, Unsupported::Keep))
            else {
                continue;
            };
            let share = found.share_of_a();
            if share <= best.share {
                continue;
            }
            found.pairs.sort_by_key(|pair| pair.b.tensors());
            let common = found.layout(own.tensors());
            let said = Said::of(&found, own.tensors(), &group.layout);
            let nothing: &[TensorShape] = &[];
            let beside = found.not_compared(("", nothing), ("", &group.layout));
            let shown: Vec<(usize, Option<u64>)> =
                found.pairs.iter().map(|pair| (pair.a, pair.rows)).collect();
            let view = found
                .is_renamed()
                .then(|| Arc::new(View::of_b(&group.layout, own.tensors(), found, &shown)));
            best = Shared {
                common,
                share,
                view,
                said,
                beside: beside
                    .into_iter()
                    .map(|tensor| NotCompared {
                        was_read: false,
                        ..tensor
                    })
                    .collect(),
            };
            if share >= self.least && best.said.ambiguous.is_empty() {
                break;
            }
        }
        best
    }
}

/// In what a layout differs from the tensors of the one, by their names.
fn differences(shapes: &BTreeMap<&str, &[usize]>, layout: &[TensorShape]) -> Vec<String> {
    let theirs: BTreeMap<&str, &[u64]> = layout
        .iter()
        .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice()))
        .collect();
    let own = shapes.iter().filter_map(|(name, shape)| {
        let shown = super::printable(name);
        match theirs.get(name) {
            None => Some(format!("{shown} is missing")),
            Some(other) if !is_alike(shape, other) => {
                Some(format!("{shown} is {other:?} and not {shape:?}"))
            }
            Some(_) => None,
        }
    });
    let more = theirs.keys().filter(|name| !shapes.contains_key(*name));
    let more = more.map(|name| format!("{} is new", super::printable(name)));
    own.chain(more).collect()
}

fn is_alike(own: &[usize], other: &[u64]) -> bool {
    own.iter()
        .map(|&side| side as u64)
        .eq(other.iter().copied())
}
