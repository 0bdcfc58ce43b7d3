//! What can be read off a trajectory, and what cannot: order, direction, number of runs, shifts of
//! the data, forks and progress, with baselines, controls and random walks.
//!
//! An experiment is a function of a [`World`], the zoos that all of them share, and its answer is
//! [`Findings`]: text, tables, figures and numbers. `cargo xtask experiments` trains the zoos, runs
//! [`EXPERIMENTS`] and writes what they found. Whatever is tuned is tuned on models with even seeds and
//! reported on models with odd ones.
//!
//! The examples make the tables of docs/lineage.md and docs/runs.md.
#![forbid(unsafe_code)]

mod audit;
mod direction;
mod findings;
mod forks;
mod gallery;
mod headline;
mod hidden;
mod nulls;
mod order;
mod page;
mod predictors;
mod progress;
mod related;
mod runs;
mod shifts;
mod thinned;
mod world;

pub use audit::{Replay, audit, replay};
pub use findings::{Figure, Findings};
pub use gallery::{Gallery, found, gallery, trainings};
pub use headline::table as headline;
pub use page::{markdown, page, page_of};
pub use world::World;

/// What an experiment is.
pub type Experiment = fn(&World) -> anyhow::Result<Findings>;

/// All of them, by the names of their JSON files.
pub const EXPERIMENTS: [(&str, Experiment); 9] = [
    ("order", order::run),
    ("direction", direction::run),
    ("runs", runs::run),
    ("shifts", shifts::run),
    ("forks", forks::run),
    ("progress", progress::run),
    ("nulls", nulls::run),
    ("related", related::run),
    ("predictors", predictors::run),
];
