//! UMAP: a two-dimensional picture of which checkpoints are neighbours.
//!
//! McInnes, Healy, Melville, *UMAP: Uniform Manifold Approximation and
//! Projection for Dimension Reduction* (arXiv:1802.03426), for Euclidean points
//! and exact nearest neighbours, into the plane:
//!
//! 1. `smooth_knn`: every point gets a bandwidth, so that distances are
//!    measured in units of its own neighbourhood;
//! 2. `fuzzy_set`: the neighbourhoods become one symmetric weighted graph;
//! 3. `start`: connected components are placed by their centroids and laid
//!    out by the eigenvectors of their part of the graph (`spectral`,
//!    `lanczos`);
//! 4. `optimise`: stochastic gradient descent pulls neighbours together and
//!    pushes random pairs apart along a curve (`curve`).
//!
//! A UMAP picture shows neighbourhoods. Distances between far points, areas and
//! densities in it mean nothing; checkpoints of different runs are so far apart
//! that every run usually is a component of its own, and where it is put
//! relative to the others says little.
//!
//! ```
//! use nalgebra::DMatrix;
//! use weightspace::umap::{self, Parameters};
//!
//! // 40 points on a line in three dimensions, one per column
//! let points = DMatrix::from_fn(3, 40, |row, column| (row as f32 + 1.0) * column as f32);
//! let embedding = umap::embed(points.as_view(), &Parameters::default())?;
//! assert_eq!(embedding.positions.len(), 40);
//! assert_eq!(embedding.components, 1);
//! # Ok::<(), weightspace::Error>(())
//! ```

mod curve;
mod draws;
mod forces;
mod fraction;
mod fuzzy_set;
mod lanczos;
mod optimise;
mod pulls;
mod pushes;
mod smooth_knn;
mod spectral;
mod start;

use nalgebra::DMatrixView;

use crate::Error;
use crate::neighbors::{self, Neighbors};
use crate::random::stream;
pub use curve::Curve;
use fuzzy_set::FuzzySet;

/// What the picture depends on besides the points. The default is that of
/// umap-learn.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Size of a point's neighbourhood, the point itself included, at least 2
    /// (15). Larger shows coarser structure. With fewer points than this, all of
    /// them are neighbours.
    pub neighbors: usize,
    /// How close neighbours may lie in the picture, in its units (0.1).
    pub min_dist: f64,
    /// Distance over which the attraction between neighbours fades, in the
    /// picture's units (1.0).
    pub spread: f64,
    /// Passes of the optimiser; `None` is 200 above 10,000 points and 500
    /// otherwise.
    pub epochs: Option<usize>,
    /// Random points pushed away for each neighbour pulled closer (5).
    pub negative_samples: usize,
    /// Seeds the eigensolver, the jitter and the negative samples (0).
    pub seed: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            neighbors: 15,
            min_dist: 0.1,
            spread: 1.0,
            epochs: None,
            negative_samples: 5,
            seed: 0,
        }
    }
}

impl Parameters {
    /// Passes the optimiser makes over `points` points.
    #[must_use]
    pub fn epochs_for(&self, points: usize) -> usize {
        self.epochs.unwrap_or(default_epochs(points))
    }
}

fn default_epochs(points: usize) -> usize {
    if points > 10_000 { 200 } else { 500 }
}

/// The picture: one position in the plane for every point, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Horizontal and vertical coordinate of each point.
    pub positions: Vec<[f32; 2]>,
    /// Connected components of the neighbour graph. Where two components lie
    /// relative to each other is known from their centroids alone.
    pub components: usize,
    /// The attraction curve that `min_dist` and `spread` led to.
    pub curve: Curve,
}

/// Embeds `points`, shape (dimensions, points), in the plane.
///
/// The result depends on the points and the parameters alone, not on the number
/// of threads. Time is that of the exact neighbour search, O(n² d), then
/// O(n · neighbors · epochs) on one thread.
///
/// # Errors
/// [`Error::TooFewCheckpoints`] below two points, and those of
/// [`neighbors::nearest`] and [`embed_neighbors`].
pub fn embed(points: DMatrixView<'_, f32>, parameters: &Parameters) -> Result<Embedding, Error> {
    check(parameters)?;
    if points.ncols() < 2 {
        return Err(Error::TooFewCheckpoints {
            needed: 2,
            found: points.ncols(),
        });
    }
    let others = (parameters.neighbors - 1).min(points.ncols() - 1);
    embed_neighbors(&neighbors::nearest(points, others)?, points, parameters)
}

/// Embeds points whose nearest neighbours are known already, for instance those
/// of the points before a truncated SVD. `neighbors.k` takes the place of
/// `parameters.neighbors`; `points`, shape (dimensions, points), only serve to
/// place connected components by their centroids.
///
/// # Errors
/// [`Error::UmapParameter`] names the parameter that is out of range.
///
/// # Panics
/// If `points` and `neighbors` differ in the number of points, or `neighbors`
/// names a point that there is none of.
pub fn embed_neighbors(
    neighbors: &Neighbors,
    points: DMatrixView<'_, f32>,
    parameters: &Parameters,
) -> Result<Embedding, Error> {
    check(parameters)?;
    assert_eq!(
        neighbors.len(),
        points.ncols(),
        "neighbours and points must describe the same checkpoints"
    );
    let epochs = parameters.epochs_for(points.ncols());
    let curve = Curve::fit(parameters.min_dist, parameters.spread);
    let mut random = stream(parameters.seed, "UMAP", 0);

    let set = FuzzySet::union(neighbors);
    // Edges so weak that the optimiser would never come to them must not join
    // components either.
    let set = set.without_weaker_than(set.strongest() / default_epochs(points.ncols()) as f32);
    let components = set.components();
    let mut positions = start::positions(&set, &components, points, &mut random);
    optimise::optimise(
        &mut positions,
        &set,
        &optimise::Schedule {
            epochs,
            negative_samples: parameters.negative_samples,
        },
        &curve,
        &mut random,
    );
    Ok(Embedding {
        positions,
        components: components.len(),
        curve,
    })
}

fn check(parameters: &Parameters) -> Result<(), Error> {
    let &Parameters {
        neighbors,
        min_dist,
        spread,
        ..
    } = parameters;
    let wrong = |name, value, needed| {
        Err(Error::UmapParameter {
            name,
            value,
            needed,
        })
    };
    if neighbors < 2 {
        return wrong("neighbors", neighbors as f64, "at least 2");
    }
    if !(spread.is_finite() && spread > 0.0) {
        return wrong("spread", spread, "finite and above 0");
    }
    if !(0.0..=spread).contains(&min_dist) {
        return wrong("min_dist", min_dist, "between 0 and spread");
    }
    Ok(())
}
