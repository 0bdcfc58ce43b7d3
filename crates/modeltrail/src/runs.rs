//! Runs, orders and forks in a group of checkpoints, and where they contradict what is claimed.
//!
//! The weights answer first, from points in a random order; only then are claims held against the
//! answer, in [`claims`].

pub mod claims;
mod dot;
pub mod gaps;
pub(crate) mod json;
pub mod origins;
pub mod scores;
pub(crate) mod text;

use crate::collection::{Collection, Group, Space};
use crate::page;
use crate::progress::{Progress, Silent, stage};
use anyhow::{Result, ensure};
use checkpoint_store::TensorShape;
use claims::{Agreement, Contradiction};
use gaps::Gap;
use nalgebra::{DMatrix, DMatrixView};
use origins::Origin;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use trajectory::assignment::Clusters;
use trajectory::branches;
use trajectory::dendrogram::Dendrogram;
use trajectory::geometry::{Geometry, of_runs};
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::{
    Directed, Direction, Method, direct_weights, edge_confidence, order, order_whitened,
};
use trajectory::runs::{FEWEST_CHECKPOINTS, Runs, Verdict, count_runs};
use trajectory::spanning_tree::SpanningTree;
use trajectory::whitening::Tensor;
use weightspace::space::Space as Dimensions;

/// Fewest checkpoints in an order whose edges are given a confidence: it was fitted to no fewer.
pub const FEWEST_FOR_EDGES: usize = 5;

/// A group, and what was found in it.
#[derive(Debug)]
pub struct GroupRuns {
    /// The group.
    pub group: Group,
    /// Its runs.
    pub answer: Answer,
}

/// The runs of a collection.
#[derive(Debug)]
pub struct RunsFound {
    /// Every group, the largest first.
    pub groups: Vec<GroupRuns>,
    /// The rest of what was read; its groups are above.
    pub collection: Collection,
}

impl RunsFound {
    /// Finds the runs of every group.
    ///
    /// # Errors
    /// As [`find_watched`].
    pub fn find(
        mut collection: Collection,
        wanted: &Wanted,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let groups = std::mem::take(&mut collection.groups);
        progress.add(groups.len() as u64 * STAGES);
        let found = groups.into_iter().map(|group| {
            let answer = find_watched(&group, wanted, progress)?;
            Ok(GroupRuns { group, answer })
        });
        Ok(Self {
            groups: found.collect::<Result<_>>()?,
            collection,
        })
    }

    /// Whether there is anything to look at.
    pub fn has_findings(&self) -> bool {
        let contradicts = |found: &GroupRuns| {
            let mut runs = found.answer.runs.iter();
            runs.any(Run::has_contradictions)
        };
        !self.collection.problems.is_empty()
            || !self.collection.not_finite.is_empty()
            || self.groups.iter().any(contradicts)
    }

    /// The answer for people: all of it, or without the middle of long runs.
    pub fn to_text(&self, all: bool) -> String {
        text::page(&self.groups, all)
    }

    /// Runs, orders and forks as Graphviz DOT.
    pub fn to_dot(&self) -> String {
        dot::graph(&self.groups)
    }

    /// One self-contained HTML page about it. `paths` are what was read; `seed` lays out pictures.
    ///
    /// # Errors
    /// When a picture cannot be laid out.
    pub fn to_html(&self, paths: &[PathBuf], seed: u64, progress: &dyn Progress) -> Result<String> {
        progress.add(self.groups.len() as u64 * page::STAGES);
        let page = page::page(&self.groups, &self.collection, paths, seed, progress)?;
        Ok(page.to_html())
    }
}

impl std::fmt::Display for RunsFound {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.to_text(false))
    }
}

impl serde::Serialize for RunsFound {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::document(&self.groups, &self.collection).serialize(serializer)
    }
}

