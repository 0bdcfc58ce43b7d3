//! One size: `cargo xtask bench scaling-turn STORE TRUTH.npy RUNS`, in a process of its own.

use crate::bench::npy;
use crate::machine::peak_memory_mib;
use anyhow::Result;
use checkpoint_store::Store;
use clap::Args;
use cpu_time::ProcessTime;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Instant;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::{Method, order};
use trajectory::scoring::purity;

#[derive(Args)]
pub(crate) struct Turn {
    store: PathBuf,
    /// Run and epoch of every checkpoint, for the score alone.
    truth: PathBuf,
    runs: usize,
}

/// Seconds of processor time, of all threads, and on the clock.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Seconds {
    pub(super) cpu: f64,
    pub(super) wall: f64,
}

/// What one size cost, and how good the answer is.
#[derive(Serialize, Deserialize)]
pub(super) struct Cost {
    /// The minimum spanning tree.
    pub(super) tree: Seconds,
    /// The dendrogram and its cut into as many clusters as there are runs.
    pub(super) clusters: Seconds,
    /// The order of every cluster.
    pub(super) order: Seconds,
    /// Of the process, pages of the mapped store included.
    pub(super) peak_mib: u64,
    /// Mean purity of the clusters.
    pub(super) purity: f64,
    /// Share of the successive checkpoints of all runs that the orders put beside each other.
    pub(super) in_order: f64,
}

impl Turn {
    pub(crate) fn take(&self) -> Result<()> {
        let checkpoints = Store::open(&self.store)?.load()?;
        let points = checkpoints.matrix();
        rayon::join(|| (), || ());
        let (edges, tree) = timed(|| minimum_spanning_tree(points))?;
        let (clusters, cut) = timed(|| {
            let dendrogram = Dendrogram::from_tree(points.ncols(), &edges)?;
            dendrogram.cut_into(self.runs)
        })?;
        let (orders, ordering) = timed(|| order(points, &clusters, Method::RECOMMENDED, 0))?;
        let peak_mib = peak_memory_mib().unwrap_or(0);
        let truth = npy::read::<f64>(&self.truth)?.values;
        let (runs, epochs) = truth.split_at(points.ncols());
        let [runs, epochs] =
            [runs, epochs].map(|values| values.iter().map(|&x| x as u32).collect::<Vec<u32>>());
        let cost = Cost {
            tree,
            clusters: cut,
            order: ordering,
            peak_mib,
            purity: purity(&clusters, &runs)?.mean.value,
            in_order: beside(&orders, &runs, &epochs) as f64 / (points.ncols() - self.runs) as f64,
        };
        println!("{}", serde_json::to_string(&cost)?);
        Ok(())
    }
}

/// How many successive checkpoints of a run stand beside each other.
fn beside(orders: &[Vec<u32>], runs: &[u32], epochs: &[u32]) -> usize {
    let pairs = orders.iter().flat_map(|order| order.windows(2));
    let right = pairs.filter(|pair| {
        let [a, b] = [pair[0] as usize, pair[1] as usize];
        runs[a] == runs[b] && epochs[a].abs_diff(epochs[b]) == 1
    });
    right.count()
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, Seconds), E> {
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    let result = work()?;
    let seconds = Seconds {
        cpu: cpu.elapsed().as_secs_f64(),
        wall: wall.elapsed().as_secs_f64(),
    };
    Ok((result, seconds))
}
