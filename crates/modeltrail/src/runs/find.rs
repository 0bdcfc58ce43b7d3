//! How runs are found and ordered.

use super::answer::{Described, Place, Run, Runs};
use super::claims::{self, Agreement};
use super::distinct::Distinct;
use super::families::{self, Arranged, Draft};
use super::options::{FEWEST_FOR_EDGES, RunOptions};
use super::parts::Parts;
use super::{beside, events, gaps, joined, origins, parts};
use crate::collection::{Group, Space, coverage};
use crate::error::{Error, Result};
use crate::progress::{Progress, stage};
use checkpoint_store::TensorShape;
use nalgebra::{DMatrix, DMatrixView};
use trajectory::dendrogram::Dendrogram;
use trajectory::geometry::{Geometry, of_runs};
use trajectory::minimum_spanning_tree::{Edge, minimum_spanning_tree};
use trajectory::ordering::{
    Directed, Direction, Method, direct_weights, edge_confidence, is_exchangeable, order,
    order_whitened,
};
use trajectory::spanning_tree::SpanningTree;
use trajectory::whitening::Tensor;
use weightspace::space::Space as Dimensions;

/// Stages that [`find`] reports.
pub(crate) const STAGES: u64 = 6;

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
    check_asked(options.runs, points.ncols())?;
    let (edges, tree, dendrogram) = stage(work, "linking", || linked(points))?;
    let related = stage(work, "telling families apart", || {
        families::related(group, own.view(), &edges, options.seed)
    })?;
    let parts = stage(work, "separating runs", || {
        parts::separate(points, &edges, &related.families, options.runs)
    })?;
    let mut ordered = stage(work, "ordering", || {
        let layout = has_tensors.then_some(group.layout.as_slice());
        ordered(points, layout, &parts, options.seed)
    })?;
    let mut fewer = Vec::new();
    if options.runs.is_none() && options.join_parts {
        (ordered, fewer) = joined::join(
            points,
            ordered,
            &distinct,
            group,
            &parts.gathered,
            &related.families.clusters,
        );
    }
    let drafts = ordered.into_iter().map(|(order, edges)| Draft {
        run: Run {
            is_ordered: !is_exchangeable(points, &order.leaves),
            ..run_of(&distinct, &order, &edges, group)
        },
        order,
    });
    let name = |leaf: u32| {
        let first = distinct.members(leaf).first();
        let member = first.and_then(|&member| group.members.get(member));
        member.map(|member| member.name.clone()).unwrap_or_default()
    };
    let Arranged {
        families,
        orders,
        mut runs,
    } = families::arranged(drafts.collect(), &related, &parts, &fewer, &name);
    let origins = stage(work, "looking for forks", || {
        if has_tensors && runs.len() > 1 {
            origins::find::find(points, &orders, &runs, &families)
        } else {
            Ok(Vec::new())
        }
    })?;
    claims::check::check_all(&mut runs, &families, &origins);
    stage(work, "measuring steps", || measure(&mut runs, group))?;
    Ok(Runs {
        described: Described::of(group),
        families,
        runs,
        origins,
        tree,
        dendrogram,
        beside: beside::find(group, &distinct),
        leaves: distinct.leaves(),
        findings: Vec::new(),
        coverage: coverage(std::slice::from_ref(group), &[]),
    })
}

/// There are no more runs than checkpoints.
fn check_asked(asked: Option<usize>, checkpoints: usize) -> Result<()> {
    match asked {
        Some(asked) if !(1..=checkpoints).contains(&asked) => Err(Error::Count {
            what: "runs",
            asked,
            checkpoints,
        }),
        _ => Ok(()),
    }
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
        is_ordered: true,
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

/// The edges of the minimum spanning tree, the tree, and its single linkage.
fn linked(points: DMatrixView<'_, f32>) -> Result<(Vec<Edge>, SpanningTree, Dendrogram)> {
    let edges = minimum_spanning_tree(points)?;
    let tree = SpanningTree::new(points.ncols(), &edges)?;
    let dendrogram = Dendrogram::of(&tree);
    Ok((edges, tree, dendrogram))
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
    parts: &Parts,
    seed: u64,
) -> Result<Vec<(Directed, Vec<f64>)>> {
    let clusters = &parts.clusters;
    // Sketches keep norms and distances, but no tensors.
    let layout = layout.map(tensors).unwrap_or_default();
    let (orders, white): (_, Option<DMatrix<f32>>) =
        if layout.is_empty() || parts.gathered.len() < 2 {
            (order(points, clusters, Method::RECOMMENDED, seed)?, None)
        } else {
            let (orders, white) = order_whitened(points, &layout, clusters, seed)?;
            (orders, Some(white))
        };
    // Directions show in the plain metric; edges are as sure as where they were found.
    let orders = direct_weights(points, &layout, &orders)?;
    let found_in = white.as_ref().map_or(points, DMatrix::as_view);
    let edges = edge_confidence(found_in, &orders, seed)?;
    let found = orders.into_iter().zip(edges).map(|(mut order, mut edges)| {
        // Exchangeable points have a shortest path, too.
        if is_exchangeable(points, &order.leaves) {
            (order.direction, order.confidence) = (Direction::Undirected, 0.5);
            edges.fill(f64::NAN);
        }
        (order, edges)
    });
    Ok(found.collect())
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
