//! Figures: plain data in, one SVG document out, about 900 pixels wide, on white.

pub mod chart;
mod dendrogram;
mod embedding;
pub mod matrix;
mod spread;
mod weight_statistics;

pub use dendrogram::{
    Leaf, RunDendrogram, ZooDendrogram, named_dendrogram, run_dendrograms, zoo_dendrogram,
};
pub use embedding::{Embedding, Trajectory, TrajectoryPoint, embedding};
pub use spread::{
    Quantiles, SpreadPanel, SpreadSeries, ZooGeometry, ZooTraining, geometry, spread,
    training_curves,
};
pub use weight_statistics::{ModelStatistics, WeightStatistics, weight_statistics};
