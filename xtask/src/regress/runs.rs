//! Whether runs are counted right, with and without branches among them.

use super::order::Heap;
use super::scores::Scores;
use super::series::Series;
use anyhow::Result;
use trajectory::branches;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::runs::count_runs;
use trajectory::scoring::purity;
use trajectory::spanning_tree::SpanningTree;

pub(super) fn measure(series: &Series, scores: &mut Scores) -> Result<()> {
    for family in &series.families {
        let trunks = Heap::of(family.trunks().map(|run| &run.weights));
        of_heap(&format!("runs, {}", family.name), &trunks, scores)?;
        if family.runs.len() > family.trunks().count() {
            let all = Heap::of(family.runs.iter().map(|run| &run.weights));
            of_heap(
                &format!("runs, {} with branches", family.name),
                &all,
                scores,
            )?;
        }
    }
    Ok(())
}

fn of_heap(name: &str, heap: &Heap, scores: &mut Scores) -> Result<()> {
    let points = heap.points.as_view();
    let edges = minimum_spanning_tree(points)?;
    let tree = SpanningTree::new(points.ncols(), &edges)?;
    let dendrogram = Dendrogram::of(&tree);
    let counted = count_runs(&dendrogram);
    let clusters = counted.clusters(&dendrogram)?;
    let split = branches::split(points, &tree, &clusters)?;
    scores.add(format!("{name}: counted"), counted.count as f64)?;
    scores.add(format!("{name}: gap"), counted.gap)?;
    scores.add(
        format!("{name}: with branches split off"),
        split.len() as f64,
    )?;
    let pure = purity(&split, &heap.runs)?;
    scores.add(format!("{name}: purity"), pure.weighted.value)
}
