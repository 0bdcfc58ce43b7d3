//! Which checkpoints belong to one run, by single linkage.

use crate::collection::{Group, PositionClaim};
use crate::coverage::Coverage;
use crate::error::{Error, Result};
use crate::points::{Document, Trained};
use crate::progress::{Progress, stage};
use crate::runs::scores::label;
use crate::text::{estimate, table};
use serde::Serialize;
use std::collections::BTreeMap;
use trajectory::assignment::Clusters;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::{Edge, minimum_spanning_tree};
use trajectory::runs::{Verdict, count_runs};
use trajectory::scoring::{Purity, purity};
use trajectory::spanning_tree::SpanningTree;
use weightspace::space::Space;

/// The clusters of a collection.
#[derive(Debug)]
pub struct Linkage {
    trained: Trained,
    /// In the order of the groups.
    linked: Vec<Linked>,
}

impl Linkage {
    /// Links every group, and cuts its tree into so many clusters; otherwise into as many as runs are
    /// claimed, or as the weights show if none are.
    ///
    /// # Errors
    /// When more clusters are asked for than there are checkpoints, or the space has more dimensions
    /// than there are points.
    pub fn find(
        trained: Trained,
        clusters: Option<usize>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        progress.add(trained.groups.len() as u64);
        let linked = trained
            .groups
            .iter()
            .map(|group| stage(progress, "", || link(group, trained.space, clusters)))
            .collect::<Result<Vec<Linked>>>()?;
        Ok(Self { trained, linked })
    }

    /// How much of the checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        &self.trained.coverage
    }

    /// What was linked, and what was skipped.
    pub fn trained(&self) -> &Trained {
        &self.trained
    }

    /// The minimum spanning tree of every group, as Graphviz DOT.
    ///
    /// # Errors
    /// None for trees that [`find`](Self::find) made.
    pub fn to_dot(&self) -> Result<String> {
        let mut graphs = Vec::new();
        for (group, linked) in self.trained.groups.iter().zip(&self.linked) {
            let tree = SpanningTree::new(group.members.len(), &linked.edges)?;
            graphs.push(tree.to_dot(|leaf| {
                let member = group.members.get(leaf as usize);
                member.map(|member| member.name.clone()).unwrap_or_default()
            }));
        }
        Ok(graphs.concat())
    }

    fn document(&self) -> Document<GroupOut<'_>> {
        let found = self.trained.groups.iter().zip(&self.linked);
        let groups = found.map(|(group, linked)| out(group, linked)).collect();
        self.trained.document("modeltrail.linkage/1", groups)
    }
}

impl Serialize for Linkage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document().serialize(serializer)
    }
}

impl std::fmt::Display for Linkage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let groups = self.document().groups;
        formatter.write_str(&self.trained.text(&groups, summary))
    }
}

#[derive(Serialize)]
struct GroupOut<'a> {
    checkpoints: usize,
    parameters: u64,
    /// Runs that are claimed; none if a checkpoint claims none.
    claimed_runs: Option<usize>,
    /// Runs that the weights show; none if they separate none.
    told_runs: Option<usize>,
    /// Against claimed runs.
    purity: Option<Purity>,
    /// Length of the shortest edge that was cut.
    cut_height: Option<f64>,
    clusters: Vec<Vec<Member<'a>>>,
}

#[derive(Serialize)]
struct Member<'a> {
    name: &'a str,
    run: Option<&'a str>,
    position: Option<PositionClaim>,
    first_merge_height: f64,
}

/// What is found in a group.
#[derive(Debug)]
struct Linked {
    edges: Vec<Edge>,
    dendrogram: Dendrogram,
    clusters: Clusters,
    claimed: Option<Vec<u32>>,
    /// Against claimed runs.
    purity: Option<Purity>,
    inferred: Option<usize>,
}

fn link(group: &Group, space: Space, clusters: Option<usize>) -> Result<Linked> {
    let projected = space.project(group.points.as_view())?;
    let edges = minimum_spanning_tree(projected.matrix())?;
    let count = group.members.len();
    let dendrogram = Dendrogram::of(&SpanningTree::new(count, &edges)?);
    let found = count_runs(&dendrogram);
    let inferred = (found.verdict == Verdict::Separated).then_some(found.count);
    let claimed = claimed_runs(group);
    let claimed_count = claimed.as_ref().map(|(_, count)| *count);
    let wanted = clusters.or(claimed_count).unwrap_or(found.count);
    if !(1..=count).contains(&wanted) {
        return Err(Error::Count {
            what: "clusters",
            asked: wanted,
            checkpoints: count,
        });
    }
    let clusters = dendrogram.cut_into(wanted)?;
    let claimed = claimed.map(|(runs, _)| runs);
    Ok(Linked {
        purity: match &claimed {
            Some(runs) => Some(purity(&clusters, runs)?),
            None => None,
        },
        clusters,
        edges,
        dendrogram,
        claimed,
        inferred,
    })
}

/// The claimed run of every member, as a number, and how many there are; none if one claims none.
fn claimed_runs(group: &Group) -> Option<(Vec<u32>, usize)> {
    let mut known = BTreeMap::new();
    let mut runs = Vec::new();
    for member in &group.members {
        member.claims.run.as_ref()?;
        let next = known.len() as u32;
        runs.push(*known.entry(label(member)).or_insert(next));
    }
    Some((runs, known.len()))
}

fn out<'a>(group: &'a Group, linked: &Linked) -> GroupOut<'a> {
    let heights = linked.dendrogram.first_merge_heights();
    let member = |&leaf: &u32| {
        let member = group.members.get(leaf as usize)?;
        let run = member.claims.run.as_ref();
        Some(Member {
            name: &member.name,
            run: run.map(|run| run.value.as_str()),
            position: member.claims.position,
            first_merge_height: heights.get(leaf as usize).copied()?,
        })
    };
    let clusters = linked.clusters.iter();
    let first_cut = (linked.edges.len() + 1).checked_sub(linked.clusters.len());
    GroupOut {
        checkpoints: group.members.len(),
        parameters: group.parameters(),
        claimed_runs: linked.claimed.as_ref().map(|runs| {
            let distinct: std::collections::BTreeSet<u32> = runs.iter().copied().collect();
            distinct.len()
        }),
        told_runs: linked.inferred,
        purity: linked.purity.clone(),
        cut_height: first_cut
            .and_then(|edge| linked.edges.get(edge))
            .map(|edge| edge.length),
        clusters: clusters
            .map(|members| members.iter().filter_map(member).collect())
            .collect(),
    }
}

fn summary(found: &GroupOut<'_>) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let sizes = || found.clusters.iter().map(Vec::len);
    let mut rows = vec![
        (
            "runs claimed",
            or_dash(found.claimed_runs.map(|runs| runs.to_string())),
        ),
        (
            "runs inferred from the weights",
            or_dash(found.told_runs.map(|runs| runs.to_string())),
        ),
        ("clusters", found.clusters.len().to_string()),
        (
            "clusters of one checkpoint",
            sizes().filter(|&size| size == 1).count().to_string(),
        ),
        (
            "largest cluster",
            sizes().max().unwrap_or_default().to_string(),
        ),
        (
            "shortest edge cut",
            or_dash(found.cut_height.map(|height| format!("{height:.4}"))),
        ),
    ];
    if let Some(purity) = &found.purity {
        rows.extend([
            ("purity, mean over clusters", estimate(&purity.mean, 3)),
            ("purity, weighted by size", estimate(&purity.weighted, 3)),
        ]);
    }
    table(
        ["", ""],
        rows.into_iter()
            .map(|(what, value)| [what.to_owned(), value]),
    )
}
