//! Checkpoints of one architecture under other names, or with a few tensors more or fewer, brought
//! into one group: what all have is compared, and the rest is said.

use super::group::Taken;
use super::layout::{elements, parameters};
use super::listing::{Entry, Pending};
use super::source::Source;
use crate::coverage::NotCompared;
use crate::error::Result;
use crate::mapping::{LEAST_SHARE, Map, Mapping, Representative, Said, Unsupported, View, find};
use checkpoint_store::TensorShape;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Groups that are compared with each other: each pair costs a matching of names, and more where
/// names do not match.
const MOST_GROUPS: usize = 256;

/// Groups that are one architecture.
struct Cluster {
    /// The place of the first of them in the listing.
    first: usize,
    reference: Pending,
    joined: Vec<(Pending, Mapping)>,
    /// Places of the reference's tensors that all have, with so many rows.
    common: BTreeMap<usize, Option<u64>>,
}

/// Brings groups together that are of one architecture.
pub(super) fn join(groups: Vec<Pending>, map: &Map) -> Vec<Pending> {
    if matches!(map, Map::Exact) || groups.len() < 2 || groups.len() > MOST_GROUPS {
        return groups;
    }
    let mut order: Vec<(usize, Pending)> = groups.into_iter().enumerate().collect();
    // Sketches can show no other tensors than their own, so that others have to be brought to these;
    // then the largest model, which has what others may lack.
    order.sort_by_key(|(_, group)| {
        let size = (parameters(&group.layout), group.entries.len());
        (!has_sketch(group), std::cmp::Reverse(size))
    });
    let mut clusters: Vec<Cluster> = Vec::new();
    for (first, group) in order {
        let mut left = Some(group);
        for cluster in &mut clusters {
            let Some(group) = left.take() else {
                break;
            };
            left = cluster.take(group, first, map);
        }
        if let Some(reference) = left {
            let places = 0..reference.layout.len();
            clusters.push(Cluster {
                first,
                common: places.map(|place| (place, None)).collect(),
                reference,
                joined: Vec::new(),
            });
        }
    }
    clusters.sort_by_key(|cluster| cluster.first);
    clusters.into_iter().map(Cluster::finish).collect()
}

fn has_sketch(group: &Pending) -> bool {
    group.entries.iter().any(|entry| entry.source.is_sketch())
}

/// Matches the tensors of two groups by what their first or last checkpoints show.
fn matched(reference: &Pending, group: &Pending, map: &Map) -> Option<Mapping> {
    let ends = |group: &Pending| -> Vec<usize> {
        let last = group.entries.len().saturating_sub(1);
        if last == 0 { vec![0] } else { vec![last, 0] }
    };
    let mut best: Option<Mapping> = None;
    // Checkpoints of one run are near each other only if they are of about the same time.
    for own in ends(reference) {
        for other in ends(group) {
            let (a, b) = (side(reference, own)?, side(group, other)?);
            let Ok(found) = find(&a, &b, map, Unsupported::Drop) else {
                continue;
            };
            let is_enough = found.share() >= LEAST_SHARE && !found.is_ambiguous();
            if best
                .as_ref()
                .is_none_or(|best| found.share() > best.share())
            {
                best = Some(found);
            }
            if is_enough {
                return best;
            }
        }
    }
    best
}

fn side<'a>(group: &'a Pending, entry: usize) -> Option<Representative<'a>> {
    let entry = group.entries.get(entry)?;
    let open = || -> Result<Box<dyn crate::source::TensorSource + 'a>> {
        Ok(Box::new(entry.source.open(&group.layout)?))
    };
    let has_values = !entry.source.is_sketch();
    Some(Representative::new(&group.layout, has_values, open))
}

impl Cluster {
    /// Takes a group in, or gives it back if it is of another architecture.
    fn take(&mut self, group: Pending, first: usize, map: &Map) -> Option<Pending> {
        let (own, other) = (
            parameters(&self.reference.layout),
            parameters(&group.layout),
        );
        let could_be = own.min(other) as f64 >= LEAST_SHARE * own.max(other) as f64;
        if has_sketch(&group) || !could_be {
            return Some(group);
        }
        let Some(mapping) = matched(&self.reference, &group, map) else {
            return Some(group);
        };
        let common = self.in_common(&mapping);
        let weights = self.weights(&common);
        let is_whole = weights == own && common.len() == self.reference.layout.len();
        if has_sketch(&self.reference) && !is_whole {
            return Some(group);
        }
        let joined = self.joined.iter();
        let sizes = joined.map(|(joined, mapping)| apart_from_ties(joined, mapping));
        let all = sizes.chain([own, apart_from_ties(&group, &mapping)]);
        if all
            .into_iter()
            .any(|all| (weights as f64) < LEAST_SHARE * all as f64)
        {
            return Some(group);
        }
        self.common = common;
        self.first = self.first.min(first);
        self.joined.push((group, mapping));
        None
    }