/// What is found in a group.
#[derive(Debug)]
pub struct Answer {
    /// How the number of runs was found.
    pub count: Count,
    /// How many of the runs were split off others because their tree branches.
    pub branches: usize,
    /// The runs, the largest first.
    pub runs: Vec<Run>,
    /// Where each run came from, in the same order. Empty if that was not looked for: in sketches,
    /// and where there is one run.
    pub origins: Vec<Origin>,
    /// Minimum spanning tree of the distinct checkpoints.
    pub tree: SpanningTree,
    /// Their single linkage.
    pub dendrogram: Dendrogram,
    /// The member that each leaf of both is.
    pub leaves: Vec<usize>,
}

/// How the number of runs was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Count {
    /// Told by the weights, or not told: see the verdict.
    Found(Runs),
    /// It was given.
    Given,
    /// So few distinct checkpoints that several runs could not be told.
    TooFew(usize),
}

impl Count {
    /// Whether the runs are known to be different ones.
    pub fn is_told(&self) -> bool {
        match self {
            Self::Found(runs) => runs.verdict == Verdict::Separated,
            Self::Given => true,
            Self::TooFew(_) => false,
        }
    }
}

/// Checkpoints that belong together, in order.
#[derive(Debug)]
pub struct Run {
    /// From the likelier start; the other way round if most of the claimed steps say so.
    pub places: Vec<Place>,
    /// Whether the weights say which end came first.
    pub direction: Direction,
    /// How sure the likelier start is, 0.5 to 1.
    pub confidence: f64,
    /// The run that most of those claim that claim any.
    pub claimed: Option<String>,
    /// The runs that its checkpoints claim, and how many do, if it seems to hold several.
    pub mixed: Vec<(String, usize)>,
    /// How far the claimed steps agree with the order.
    pub agreement: Agreement,
    /// Steps and turns along the places.
    pub geometry: Geometry,
    /// Where checkpoints seem to be missing.
    pub gaps: Vec<Gap>,
}

impl Run {
    /// The group's members in its order.
    pub fn members(&self) -> Vec<u32> {
        let members = self.places.iter();
        members.map(|place| place.member as u32).collect()
    }

    /// Whether anything in it contradicts what is claimed.
    pub fn has_contradictions(&self) -> bool {
        self.agreement.is_contradicted() || self.places.iter().any(|p| !p.contradictions.is_empty())
    }
}

/// One place in an order.
#[derive(Debug)]
pub struct Place {
    /// The checkpoint, an index into the group's members.
    pub member: usize,
    /// Others with the same bits.
    pub copies: Vec<usize>,
    /// Probability that the next checkpoint of the order came right after, or before, this one;
    /// none for the last, and in short orders.
    pub next: Option<f64>,
    /// What it claims and the weights contradict.
    pub contradictions: Vec<Contradiction>,
}

/// Finds the runs of a group and orders each. `given` is the number of runs, if it is known; `seed`
/// breaks ties.
///
/// Bit-identical checkpoints count once. Weights of several runs are ordered in the metric that is
/// whitened by their steps; one run alone would only confirm itself in it, and sketches have no
/// tensors, so these are ordered by plain distances. Costs a minimum spanning tree, and O(m² ·
/// parameters) for a run of m checkpoints.
///
/// # Errors
/// When more runs are asked for than there are distinct checkpoints.
pub fn find(group: &Group, given: Option<usize>, seed: u64) -> Result<Answer> {
    let wanted = Wanted {
        runs: given,
        seed,
        ..Wanted::default()
    };
    find_watched(group, &wanted, &Silent)
}

/// What is known, and how to look.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The number of runs, if it is known.
    pub runs: Option<usize>,
    /// The space to look in. Only in all weights are orders whitened and forks looked for.
    pub space: Dimensions,
    /// Breaks ties.
    pub seed: u64,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            runs: None,
            space: Dimensions::Full,
            seed: 0,
        }
    }
}

/// Stages that [`find_watched`] reports of.
pub const STAGES: u64 = 4;

