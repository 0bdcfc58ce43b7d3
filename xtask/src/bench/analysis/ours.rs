//! One turn of ours: `cargo xtask bench analysis-turn WORK POINTS.npy ANSWER.npy SEED RUNS`.

use super::contender::Turn;
use super::npy;
use crate::machine::peak_memory_mib;
use anyhow::{Result, bail};
use clap::Args;
use cpu_time::ProcessTime;
use nalgebra::{DMatrix, DMatrixView};
use std::path::PathBuf;
use std::time::Instant;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::{Method, order};
use weightspace::{svd, umap};

#[derive(Args)]
pub(crate) struct OwnTurn {
    work: String,
    points: PathBuf,
    answer: PathBuf,
    seed: u64,
    runs: usize,
}

impl OwnTurn {
    /// Does the work, writes the answer, and prints the [`Turn`].
    pub(crate) fn take(&self) -> Result<()> {
        let read = npy::read::<f32>(&self.points)?;
        let count = read.values.len() / read.columns;
        let points = DMatrix::from_vec(read.columns, count, read.values);
        let points = points.as_view();
        let (answer, turn) = match self.work.as_str() {
            "linkage" => timed(|| heights(points))?,
            "umap" => timed(|| self.picture(points))?,
            "order" => {
                let edges = minimum_spanning_tree(points)?;
                let clusters = Dendrogram::from_tree(count, &edges)?.cut_into(self.runs)?;
                timed(|| {
                    let orders = order(points, &clusters, Method::RECOMMENDED, self.seed)?;
                    Ok((orders.concat().into_iter().map(f64::from).collect(), 1))
                })?
            }
            svd => match svd.strip_prefix("svd-").map(str::parse) {
                Some(Ok(rank)) => timed(|| {
                    let svd = svd::truncated(points, rank)?;
                    Ok((svd.singular_values().to_vec(), 1))
                })?,
                _ => bail!("there is no work `{svd}`"),
            },
        };
        std::fs::write(&self.answer, npy::bytes(&answer.0, answer.1)?)?;
        println!("{}", serde_json::to_string(&turn)?);
        Ok(())
    }

    fn picture(&self, points: DMatrixView<'_, f32>) -> Result<(Vec<f64>, usize)> {
        let parameters = umap::Parameters {
            seed: self.seed,
            ..umap::Parameters::default()
        };
        let picture = umap::embed(points, &parameters)?;
        let coordinates = picture.positions.iter().flatten().copied();
        Ok((coordinates.map(f64::from).collect(), 2))
    }
}

fn heights(points: DMatrixView<'_, f32>) -> Result<(Vec<f64>, usize)> {
    let edges = minimum_spanning_tree(points)?;
    let dendrogram = Dendrogram::from_tree(points.ncols(), &edges)?;
    let mut heights: Vec<f64> = dendrogram.merges().iter().map(|m| m.height).collect();
    heights.sort_by(f64::total_cmp);
    Ok((heights, 1))
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Turn)> {
    // The threads are there before the clock starts, as an interpreter's are.
    rayon::join(|| (), || ());
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    let answer = work()?;
    let turn = Turn {
        cpu_s: cpu.elapsed().as_secs_f64(),
        wall_s: wall.elapsed().as_secs_f64(),
        peak_mib: peak_memory_mib().unwrap_or(0) as f64,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cold_cpu_s: None,
        cold_wall_s: None,
    };
    Ok((answer, turn))
}
