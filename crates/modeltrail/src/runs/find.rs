//! How runs are found and ordered.

use super::answer::{Count, Described, Place, Run, Runs};
use super::claims::Agreement;
use super::distinct::Distinct;
use super::options::{FEWEST_FOR_EDGES, RunOptions};
use super::{beside, claims, events, gaps, joined, origins};
use crate::collection::{Group, Space, coverage};
use crate::error::{Error, Result};
use crate::progress::{Progress, stage};
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::natural_names;
use nalgebra::{DMatrix, DMatrixView};
use trajectory::assignment::Clusters;
use trajectory::branches;
use trajectory::dendrogram::Dendrogram;
use trajectory::geometry::{Geometry, of_runs};
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::{
    Directed, Method, direct_weights, edge_confidence, order, order_whitened,
};
use trajectory::runs::{FEWEST_CHECKPOINTS, count_runs};
use trajectory::spanning_tree::SpanningTree;
use trajectory::whitening::Tensor;
use weightspace::space::Space as Dimensions;

/// Stages that [`find`] reports.
pub(crate) const STAGES: u64 = 4;

/// Finds the runs of a group, and reports stage by stage.
///
/// # Errors
/// When more runs are asked for than there are distinct checkpoints.
pub(crate) fn find(group: &Group, options: &RunOptions, work: &dyn Progress) -> Result<Runs> {
    let distinct = Distinct::of(group);
    let own = distinct.points(group);
    let projected = options.space.project(own.view())?;
    let points: DMatrixView<'_, f32> = projected.matrix();
    let has_tensors = group.space == Space::Weights && options.space == Dimensions::Full;
    let checkpoints = points.ncols();
    if let Some(asked) = options
        .runs
        .filter(|runs| !(1..=checkpoints).contains(runs))
    {
        let what = "runs";
        return Err(Error::Count {
            what,
            asked,
            checkpoints,
        });
    }
    let (tree, dendrogram) = stage(work, "separating runs", || linked(points))?;
    let (count, gathered) = clusters(&dendrogram, options.runs)?;
    let clusters = match count {
        Count::Found(_) => branches::split(points, &tree, &gathered)?,
        Count::Given | Count::TooFew(_) => gathered.clone(),
    };
    let ordered = stage(work, "ordering", || {
        let layout = has_tensors.then_some(group.layout.as_slice());
        ordered(points, layout, &clusters, gathered.len(), options.seed)
    })?;
    let (ordered, joined) = match count.is_known() && options.runs.is_none() && options.join_parts {
        true => joined::join(points, ordered, &distinct, group),
        false => (ordered, 0),
    };
    let runs = ordered
        .iter()
        .map(|(order, edges)| (order, run_of(&distinct, order, edges, group)));
    let mut runs: Vec<(&Directed, Run)> = runs.collect();
    let first = |run: &Run| {
        run.places
            .iter()
            .map(|place| place.about.name.clone())
            .min_by(|a, b| natural_names(a, b))
    };
    runs.sort_by(|(_, a), (_, b)| {
        let larger = b.places.len().cmp(&a.places.len());
        larger.then_with(|| match (first(a), first(b)) {
            (Some(a), Some(b)) => natural_names(&a, &b).then_with(|| a.cmp(&b)),
            (a, b) => a.cmp(&b),
        })
    });
    let (orders, mut runs): (Vec<&Directed>, Vec<Run>) = runs.into_iter().unzip();
    let origins = stage(work, "looking for forks", || {
        if has_tensors && (count.is_known() || runs.len() > gathered.len()) && runs.len() > 1 {
            origins::find::find(points, &orders, &runs)
        } else {
            Ok(Vec::new())
        }
    })?;
    for run in &mut runs {
        claims::check::check(run, count.is_known());
    }
    stage(work, "measuring steps", || measure(&mut runs, group))?;
    Ok(Runs {
        described: Described::of(group),
        count,
        branches: clusters.len() - gathered.len(),
        joined,
        runs,
        origins,
        tree,
        dendrogram,
        beside: beside::find(group, &distinct),
        leaves: distinct.leaves(),
        coverage: coverage(std::slice::from_ref(group), &[]),
    })
}

/// The run of an order of patterns.
fn run_of(distinct: &Distinct, order: &Directed, edges: &[f64], group: &Group) -> Run {
    let is_long = order.leaves.len() >= FEWEST_FOR_EDGES;
    let places = order
        .leaves
        .iter()
        .enumerate()
        .filter_map(|(place, &leaf)| {
            let (&member, copies) = distinct.members(leaf).split_first()?;
            let copies = copies.iter().filter_map(|&copy| group.members.get(copy));
            Some(Place {
                member,
                about: group.members.get(member)?.clone(),
                copies: copies.cloned().collect(),
                next: edges
                    .get(place)
                    .copied()
                    .filter(|sure| is_long && sure.is_finite()),
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
        events: Vec::new(),
    }
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
        run.gaps = gaps::find::find(run);
        run.events = events::find(run, group)?;
    }
    for (index, gap) in gaps::find::continued(runs) {
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
    unrelated: usize,
    seed: u64,
) -> Result<Vec<(Directed, Vec<f64>)>> {
    // Sketches keep norms and distances, but no tensors.
    let layout = layout.map(tensors).unwrap_or_default();
    let (orders, white): (_, Option<DMatrix<f32>>) = if layout.is_empty() || unrelated < 2 {
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

/// The tensors of a layout, as whitening wants them.
fn tensors(layout: &[TensorShape]) -> Vec<Tensor> {
    let tensor = |tensor: &TensorShape| {
        // Their weights are in memory: no side is longer than that.
        let sides = tensor.shape.iter();
        let sides: Vec<usize> = sides
            .map(|&side| usize::try_from(side).unwrap_or(usize::MAX))
            .collect();
        Tensor::of_shape(&sides)
    };
    layout.iter().map(tensor).collect()
}
