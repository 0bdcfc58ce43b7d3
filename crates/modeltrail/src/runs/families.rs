//! Which of the checkpoints are related at all, and the runs by their families.

use super::answer::{Place, Run};
use super::family::{Apart, Family};
use super::parts::Parts;
use crate::collection::{Group, Space, elements};
use crate::error::Result;
use checkpoint_store::foreign::natural_names;
use nalgebra::DMatrixView;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::ops::Range;
use trajectory::families::{Families, Link, families};
use trajectory::minimum_spanning_tree::Edge;
use trajectory::ordering::Directed;
use weightspace::compare::{Paired, Tensor};
use weightspace::relation::units;

/// The families of a group's distinct checkpoints.
pub(super) struct Related {
    pub(super) families: Families,
    /// For each the p-value of its weakest link, as a logarithm.
    ln_p: Vec<Option<f64>>,
}

/// A run with the order that it was made of.
pub(super) struct Draft {
    pub(super) order: Directed,
    pub(super) run: Run,
}

/// Families, and the runs that they name.
pub(super) struct Arranged {
    pub(super) families: Vec<Family>,
    pub(super) orders: Vec<Directed>,
    pub(super) runs: Vec<Run>,
}

/// Tells the families apart. `points` are the distinct checkpoints of the group, and `tree` the edges
/// of their minimum spanning tree.
pub(super) fn related(
    group: &Group,
    points: DMatrixView<'_, f32>,
    tree: &[Edge],
    seed: u64,
) -> Result<Related> {
    let families = families(points, &matrices(group), tree)?;
    let tested = families.weakest.par_iter().map(|link| match link {
        Some(link) if group.space == Space::Weights => tested(group, points, *link, seed),
        _ => Ok(None),
    });
    Ok(Related {
        ln_p: tested.collect::<Result<_>>()?,
        families,
    })
}

/// The rows of a point that are weights of matrices: tensors with two sides longer than 1. All rows of
/// sketches, and of models without matrices.
pub(crate) fn matrices(group: &Group) -> Vec<Range<usize>> {
    let whole = 0..group.points.nrows();
    if group.space == Space::Sketches {
        return vec![whole];
    }
    let mut rows: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for tensor in &group.layout {
        let end = start + elements(tensor) as usize;
        if tensor.shape.iter().filter(|&&side| side > 1).count() > 1 {
            match rows.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => rows.push(start..end),
            }
        }
        start = end;
    }
    if rows.is_empty() { vec![whole] } else { rows }
}

/// The exact test by the order of hidden units, of two of the points.
fn tested(
    group: &Group,
    points: DMatrixView<'_, f32>,
    link: Link,
    seed: u64,
) -> Result<Option<f64>> {
    let shapes: Vec<Vec<usize>> = group
        .layout
        .iter()
        .map(|tensor| tensor.shape.iter().map(|&side| side as usize).collect())
        .collect();
    let tensors = |leaf: u32| -> Vec<Tensor<'_>> {
        let mut rest: &[f32] = points.column(leaf as usize).data.into_slice();
        let named = group.layout.iter().zip(&shapes);
        let tensors = named.filter_map(|(tensor, shape)| {
            let (values, after) = rest.split_at_checked(shape.iter().product())?;
            rest = after;
            let name = &tensor.name;
            Some(Tensor {
                name,
                shape,
                values,
            })
        });
        tensors.collect()
    };
    let (a, b) = (tensors(link.a), tensors(link.b));
    let found = units::test(&Paired::new(&a, &b)?, seed)?;
    Ok((!found.layers.is_empty()).then_some(found.ln_p))
}

/// Sorts runs by their families, those of most checkpoints first, and so within a family. `joined` are
/// leaves of parts that were joined to others.
pub(super) fn arranged(
    drafts: Vec<Draft>,
    related: &Related,
    parts: &Parts,
    joined: &[u32],
    names: &dyn Fn(u32) -> String,
) -> Arranged {
    let clusters = &related.families.clusters;
    let family_of = |leaf: u32| {
        let label = clusters.labels().get(leaf as usize);
        label.map_or(0, |&label| label as usize)
    };
    let mut groups: Vec<(usize, Vec<Draft>)> = (0..clusters.len())
        .map(|family| (family, Vec::new()))
        .collect();
    for draft in drafts {
        let first = draft.order.leaves.first().copied();
        if let Some((_, drafts)) = groups.get_mut(first.map_or(0, family_of)) {
            drafts.push(draft);
        }
    }
    // Where the number of runs is given, one run may hold several families.
    groups.retain(|(_, drafts)| !drafts.is_empty());
    for (_, drafts) in &mut groups {
        drafts.sort_by(|a, b| by_size(&[a], &[b]));
    }
    groups.sort_by(|(_, a), (_, b)| {
        by_size(&a.iter().collect::<Vec<_>>(), &b.iter().collect::<Vec<_>>())
    });
    let tie = |link: Link| Apart {
        between: [names(link.a), names(link.b)],
        relative_distance: link.relative_distance,
    };
    let mut arranged = Arranged {
        families: Vec::new(),
        orders: Vec::new(),
        runs: Vec::new(),
    };
    for (family, drafts) in groups {
        let start = arranged.runs.len();
        let link = |of: &[Option<Link>]| of.get(family).copied().flatten().map(tie);
        let (count, branches) = parts.counts.get(family).cloned().unwrap_or_default();
        let parts = count.parts() + branches;
        let fewer = parts.saturating_sub(drafts.len());
        // What was joined again is no branch.
        let branches = branches.saturating_sub(fewer.saturating_sub(count.parts() - 1));
        arranged.families.push(Family {
            runs: start..start + drafts.len(),
            checkpoints: drafts.iter().map(|draft| draft.run.places.len()).sum(),
            count,
            branches,
            joined: joined
                .iter()
                .filter(|&&leaf| family_of(leaf) == family)
                .count(),
            weakest: link(&related.families.weakest),
            nearest: link(&related.families.nearest),
            ln_p: related.ln_p.get(family).copied().flatten(),
        });
        for Draft { order, run } in drafts {
            arranged.orders.push(order);
            arranged.runs.push(run);
        }
    }
    arranged
}

/// More checkpoints first, then by the first name.
fn by_size(a: &[&Draft], b: &[&Draft]) -> Ordering {
    let size = |drafts: &[&Draft]| -> usize {
        let runs = drafts.iter();
        runs.map(|draft| draft.run.places.len()).sum()
    };
    let first = |drafts: &[&Draft]| -> Option<String> {
        let places = drafts.iter().flat_map(|draft| &draft.run.places);
        let names = places.map(Place::name);
        let first = names.min_by(|a, b| natural_names(a, b).then_with(|| a.cmp(b)));
        first.map(str::to_owned)
    };
    size(b)
        .cmp(&size(a))
        .then_with(|| match (first(a), first(b)) {
            (Some(a), Some(b)) => natural_names(&a, &b).then_with(|| a.cmp(&b)),
            (a, b) => a.cmp(&b),
        })
}
