//! Checkpoints of a zoo, some of them dropped at random, and points without a story.

use super::world::{SEED, World};
use anyhow::Result;
use nalgebra::DMatrix;
use trajectory::null_models::{cloud, random_walk};
use weightspace::random::{permutation, stream};
use zoo::Trained;

/// Some checkpoints of a zoo in a random order, with their truth.
pub(super) struct Thinned {
    pub(super) matrix: DMatrix<f32>,
    /// Run of every point, by its place among the runs.
    pub(super) labels: Vec<u32>,
    /// Place of every point among those kept of its run, from 1.
    pub(super) ranks: Vec<u32>,
    seeds: Vec<u64>,
}

impl Thinned {
    /// Keeps this share of the checkpoints of every run, at least two.
    pub(super) fn new(zoo: &Trained, kept: f64) -> Result<Self> {
        let orders = zoo.points.true_order();
        let chosen = orders.iter().zip(zoo.points.runs()).map(|(order, &seed)| {
            let keep = ((order.len() as f64 * kept).round() as usize)
                .max(2)
                .min(order.len());
            let random = &mut stream(SEED, "thinned", seed);
            let mut places = permutation(order.len() as u32, random);
            places.truncate(keep);
            places.sort_unstable();
            places
                .into_iter()
                .map(|place| order[place as usize])
                .collect()
        });
        Self::of_runs(zoo, &chosen.collect::<Vec<Vec<u32>>>(), zoo.points.runs())
    }

    /// These points, run by run in the order of their epochs, shuffled.
    pub(super) fn of_runs(zoo: &Trained, chosen: &[Vec<u32>], seeds: &[u64]) -> Result<Self> {
        let mut points = Vec::new();
        for (run, order) in chosen.iter().enumerate() {
            points.extend(
                order
                    .iter()
                    .zip(1..)
                    .map(|(&point, rank)| (point, run as u32, rank)),
            );
        }
        let random = &mut stream(SEED, "thinned order", 0);
        let shuffled: Vec<(u32, u32, u32)> = permutation(points.len() as u32, random)
            .into_iter()
            .map(|place| points[place as usize])
            .collect();
        let columns: Vec<usize> = shuffled.iter().map(|point| point.0 as usize).collect();
        Ok(Self {
            matrix: zoo.points.matrix().select_columns(&columns),
            labels: shuffled.iter().map(|point| point.1).collect(),
            ranks: shuffled.iter().map(|point| point.2).collect(),
            seeds: seeds.to_vec(),
        })
    }

    pub(super) fn runs(&self) -> usize {
        self.seeds.len()
    }

    /// Whether the point is of an odd seed, and so reported on.
    pub(super) fn odd(&self, point: usize) -> bool {
        self.seeds[self.labels[point] as usize] % 2 == 1
    }
}

/// Points without a story, in a random order.
pub(super) struct Null {
    pub(super) name: &'static str,
    pub(super) matrix: DMatrix<f32>,
    /// Run of every point.
    pub(super) labels: Vec<u32>,
    /// Place of every point in its run, from 1.
    pub(super) ranks: Vec<u32>,
}

/// Random walks with the lengths of the steps of some trained runs, and as many independent points.
pub(super) fn null_points(world: &World) -> Result<[Null; 2]> {
    let zoo = world.zoo("mlp")?;
    let points = zoo.points.matrix();
    let orders = zoo.points.true_order();
    let (mut walks, mut clouds) = (Vec::new(), Vec::new());
    for (number, order) in (0..).zip(&orders[..orders.len().min(10)]) {
        let columns: Vec<usize> = order.iter().map(|&point| point as usize).collect();
        let run = points.select_columns(&columns);
        let random = |purpose| stream(SEED, purpose, number);
        walks.push(random_walk(run.as_view(), &mut random("null walk")));
        clouds.push(cloud(run.as_view(), &mut random("null cloud")));
    }
    Ok([
        Null::of("random walk", &walks),
        Null::of("independent points", &clouds),
    ])
}

impl Null {
    fn of(name: &'static str, runs: &[DMatrix<f32>]) -> Self {
        let mut points = Vec::new();
        for (label, run) in (0..).zip(runs) {
            points.extend(
                run.column_iter()
                    .zip(1..)
                    .map(|(point, rank)| (point, label, rank)),
            );
        }
        let random = &mut stream(SEED, "null order", 0);
        let shuffled = permutation(points.len() as u32, random).into_iter();
        let shuffled: Vec<_> = shuffled.map(|place| &points[place as usize]).collect();
        let columns: Vec<_> = shuffled.iter().map(|point| point.0).collect();
        Self {
            name,
            matrix: DMatrix::from_columns(&columns),
            labels: shuffled.iter().map(|point| point.1).collect(),
            ranks: shuffled.iter().map(|point| point.2).collect(),
        }
    }
}