    /// What all have, with one more.
    fn in_common(&self, mapping: &Mapping) -> BTreeMap<usize, Option<u64>> {
        let pairs = mapping.pairs.iter();
        let common = pairs.filter_map(|pair| {
            let before = self.common.get(&pair.a)?;
            let rows = match (before, pair.rows) {
                (Some(before), Some(rows)) => Some(rows.min(*before)),
                (before, rows) => before.or(rows),
            };
            // Rows can be cut of what is stored whole.
            let can_be_cut = rows == pair.rows || pair.b.as_stored().is_some();
            can_be_cut.then_some((pair.a, rows))
        });
        common.collect()
    }

    fn weights(&self, common: &BTreeMap<usize, Option<u64>>) -> u64 {
        let layout = &self.reference.layout;
        let sizes = common.iter().filter_map(|(&place, &rows)| {
            let tensor = layout.get(place)?;
            Some(elements(&with_rows(tensor, rows)))
        });
        sizes.fold(0, u64::saturating_add)
    }

    /// One group of all.
    fn finish(self) -> Pending {
        if self.joined.is_empty() {
            return self.reference;
        }
        let shown: Vec<(usize, Option<u64>)> = self.common.into_iter().collect();
        let layout = shown.iter().filter_map(|&(place, rows)| {
            let tensor = self.reference.layout.get(place)?;
            Some(with_rows(tensor, rows))
        });
        let mut whole = Pending {
            layout: layout.collect(),
            entries: Vec::new(),
            taken: Vec::new(),
            not_compared: Vec::new(),
        };
        let reference = self.reference.layout;
        let is_all = whole.layout == reference;
        let view = (!is_all).then(|| Arc::new(View::of_a(&reference, &shown)));
        whole.add(self.reference.entries, view);
        for (group, mapping) in self.joined {
            let said = Said::of(&mapping, &reference, &group.layout);
            let view = Arc::new(View::of_b(&group.layout, &reference, mapping, &shown));
            if let (Some(first), false) = (group.entries.first(), said.is_empty()) {
                whole.taken.push(Taken {
                    checkpoints: group.entries.len(),
                    example: first.name.clone(),
                    mapping: said,
                });
            }
            whole.add(group.entries, Some(view));
        }
        whole
    }
}

impl Pending {
    /// Adds checkpoints that are shown in this way.
    fn add(&mut self, entries: Vec<Entry>, view: Option<Arc<View>>) {
        if let (Some(view), Some(first)) = (&view, entries.first()) {
            let beside = view
                .beside()
                .filter(|(place, _)| view.tie(*place).is_none());
            let shown: BTreeMap<&str, u64> = self
                .layout
                .iter()
                .map(|tensor| (tensor.name.as_str(), elements(tensor)))
                .collect();
            for (_, tensor) in beside {
                let compared = shown.get(tensor.name.as_str()).copied().unwrap_or(0);
                let all = elements(tensor);
                self.not_compared.push(NotCompared {
                    tensor: tensor.name.clone(),
                    weights: if compared < all { all - compared } else { all },
                    checkpoints: entries.len(),
                    example: first.name.clone(),
                    why: "not all of the checkpoints have it in this shape",
                    was_read: true,
                });
            }
        }
        let entries = entries.into_iter().map(|entry| match &view {
            None => entry,
            Some(view) => Entry {
                source: Source::Mapped(Arc::clone(view), Box::new(entry.source)),
                ..entry
            },
        });
        self.entries.extend(entries);
    }
}

/// Weights of a checkpoint, those once that it stores twice.
fn apart_from_ties(group: &Pending, mapping: &Mapping) -> u64 {
    let ties = mapping.tied_b.iter();
    let twice = ties
        .filter_map(|(tensor, _)| group.layout.get(*tensor))
        .map(elements);
    parameters(&group.layout).saturating_sub(twice.sum())
}

fn with_rows(tensor: &TensorShape, rows: Option<u64>) -> TensorShape {
    let mut tensor = tensor.clone();
    if let (Some(rows), Some(side)) = (rows, tensor.shape.first_mut()) {
        *side = rows;
    }
    tensor
}
