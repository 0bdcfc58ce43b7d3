//! Runs, order and geometry of training trajectories, from distances and points alone.
//!
//! Given nothing but the weights of many checkpoints, this crate answers three questions: which
//! checkpoints belong to one training run, in which order they were written, and how far and how
//! straight the run moved. The first two reproduce the single-linkage analysis of Schürholt and
//! Borth (2021); the order along the tree is a better answer to the second.
//!
//! # Overview
//!
//! | module | from | to |
//! |---|---|---|
//! | [`minimum_spanning_tree`] | points | edges of the tree |
//! | [`spanning_tree`] | edges | a checked tree as a `petgraph` graph, DOT |
//! | [`dendrogram`] | edges | single-linkage merges, cuts |
//! | [`assignment`] | a cut | clusters: labels, members, sizes |
//! | [`families`] | points, a tree | which are related at all, without a gap to tell by |
//! | [`descent`] | a tree of relatives, votes | which of two neighbours is the parent; merges |
//! | [`runs`] | a dendrogram | the number of runs, or that they overlap |
//! | [`given`] | clusters, a tree | as many clusters as are known to be there |
//! | [`whitening`] | points, tensors, rough orders | the points in a metric that jitter does not rule |
//! | [`ordering`] | points, clusters, seed | an order of every cluster, its edges' confidence, its direction |
//! | [`geometry`] | points, an order | step length, turning angle, curvature, tortuosity |
//! | [`shift`] | checkpoints, one at a time | alarms with a likely cause, at a declared false-alarm rate |
//! | [`soundness`] | tensors over steps | which steps and tensors are not what they claim to be |
//! | [`forks`] | points, orders | a tree of runs: parent and fork point of each |
//! | [`progress`] | points, an order | distance since a checkpoint, in steps and in distances of unrelated runs |
//! | [`null_models`] | a run | random walks and clouds at its scale |
//! | [`spread`] | one series per run | mean, deviation and quantiles per epoch |
//! | [`scoring`] | answers **and truth** | purity, ordered epochs, Kendall's τ |
//!
//! Only [`scoring`] ever sees the true run and epoch of a checkpoint; every other module takes
//! points, trees and seeds. A checkpoint is named by its column in the matrix of points, here
//! called a *leaf* (`u32`).
//!
//! # Example
//!
//! Two runs of three checkpoints on a line; run 0 slows down to the right, run 1 to the left.
//!
//! ```
//! use trajectory::dendrogram::Dendrogram;
//! use trajectory::minimum_spanning_tree::Edge;
//! use trajectory::ordering::{by_merge_height, along_tree};
//! use trajectory::scoring::{purity, score_orders};
//! use trajectory::spanning_tree::SpanningTree;
//!
//! // positions 0.0, 2.0, 3.0 (run 0) and 109.0, 107.0, 106.0 (run 1)
//! let edges = [
//!     Edge { a: 1, b: 2, length: 1.0 },
//!     Edge { a: 4, b: 5, length: 1.0 },
//!     Edge { a: 0, b: 1, length: 2.0 },
//!     Edge { a: 3, b: 4, length: 2.0 },
//!     Edge { a: 2, b: 5, length: 103.0 },
//! ];
//! let dendrogram = Dendrogram::from_tree(6, &edges)?;
//! let clusters = dendrogram.cut_into(2)?;
//! assert_eq!(clusters.members(0), [0, 1, 2]);
//!
//! let by_height = by_merge_height(&dendrogram, &clusters, 7)?;
//! let tree = SpanningTree::new(6, &edges)?;
//! let by_path = along_tree(&tree, &clusters, 7)?;
//! // A path may as well be read backwards; `ordering::direct` looks for its start.
//! assert_eq!(by_path[1].leaves[1], 4);
//!
//! let (runs, epochs) = ([0, 0, 0, 1, 1, 1], [1, 2, 3, 1, 2, 3]);
//! assert_eq!(purity(&clusters, &runs)?.mean.value, 1.0);
//! assert_eq!(score_orders(&by_path, &runs, &epochs)?.kendall_tau.value.abs(), 1.0);
//! // The last two checkpoints of a run are each other's nearest neighbour and tie exactly.
//! assert!(score_orders(&by_height, &runs, &epochs)?.initial.value >= 1.0);
//! # Ok::<(), trajectory::Error>(())
//! ```
//!
//! # Not covered by the tests
//!
//! The confidence in a direction and in an edge is fitted to trained zoos (docs/order.md); here it
//! is tested on synthetic runs only.
#![forbid(unsafe_code)]

pub mod assignment;
pub mod branches;
mod chance;
mod checks;
pub mod dendrogram;
pub mod descent;
mod error;
pub mod families;
pub mod forks;
pub mod geometry;
pub mod given;
pub mod minimum_spanning_tree;
pub mod null_models;
pub mod ordering;
pub mod progress;
mod projection;
mod rank_correlation;
pub mod runs;
pub mod scoring;
pub mod shift;
pub mod soundness;
pub mod spanning_tree;
pub mod spread;
pub mod whitening;

pub use error::Error;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
