//! Runs, order and geometry of training trajectories, from distances and points alone.
#![forbid(unsafe_code)]

pub mod minimum_spanning_tree;