/// As [`find`], told stage by stage.
///
/// # Errors
/// As [`find`].
pub fn find_watched(group: &Group, wanted: &Wanted, work: &dyn Progress) -> Result<Answer> {
    let distinct = Distinct::of(group);
    let owned = distinct.points(group);
    let projected = wanted.space.project(owned.as_view())?;
    let points: DMatrixView<'_, f32> = projected.matrix();
    let has_tensors = group.space == Space::Weights && wanted.space == Dimensions::Full;
    let count = points.ncols();
    if let Some(given) = wanted.runs {
        ensure!(
            (1..=count).contains(&given),
            "{count} distinct checkpoints cannot be {given} runs: give 1 to {count}"
        );
    }
    let (tree, dendrogram) = stage(work, "telling runs apart", || linked(points))?;
    let (count, gathered) = clusters(&dendrogram, wanted.runs)?;
    let clusters = match count {
        Count::Found(_) => branches::split(points, &tree, &gathered)?,
        Count::Given | Count::TooFew(_) => gathered.clone(),
    };
    let ordered = stage(work, "ordering", || {
        let layout = has_tensors.then_some(group.layout.as_slice());
        ordered(points, layout, &clusters, gathered.len(), wanted.seed)
    })?;
    let runs = ordered
        .iter()
        .map(|(order, edges)| (order, distinct.run(order, edges)));
    let mut runs: Vec<(&Directed, Run)> = runs.collect();
    let first = |run: &Run| {
        let members = run
            .places
            .iter()
            .filter_map(|p| group.members.get(p.member));
        members.map(|member| member.name.clone()).min()
    };
    runs.sort_by_cached_key(|(_, run)| (std::cmp::Reverse(run.places.len()), first(run)));
    let (orders, mut runs): (Vec<&Directed>, Vec<Run>) = runs.into_iter().unzip();
    let origins = stage(work, "looking for forks", || {
        if has_tensors && (count.is_told() || runs.len() > gathered.len()) && runs.len() > 1 {
            origins::find(points, &orders, &runs)
        } else {
            Ok(Vec::new())
        }
    })?;
    for run in &mut runs {
        claims::check(run, &group.members, count.is_told());
    }
    stage(work, "measuring steps", || measure(&mut runs, group))?;
    Ok(Answer {
        count,
        branches: clusters.len() - gathered.len(),
        runs,
        origins,
        tree,
        dendrogram,
        leaves: distinct.leaves(),
    })
}

/// The minimum spanning tree, and its single linkage.
fn linked(points: DMatrixView<'_, f32>) -> Result<(SpanningTree, Dendrogram)> {
    let edges = minimum_spanning_tree(points)?;
    let tree = SpanningTree::new(points.ncols(), &edges)?;
    let dendrogram = Dendrogram::of(&tree);
    Ok((tree, dendrogram))
}

/// Which checkpoints belong together.
fn clusters(dendrogram: &Dendrogram, given: Option<usize>) -> Result<(Count, Clusters)> {
    if let Some(given) = given {
        return Ok((Count::Given, dendrogram.cut_into(given)?));
    }
    if dendrogram.leaves() < 2 * FEWEST_CHECKPOINTS {
        return Ok((Count::TooFew(dendrogram.leaves()), dendrogram.cut_into(1)?));
    }
    let found = count_runs(dendrogram);
    let clusters = found.clusters(dendrogram)?;
    Ok((Count::Found(found), clusters))
}

/// Steps and turns of every run in its final order, and the gaps that they and its claims show.
fn measure(runs: &mut [Run], group: &Group) -> Result<()> {
    let orders: Vec<Vec<u32>> = runs.iter().map(Run::members).collect();
    let geometries = of_runs(group.points.as_view(), &orders)?;
    for (run, geometry) in runs.iter_mut().zip(geometries) {
        run.geometry = geometry;
        run.gaps = gaps::find(run, &group.members);
    }
    for (index, gap) in gaps::continued(runs, &group.members) {
        if let Some(run) = runs.get_mut(index) {
            run.gaps.push(gap);
        }
    }
    Ok(())
}

