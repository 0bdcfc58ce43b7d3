//! Families, and within each the parts that a gap or a branch of its tree separates.

use super::answer::Count;
use crate::error::Result;
use nalgebra::DMatrixView;
use std::collections::HashMap;
use trajectory::assignment::Clusters;
use trajectory::branches;
use trajectory::dendrogram::Dendrogram;
use trajectory::families::Families;
use trajectory::given::exactly;
use trajectory::minimum_spanning_tree::{Edge, minimum_spanning_tree_of};
use trajectory::runs::{FEWEST_CHECKPOINTS, count_runs};
use trajectory::spanning_tree::SpanningTree;

/// What was separated.
pub(super) struct Parts {
    /// The leaves of each part.
    pub(super) clusters: Clusters,
    /// For each family how its parts were counted, and how many of them are branches.
    pub(super) counts: Vec<(Count, usize)>,
    /// The same before branches were split off.
    pub(super) gathered: Clusters,
}

/// Separates the leaves of each family. `tree` are the edges of the minimum spanning tree of all, and
/// `given` is the number of runs, if it is known.
pub(super) fn separate(
    points: DMatrixView<'_, f32>,
    tree: &[Edge],
    families: &Families,
    given: Option<usize>,
) -> Result<Parts> {
    let mut edges = Vec::with_capacity(tree.len());
    let mut counts = Vec::with_capacity(families.clusters.len());
    let mut labels = vec![0; points.ncols()];
    let mut next = 0;
    let all = &families.clusters;
    let mut own: Vec<Vec<Edge>> = vec![Vec::new(); all.len()];
    for edge in tree {
        let family = all.labels().get(edge.a as usize);
        if let (Some(&a), Some(&b)) = (family, all.labels().get(edge.b as usize))
            && a == b
            && let Some(own) = own.get_mut(a as usize)
        {
            own.push(*edge);
        }
    }
    for (members, own) in all.iter().zip(own) {
        // Where another family lies between two of this one, its own tree is not a part of the tree of all.
        let own = match own.len() + 1 == members.len() {
            true => own,
            false => tree_of(points, members)?,
        };
        let (count, clusters) = counted(members, &own)?;
        for (&leaf, label) in members.iter().zip(clusters.labels()) {
            if let Some(own) = labels.get_mut(leaf as usize) {
                *own = next + label;
            }
        }
        next += clusters.len() as u32;
        edges.extend(own);
        counts.push((count, 0));
    }
    let gathered = Clusters::from_labels(&labels)?;
    let tree = SpanningTree::of_parts(points.ncols(), &edges, tree)?;
    let split = branches::split(points, &tree, &gathered)?;
    let clusters = match given {
        Some(given) => exactly(given, &split, &tree, all)?,
        None => split,
    };
    let family_of = |members: &[u32]| {
        let first = members
            .first()
            .and_then(|&leaf| all.labels().get(leaf as usize));
        first.map_or(0, |&family| family as usize)
    };
    let families: Vec<usize> = clusters.iter().map(family_of).collect();
    for (family, (count, branches)) in counts.iter_mut().enumerate() {
        let parts = families.iter().filter(|&&own| own == family).count();
        if given.is_some() {
            *count = Count::Given;
        } else {
            *branches = parts.saturating_sub(count.parts());
        }
    }
    Ok(Parts {
        clusters,
        gathered,
        counts,
    })
}

/// The minimum spanning tree of some leaves alone.
fn tree_of(points: DMatrixView<'_, f32>, members: &[u32]) -> Result<Vec<Edge>> {
    let edges = minimum_spanning_tree_of(points, members)?;
    let leaf = |place: u32| members.get(place as usize).copied().unwrap_or(place);
    let named = edges.into_iter().map(|edge| Edge {
        a: leaf(edge.a),
        b: leaf(edge.b),
        length: edge.length,
    });
    Ok(named.collect())
}

/// How many parts a family has by its merge heights alone, and which they are.
fn counted(members: &[u32], tree: &[Edge]) -> Result<(Count, Clusters)> {
    let place_of: HashMap<u32, u32> = members.iter().copied().zip(0..).collect();
    let place = |leaf: u32| place_of.get(&leaf).copied().unwrap_or_default();
    let local: Vec<Edge> = tree
        .iter()
        .map(|edge| Edge {
            a: place(edge.a),
            b: place(edge.b),
            length: edge.length,
        })
        .collect();
    let dendrogram = Dendrogram::from_tree(members.len(), &local)?;
    if members.len() < 2 * FEWEST_CHECKPOINTS {
        return Ok((Count::TooFew(members.len()), dendrogram.cut_into(1)?));
    }
    let found = count_runs(&dendrogram);
    let clusters = found.clusters(&dendrogram)?;
    Ok((Count::Found(found), clusters))
}
