//! Two trainings that were made up, seen in weight space: `cargo run -p weightspace --example
//! two_runs`.

use nalgebra::DMatrix;
use weightspace::principal::principal_components;
use weightspace::random::{normal, stream};
use weightspace::sketch::{self, Parameters, Sketcher};
use weightspace::{distance::distance, neighbors::nearest, umap};

const WEIGHTS: usize = 500;
const CHECKPOINTS: usize = 20;

fn main() -> Result<(), weightspace::Error> {
    // One checkpoint per column; steps shrink as training settles.
    let mut points = DMatrix::<f32>::zeros(WEIGHTS, 2 * CHECKPOINTS);
    for run in 0..2 {
        let mut random = stream(7, "run", run as u64);
        let mut weights: Vec<f32> = (0..WEIGHTS).map(|_| normal(&mut random) as f32).collect();
        for checkpoint in 0..CHECKPOINTS {
            points.set_column(
                run * CHECKPOINTS + checkpoint,
                &nalgebra::DVector::from_column_slice(&weights),
            );
            let step = 0.3 / (1.0 + checkpoint as f64);
            for weight in &mut weights {
                *weight += (step * normal(&mut random)) as f32;
            }
        }
    }

    let column = |j: usize| points.column(j).iter().copied().collect::<Vec<f32>>();
    let (first, last) = (column(0), column(CHECKPOINTS - 1));
    let other = column(CHECKPOINTS);
    println!(
        "from the first to the last checkpoint: {:.2}",
        distance(&first, &last)
    );
    println!(
        "from one run to the other:             {:.2}",
        distance(&first, &other)
    );

    let neighbours = nearest(points.as_view(), 1)?;
    let own_run = (0..points.ncols())
        .filter(|&j| neighbours.indices(j)[0] as usize / CHECKPOINTS == j / CHECKPOINTS)
        .count();
    println!(
        "nearest neighbour in the same run:     {own_run} of {}",
        points.ncols()
    );

    let components = principal_components(points.as_view(), 2)?;
    println!(
        "variance in two principal components:  {:.0} %",
        100.0 * components.shares.iter().sum::<f64>()
    );

    let map = umap::embed(points.as_view(), &umap::Parameters::default())?;
    println!("parts of the UMAP:                     {}", map.components);

    let sketched = |values: &[f32]| {
        let mut sketcher = Sketcher::new(Parameters::default())?;
        let mut tensor = sketcher.tensor("weights", &[WEIGHTS]);
        tensor.feed(values);
        sketcher.add(tensor.finish())?;
        Ok::<_, weightspace::Error>(sketcher.finish())
    };
    let estimate = sketch::distance(&sketched(&first)?, &sketched(&last)?)?;
    println!("the first distance, from two sketches: {estimate:.2}");
    Ok(())
}