/// The order of every cluster, directed, with the confidence of its edges. Whitened if the points
/// have tensors, and several runs that are no branches of each other.
fn ordered(
    points: DMatrixView<'_, f32>,
    layout: Option<&[TensorShape]>,
    clusters: &Clusters,
    strangers: usize,
    seed: u64,
) -> Result<Vec<(Directed, Vec<f64>)>> {
    // Sketches keep norms and distances, but no tensors.
    let layout = layout.map(tensors).transpose()?.unwrap_or_default();
    let (orders, white): (_, Option<DMatrix<f32>>) = if layout.is_empty() || strangers < 2 {
        (order(points, clusters, Method::RECOMMENDED, seed)?, None)
    } else {
        let (orders, white) = order_whitened(points, &layout, clusters, seed)?;
        (orders, Some(white))
    };
    // Directions show in the plain metric; edges are as sure as where they were found.
    let orders = direct_weights(points, &layout, &orders)?;
    let found_in = white.as_ref().map_or(points, DMatrix::as_view);
    let edges = edge_confidence(found_in, &orders, seed)?;
    Ok(orders.into_iter().zip(edges).collect())
}

fn tensors(layout: &[TensorShape]) -> Result<Vec<Tensor>> {
    let tensor = |shape: &[u64]| -> Result<Tensor> {
        let sides = shape.iter().map(|&side| usize::try_from(side));
        Ok(Tensor::of_shape(&sides.collect::<Result<Vec<_>, _>>()?))
    };
    layout.iter().map(|t| tensor(&t.shape)).collect()
}

/// The members of a group, each bit pattern once.
struct Distinct {
    /// For each pattern its members, the one that stands for all at the front.
    members: Vec<Vec<usize>>,
}

impl Distinct {
    fn of(group: &Group) -> Self {
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut known: HashMap<u64, usize> = HashMap::new();
        for (index, member) in group.members.iter().enumerate() {
            let next = members.len();
            match known.entry(member.identity).or_insert(next) {
                &mut place if place == next => members.push(vec![index]),
                place => members
                    .get_mut(*place)
                    .into_iter()
                    .for_each(|m| m.push(index)),
            }
        }
        for copies in &mut members {
            // Stands for all: one that says when it was saved, then the shortest name.
            copies.sort_by_key(|&index| {
                let member = group.members.get(index);
                member.map(|m| (m.claims.position.is_none(), m.name.len(), &m.name))
            });
        }
        Self { members }
    }

    /// The member that stands for each pattern.
    fn leaves(&self) -> Vec<usize> {
        let firsts = self.members.iter();
        firsts.filter_map(|m| m.first().copied()).collect()
    }

    fn points<'a>(&self, group: &'a Group) -> Cow<'a, DMatrix<f32>> {
        if self.members.len() == group.members.len() {
            return Cow::Borrowed(&group.points);
        }
        Cow::Owned(group.points.select_columns(&self.leaves()))
    }

    fn run(&self, order: &Directed, edges: &[f64]) -> Run {
        let is_long = order.leaves.len() >= FEWEST_FOR_EDGES;
        let places = order
            .leaves
            .iter()
            .enumerate()
            .filter_map(|(place, &leaf)| {
                let (&member, copies) = self.members.get(leaf as usize)?.split_first()?;
                Some(Place {
                    member,
                    copies: copies.to_vec(),
                    next: edges.get(place).copied().filter(|_| is_long),
                    contradictions: Vec::new(),
                })
            });
        Run {
            places: places.collect(),
            direction: order.direction,
            confidence: order.confidence,
            claimed: None,
            mixed: Vec::new(),
            agreement: Agreement::default(),
            geometry: Geometry::default(),
            gaps: Vec::new(),
        }
    }
}
