//! Checkpoints of a zoo, some of them dropped at random, and points without a story.

use super::world::{SEED, World};
use anyhow::Result;
use nalgebra::DMatrix;
use zoo::Trained;
use zoo_training::random::visiting_order;

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
            let mut places = visiting_order(SEED ^ seed, 1, order.len());
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
        let shuffled: Vec<(u32, u32, u32)> = visiting_order(SEED, 2, points.len())
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

/// Name, points, run and place in the run of every point.
pub(super) type Null = (&'static str, DMatrix<f32>, Vec<u32>, Vec<u32>);

/// A random walk for each of some trained runs, with the lengths of its steps in random directions,
/// and as many independent points.
pub(super) fn null_points(world: &World) -> Result<Vec<Null>> {
    let zoo = world.zoo("mlp")?;
    let points = zoo.points.matrix();
    let orders = zoo.points.true_order();
    let orders = &orders[..orders.len().min(10)];
    let length = orders.iter().map(Vec::len).min().unwrap_or(0);
    let rows = points.nrows();
    let mut gauss = Gauss(SEED + 1);
    let mut walks: DMatrix<f32> = DMatrix::zeros(rows, orders.len() * length);
    let mut cloud = walks.clone();
    for (run, order) in orders.iter().enumerate() {
        let mut here: Vec<f32> = (0..rows).map(|_| 10.0 * gauss.sample()).collect();
        let centre = here.clone();
        for place in 0..length {
            let step = match place {
                0 => 0.0,
                _ => (points.column(order[place] as usize)
                    - points.column(order[place - 1] as usize))
                .norm(),
            };
            let scale = step / (rows as f32).sqrt();
            for row in 0..rows {
                here[row] += scale * gauss.sample();
                walks[(row, run * length + place)] = here[row];
                cloud[(row, run * length + place)] = centre[row] + 0.1 * gauss.sample();
            }
        }
    }
    let count = orders.len() * length;
    let shuffled: Vec<usize> = visiting_order(SEED, 3, count)
        .into_iter()
        .map(|column| column as usize)
        .collect();
    let labels: Vec<u32> = shuffled
        .iter()
        .map(|column| (column / length) as u32)
        .collect();
    let ranks: Vec<u32> = shuffled
        .iter()
        .map(|column| (column % length) as u32 + 1)
        .collect();
    Ok(vec![
        (
            "random walk",
            walks.select_columns(&shuffled),
            labels.clone(),
            ranks.clone(),
        ),
        (
            "independent points",
            cloud.select_columns(&shuffled),
            labels,
            ranks,
        ),
    ])
}

/// Nearly normal numbers: the sum of four uniform ones of a SplitMix64 stream.
struct Gauss(u64);

impl Gauss {
    fn sample(&mut self) -> f32 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        ((sum - 2.0) * 3f64.sqrt()) as f32
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
