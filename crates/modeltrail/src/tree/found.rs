//! From distances to trees.
//!
//! Two models are neighbours if the minimum spanning tree joins them and they are nearer than unrelated
//! ones. A model that is a combination of two or three of those around it is a merge: it is taken out before
//! the others are joined, since it lies nearer to each of its parents than these lie to theirs. What joins
//! is then directed by what happened, as far as that has a direction.

use super::made::{self, Made};
use super::{Edge, Family, Model};
use crate::collection::{Group, Options, Space};
use crate::error::Result;
use crate::progress::Progress;
use crate::runs::matrices;
use nalgebra::DMatrix;
use std::collections::BTreeMap;
use trajectory::descent::{DIRECTED, Kin, Merge, directed, merge};
use trajectory::families::{LINE, relative_distance};
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use weightspace::distance::squared_distance;

/// Largest part of the distance to its nearest parent that a merge may keep.
const LEFT: f64 = 0.15;
/// Logarithm of the odds from which on an edge leads from a model to its reduced copy.
const REDUCED: f64 = 3.0;
/// Hardly farther.
const HARDLY: f64 = 1.1;
/// Neighbours that a merge is looked for among.
const AROUND: usize = 8;
/// A child of a merge is nearer to it than this part of its distance to the nearest other.
const NEARER: f64 = 0.6;

/// Members of a group, one for each bit pattern, and what was found of them.
struct Nodes<'a> {
    group: &'a Group,
    /// Places among the members.
    members: Vec<usize>,
    copies: BTreeMap<usize, Vec<String>>,
}

