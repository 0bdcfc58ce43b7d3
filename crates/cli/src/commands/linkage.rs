//! `modeltrail linkage`: which checkpoints belong to one run, by single linkage.

use super::trained::{Answer, Points, Trained, heading};
use super::{estimate, print_json, print_text, table};
use crate::cli::{Global, Outcome};
use crate::collection::{Group, PositionClaim};
use crate::progress::Work;
use crate::runs::scores::label;
use crate::space::Space;
use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use trajectory::assignment::Clusters;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::{Edge, minimum_spanning_tree};
use trajectory::runs::{Verdict, count_runs};
use trajectory::scoring::{Purity, purity};
use trajectory::spanning_tree::SpanningTree;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail linkage zoos/mlp-small --space svd-10
  modeltrail linkage checkpoints/ --clusters 2
  modeltrail linkage 'runs/*/epoch-*.pt' --dot

Purity is taken against claimed runs, if there are any. Exit status: 0 = fine, 1 = something could not
be read or is not finite, 2 = an error.")]
pub(crate) struct Command {
    #[command(flatten)]
    points: Points,
    /// Number of clusters to cut the tree into; otherwise as many as runs are claimed, or as the
    /// weights tell if none are.
    #[arg(long, visible_alias = "runs", value_name = "N")]
    clusters: Option<usize>,
    /// Print the minimum spanning tree as Graphviz DOT.
    #[arg(long, conflicts_with = "json")]
    dot: bool,
}

#[derive(Serialize)]
struct GroupOut<'a> {
    checkpoints: usize,
    parameters: u64,
    /// Runs that are claimed; none if a checkpoint claims none.
    claimed_runs: Option<usize>,
    /// Runs that the weights tell; none if they tell none apart.
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
struct Linked {
    edges: Vec<Edge>,
    dendrogram: Dendrogram,
    clusters: Clusters,
    claimed: Option<Vec<u32>>,
    told: Option<usize>,
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    let trained = command.points.read()?;
    let space = command.points.space;
    let work = Work::new("linking", trained.groups.len() as u64);
    let linked = trained
        .groups
        .iter()
        .map(|group| work.stage("", || link(group, space, command.clusters)))
        .collect::<Result<Vec<Linked>>>()?;
    drop(work);
    let found = || trained.groups.iter().zip(&linked);
    if command.dot {
        for (group, linked) in found() {
            let tree = SpanningTree::new(group.members.len(), &linked.edges)?;
            print_text(&tree.to_dot(|leaf| {
                let member = group.members.get(leaf as usize);
                member.map(|member| member.name.clone()).unwrap_or_default()
            }))?;
        }
    } else {
        let groups = found().map(|(group, linked)| out(group, linked));
        let groups = groups.collect::<Result<_>>()?;
        let answer = trained.answer("modeltrail.linkage/1", &command.points, groups);
        if global.json {
            print_json(&answer)?;
        } else {
            print_text(&page(&answer, &trained, space))?;
        }
    }
    Ok(match trained.is_fine() {
        true => Outcome::Fine,
        false => Outcome::Finding,
    })
}

fn link(group: &Group, space: Space, clusters: Option<usize>) -> Result<Linked> {
    let projected = space.project(group.points.as_view())?;
    let edges = minimum_spanning_tree(projected.matrix())?;
    let count = group.members.len();
    let dendrogram = Dendrogram::of(&SpanningTree::new(count, &edges)?);
    let found = count_runs(&dendrogram);
    let told = (found.verdict == Verdict::Separated).then_some(found.count);
    let claimed = claimed_runs(group);
    let claimed_count = claimed.as_ref().map(|(_, count)| *count);
    let wanted = clusters.or(claimed_count).unwrap_or(found.count);
    ensure!(
        (1..=count).contains(&wanted),
        "{count} checkpoints cannot fall into {wanted} clusters; give 1 to {count}"
    );
    Ok(Linked {
        clusters: dendrogram.cut_into(wanted)?,
        edges,
        dendrogram,
        claimed: claimed.map(|(runs, _)| runs),
        told,
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

fn out<'a>(group: &'a Group, linked: &Linked) -> Result<GroupOut<'a>> {
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
    Ok(GroupOut {
        checkpoints: group.members.len(),
        parameters: group.parameters(),
        claimed_runs: linked.claimed.as_ref().map(|runs| {
            let distinct: std::collections::BTreeSet<u32> = runs.iter().copied().collect();
            distinct.len()
        }),
        told_runs: linked.told,
        purity: match &linked.claimed {
            Some(runs) => Some(purity(&linked.clusters, runs)?),
            None => None,
        },
        cut_height: first_cut
            .and_then(|edge| linked.edges.get(edge))
            .map(|edge| edge.length),
        clusters: clusters
            .map(|members| members.iter().filter_map(member).collect())
            .collect(),
    })
}

fn page(answer: &Answer<GroupOut<'_>>, trained: &Trained, space: Space) -> String {
    let parts = answer.groups.iter().zip(&trained.groups);
    let parts: Vec<String> = parts
        .map(|(found, group)| {
            let heading = heading(group, space);
            let note = trained.untrained_note();
            format!("{heading}{note}\n{}", summary(found))
        })
        .collect();
    parts.join("\n\n")
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
            "runs told by the weights",
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
