//! Embeds points from a file: `umap FILE DIMENSIONS [SEED]` reads little-endian
//! f32, point after point, and prints two coordinates a line.

use std::{env, error::Error, fs, time::Instant};

use nalgebra::DMatrix;
use weightspace::umap::{self, Parameters};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(file), Some(dimensions)) = (arguments.next(), arguments.next()) else {
        return Err("usage: umap FILE DIMENSIONS [SEED]".into());
    };
    let dimensions: usize = dimensions.parse()?;
    let seed = arguments.next().map_or(Ok(0), |seed| seed.parse())?;
    let values: Vec<f32> = fs::read(file)?
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect();
    let points = DMatrix::from_vec(dimensions, values.len() / dimensions, values);
    let parameters = Parameters {
        seed,
        ..Parameters::default()
    };

    let begun = Instant::now();
    let others = (parameters.neighbors - 1).min(points.ncols() - 1);
    let neighbors = weightspace::neighbors::nearest(points.as_view(), others)?;
    let found = Instant::now();
    let embedding = umap::embed_neighbors(&neighbors, points.as_view(), &parameters)?;
    eprintln!(
        "{} points, {} components; neighbours {:.2?}, embedding {:.2?}",
        embedding.positions.len(),
        embedding.components,
        found - begun,
        found.elapsed(),
    );
    for [x, y] in embedding.positions {
        println!("{x} {y}");
    }
    Ok(())
}