/// The families of a group.
pub(super) fn families(
    group: &Group,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Vec<Family>> {
    let nodes = Nodes::of(group);
    let all: Vec<u32> = (0..nodes.members.len() as u32).collect();
    let rough = nodes.neighbours(&all)?;
    let merges = nodes.merges(&rough);
    let others: Vec<u32> = all
        .iter()
        .copied()
        .filter(|node| !merges.contains_key(node))
        .collect();
    let mut joined = nodes.neighbours(&others)?;
    nodes.adopt(&mut joined, &merges);
    progress.add(joined.len().min(made::MOST) as u64);
    progress.working_on("comparing neighbours");
    let look = |number: usize, (a, b): (u32, u32)| {
        let looked = match number < made::MOST {
            true => made::between(group, nodes.member(a), nodes.member(b), options)?,
            false => None,
        };
        Ok::<_, crate::Error>(looked.unwrap_or_else(|| (Made::not_looked(), 0.0)))
    };
    let mut looked = Vec::with_capacity(joined.len());
    for (number, &edge) in joined.iter().enumerate() {
        looked.push(look(number, edge)?);
        progress.done(u64::from(number < made::MOST));
    }
    for number in nodes.beside_reduced(&mut joined, &looked) {
        looked[number] = look(number, joined[number])?;
    }
    let mut kin = Vec::with_capacity(joined.len());
    let mut how = Vec::with_capacity(joined.len());
    for (&(a, b), (made, votes)) in joined.iter().zip(looked) {
        // What a merge has for children came after it.
        let votes = votes
            + match (merges.contains_key(&a), merges.contains_key(&b)) {
                (true, false) => FROM_MERGE,
                (false, true) => -FROM_MERGE,
                _ => 0.0,
            };
        kin.push(Kin {
            a,
            b,
            length: nodes.distance(a, b),
            votes,
        });
        how.push(made);
    }
    let descents = directed(nodes.members.len(), &kin)?;
    let mut edges: Vec<(u32, u32, Edge)> = descents
        .iter()
        .zip(how)
        .map(|(descent, made)| {
            let edge = nodes.edge(descent.from, descent.to, descent.confidence, made);
            (descent.from, descent.to, edge)
        })
        .collect();
    for (&child, found) in &merges {
        for &(parent, share) in &found.parents {
            let edge = nodes.edge(parent, child, 1.0, Made::merged());
            edges.push((
                parent,
                child,
                Edge {
                    share: Some(share),
                    ..edge
                },
            ));
        }
    }
    Ok(nodes.apart(edges))
}

/// Logarithm of the odds that a merge is older than what is nearest to it and none of its parents.
const FROM_MERGE: f64 = 4.0;

impl<'a> Nodes<'a> {
    fn of(group: &'a Group) -> Self {
        // As a person sorts their names, whatever order they were shuffled into.
        let mut places: Vec<usize> = (0..group.members.len()).collect();
        places.sort_by(|&a, &b| {
            let path = |place: usize| group.members.get(place).map(|one| (&one.path, &one.name));
            let (a, b) = (path(a), path(b));
            match a.zip(b) {
                Some((a, b)) => {
                    checkpoint_store::foreign::natural(a.0, b.0).then_with(|| a.1.cmp(b.1))
                }
                None => std::cmp::Ordering::Equal,
            }
        });
        let mut firsts: BTreeMap<u64, usize> = BTreeMap::new();
        let mut members: Vec<usize> = Vec::new();
        let mut copies: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for place in places {
            let Some(member) = group.members.get(place) else {
                continue;
            };
            match firsts.get(&member.identity) {
                Some(&first) => copies.entry(first).or_default().push(member.name.clone()),
                None => {
                    firsts.insert(member.identity, place);
                    members.push(place);
                }
            }
        }
        Self {
            group,
            members,
            copies,
        }
    }

    fn member(&self, node: u32) -> usize {
        self.members.get(node as usize).copied().unwrap_or(0)
    }

    fn point(&self, node: u32) -> &[f32] {
        self.group
            .points
            .column(self.member(node))
            .data
            .into_slice()
    }

    fn squared(&self, a: u32, b: u32) -> f64 {
        squared_distance(self.point(a), self.point(b))
    }

    fn distance(&self, a: u32, b: u32) -> f64 {
        self.squared(a, b).sqrt()
    }

    /// Relative to the distance of unrelated models, over matrices.
    fn relative(&self, a: u32, b: u32) -> f64 {
        relative_distance(self.point(a), self.point(b), &matrices(self.group))
    }

    /// Edges of the minimum spanning tree of some nodes between those that are related, the shortest first.
    fn neighbours(&self, some: &[u32]) -> Result<Vec<(u32, u32)>> {
        if some.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.group.points.nrows();
        let is_all = some.len() == self.group.members.len()
            && some.iter().all(|&node| self.member(node) == node as usize);
        let tree = if is_all {
            minimum_spanning_tree(self.group.points.as_view())?
        } else {
            let columns: Vec<f32> = some
                .iter()
                .flat_map(|&node| self.point(node).iter().copied())
                .collect();
            minimum_spanning_tree(DMatrix::from_vec(rows, some.len(), columns).as_view())?
        };
        let of = |leaf: u32| some.get(leaf as usize).copied().unwrap_or(0);
        let edges = tree.into_iter().map(|edge| (of(edge.a), of(edge.b)));
        Ok(edges.filter(|&(a, b)| self.relative(a, b) < LINE).collect())
    }

    /// Nodes that are combinations of those around them in a rough tree.
    fn merges(&self, rough: &[(u32, u32)]) -> BTreeMap<u32, Merge> {
        let mut beside: Vec<Vec<u32>> = vec![Vec::new(); self.members.len()];
        for &(a, b) in rough {
            beside[a as usize].push(b);
            beside[b as usize].push(a);
        }
        let mut found: BTreeMap<u32, Merge> = BTreeMap::new();
        for node in 0..self.members.len() as u32 {
            let mut around: Vec<u32> = beside[node as usize].clone();
            around.extend(
                beside[node as usize]
                    .iter()
                    .flat_map(|&next| &beside[next as usize]),
            );
            around.retain(|&other| other != node);
            around.sort_unstable();
            around.dedup();
            around.sort_by(|&x, &y| self.squared(node, x).total_cmp(&self.squared(node, y)));
            around.truncate(AROUND);
            if let Some(merge) = merge(node, &around, |a, b| self.squared(a, b), LEFT) {
                found.insert(node, merge);
            }
        }
        // Of several that are combinations of each other the one that leaves least is the merge.
        let mut order: Vec<u32> = found.keys().copied().collect();
        order.sort_by(|x, y| found[x].residual.total_cmp(&found[y].residual));
        let mut kept: BTreeMap<u32, Merge> = BTreeMap::new();
        for node in order {
            let own = &found[&node];
            let parents: Vec<u32> = own.parents.iter().map(|parent| parent.0).collect();
            let is_circular = parents.iter().any(|parent| {
                kept.get(parent)
                    .is_some_and(|other| other.parents.iter().any(|one| one.0 == node))
            });
            if !is_circular {
                kept.insert(node, own.clone());
            }
        }
        kept
    }

    /// Nodes that are nearer to a merge than to what they are joined with become its children.
    fn adopt(&self, joined: &mut [(u32, u32)], merges: &BTreeMap<u32, Merge>) {
        for (a, b) in joined.iter_mut() {
            for (&child, merge) in merges {
                let is_parent = |node: u32| merge.parents.iter().any(|parent| parent.0 == node);
                let limit = NEARER * self.distance(*a, *b);
                // The end that stays joined with the rest is the one that the merge was made of.
                if is_parent(*a) && !is_parent(*b) && self.distance(*b, child) < limit {
                    *a = child;
                } else if is_parent(*b) && !is_parent(*a) && self.distance(*a, child) < limit {
                    *b = child;
                }
            }
        }
    }

    /// Joins what is next to a reduced model, as a rounded or pruned one, with the model that it was made of
    /// instead, where that is hardly farther: a reduced copy lies beside its source, and may be the nearer of
    /// the two to others by chance. The edges that changed.
    fn beside_reduced(&self, joined: &mut [(u32, u32)], looked: &[(Made, f64)]) -> Vec<usize> {
        let mut changed = Vec::new();
        for (number, (_, votes)) in looked.iter().enumerate() {
            if votes.abs() < REDUCED || changed.contains(&number) {
                continue;
            }
            let (a, b) = joined[number];
            let (source, reduced) = if *votes > 0.0 { (a, b) } else { (b, a) };
            for other in (0..joined.len()).filter(|&other| other != number) {
                let end = match joined[other] {
                    (x, y) if x == reduced => y,
                    (x, y) if y == reduced => x,
                    _ => continue,
                };
                let farther = self.distance(source, end) / self.distance(reduced, end);
                // Its own reduced copies stay with it.
                if farther < HARDLY && looked[other].1.abs() < REDUCED {
                    joined[other] = (source, end);
                    changed.push(other);
                }
            }
        }
        changed
    }

    fn edge(&self, from: u32, to: u32, confidence: f64, made: Made) -> Edge {
        Edge {
            from: from as usize,
            to: to as usize,
            is_directed: confidence >= DIRECTED,
            confidence,
            share: None,
            distance: self.distance(from, to),
            relative: self.relative(from, to),
            made,
        }
    }

    /// The nodes by what edges join.
    fn apart(&self, edges: Vec<(u32, u32, Edge)>) -> Vec<Family> {
        let count = self.members.len();
        let mut label: Vec<usize> = (0..count).collect();
        loop {
            let mut is_changed = false;
            for (a, b, _) in &edges {
                let (a, b) = (*a as usize, *b as usize);
                let least = label[a].min(label[b]);
                is_changed |= label[a] != least || label[b] != least;
                (label[a], label[b]) = (least, least);
            }
            if !is_changed {
                break;
            }
        }
        let mut by_label: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (node, &label) in label.iter().enumerate() {
            by_label.entry(label).or_default().push(node);
        }
        let families = by_label.into_values().map(|own| {
            let place = |node: usize| own.binary_search(&node).unwrap_or(0);
            let inside = edges
                .iter()
                .filter(|(a, ..)| own.binary_search(&(*a as usize)).is_ok());
            let edges = inside.map(|(a, b, edge)| Edge {
                from: place(*a as usize),
                to: place(*b as usize),
                ..edge.clone()
            });
            let models = own.iter().filter_map(|&node| {
                let place = self.member(node as u32);
                let member = self.group.members.get(place)?;
                Some(Model {
                    name: member.name.clone(),
                    path: member.path.clone(),
                    copies: self.copies.get(&place).cloned().unwrap_or_default(),
                })
            });
            Family {
                models: models.collect(),
                edges: edges.collect(),
                from_sketches: self.group.space == Space::Sketches,
            }
        });
        families.collect()
    }
}
