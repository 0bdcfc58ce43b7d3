//! Which checkpoints belong together, and in which order they came, from a mixed collection whose
//! truth is known because it was made up: `cargo run -p modeltrail-trajectory --example
//! runs_and_order`.

use nalgebra::DMatrix;
use trajectory::dendrogram::Dendrogram;
use trajectory::geometry::Geometry;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::{Method, order};
use trajectory::runs::count_runs;
use trajectory::scoring::{purity, score_orders};
use weightspace::random::{normal, permutation, stream};

const WEIGHTS: usize = 300;
const RUNS: u32 = 4;
const EPOCHS: u32 = 12;

fn main() -> Result<(), trajectory::Error> {
    let mut columns: Vec<Vec<f32>> = Vec::new();
    for run in 0..RUNS {
        let mut random = stream(3, "run", u64::from(run));
        let mut weights: Vec<f64> = (0..WEIGHTS).map(|_| normal(&mut random)).collect();
        for epoch in 0..EPOCHS {
            columns.push(weights.iter().map(|&weight| weight as f32).collect());
            let step = 0.2 / (1.0 + f64::from(epoch)).sqrt();
            for weight in &mut weights {
                *weight += step * normal(&mut random);
            }
        }
    }
    // Shuffled, so that nothing can be read off the order in which they come.
    let shuffled = permutation(RUNS * EPOCHS, &mut stream(3, "shuffle", 0));
    let points = DMatrix::from_fn(WEIGHTS, shuffled.len(), |i, j| {
        columns[shuffled[j] as usize][i]
    });

    let tree = minimum_spanning_tree(points.as_view())?;
    let dendrogram = Dendrogram::from_tree(points.ncols(), &tree)?;
    let found = count_runs(&dendrogram);
    println!(
        "{} runs, gap {:.2} of {:.2} needed",
        found.count, found.gap, found.needed
    );

    let clusters = found.clusters(&dendrogram)?;
    let orders = order(points.as_view(), &clusters, Method::RECOMMENDED, 0)?;
    for (run, order) in orders.iter().enumerate() {
        let path = Geometry::of(points.as_view(), order)?;
        println!("run {run}: {order:?}, tortuosity {:.2}", path.tortuosity());
    }

    // Only scoring sees the truth.
    let runs: Vec<u32> = shuffled.iter().map(|&column| column / EPOCHS).collect();
    let epochs: Vec<u32> = shuffled.iter().map(|&column| column % EPOCHS + 1).collect();
    let scores = score_orders(&orders, &runs, &epochs)?;
    println!(
        "purity {:.2}; Kendall's tau {:.2}, where a path may run backwards",
        purity(&clusters, &runs)?.mean.value,
        scores.kendall_tau.value
    );
    Ok(())
}
