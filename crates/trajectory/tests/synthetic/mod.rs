//! Seeded runs whose truth is known, and their spanning trees by the plainest algorithm.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, unreachable_pub)]

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use trajectory::minimum_spanning_tree::Edge;

/// A standard normal sample source (sum of twelve uniforms; good enough for geometry).
pub struct Normal(ChaCha8Rng);

impl Normal {
    pub fn seeded(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub fn uniform(&mut self) -> f64 {
        self.0.next_u32() as f64 / 2f64.powi(32)
    }

    pub fn sample(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    pub fn shuffle(&mut self, n: usize) -> Vec<u32> {
        let mut keyed: Vec<(u32, u32)> = (0..n as u32).map(|i| (self.0.next_u32(), i)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, i)| i).collect()
    }
}

/// Checkpoints with their truth; column `i` is epoch `epochs[i]` of run `runs[i]`.
pub struct Zoo {
    pub points: DMatrix<f32>,
    pub runs: Vec<u32>,
    pub epochs: Vec<u32>,
}

impl Zoo {
    /// Random walks from far-apart starts; `step(epoch, random)` is the length of the step into an
    /// epoch.
    pub fn of_walks(
        runs: usize,
        epochs: usize,
        dimension: usize,
        seed: u64,
        mut step: impl FnMut(usize, &mut Normal) -> f64,
    ) -> Self {
        let mut random = Normal::seeded(seed);
        let mut points = DMatrix::zeros(dimension, runs * epochs);
        for run in 0..runs {
            let mut here: Vec<f64> = (0..dimension).map(|_| 100.0 * random.sample()).collect();
            for epoch in 0..epochs {
                let length = step(epoch + 1, &mut random);
                let direction: Vec<f64> = (0..dimension).map(|_| random.sample()).collect();
                let norm = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
                for (row, (x, d)) in here.iter_mut().zip(&direction).enumerate() {
                    *x += d / norm * length;
                    points[(row, run * epochs + epoch)] = *x as f32;
                }
            }
        }
        Self {
            points,
            runs: (0..runs * epochs).map(|i| (i / epochs) as u32).collect(),
            epochs: (0..runs * epochs)
                .map(|i| (i % epochs) as u32 + 1)
                .collect(),
        }
    }

    /// The same checkpoints, column `i` taken from column `from[i]`.
    pub fn rearranged(&self, from: &[u32]) -> Self {
        Self {
            points: self
                .points
                .select_columns(&from.iter().map(|&i| i as usize).collect::<Vec<_>>()),
            runs: from.iter().map(|&i| self.runs[i as usize]).collect(),
            epochs: from.iter().map(|&i| self.epochs[i as usize]).collect(),
        }
    }

    /// The tree of every run by itself, joined by edges longer than any of theirs: what the tree
    /// of all points is for runs this far apart, but for the length and place of those edges.
    pub fn tree(&self) -> Vec<Edge> {
        let columns: Vec<&[f32]> = self.points.as_slice().chunks(self.points.nrows()).collect();
        let mut edges = Vec::new();
        let mut previous: Option<u32> = None;
        for run in 0..=*self.runs.iter().max().unwrap() {
            let members: Vec<u32> = (0..self.runs.len() as u32)
                .filter(|&leaf| self.runs[leaf as usize] == run)
                .collect();
            let distance = |a: usize, b: usize| {
                distance(columns[members[a] as usize], columns[members[b] as usize])
            };
            edges.extend(naive_tree(members.len(), &distance).iter().map(|edge| {
                let (a, b) = (members[edge.a as usize], members[edge.b as usize]);
                Edge {
                    a: a.min(b),
                    b: a.max(b),
                    length: edge.length,
                }
            }));
            edges.extend(previous.map(|leaf| Edge {
                a: leaf.min(members[0]),
                b: leaf.max(members[0]),
                length: 1e6 + f64::from(run),
            }));
            previous = Some(members[0]);
        }
        edges
    }
}

pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    std::iter::zip(a, b)
        .map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// Prim's algorithm on a distance function, O(n²).
pub fn naive_tree(n: usize, distance: &dyn Fn(usize, usize) -> f64) -> Vec<Edge> {
    let mut edges = Vec::new();
    let mut nearest: Vec<(f64, usize)> = (0..n).map(|i| (distance(0, i), 0)).collect();
    let mut outside: Vec<usize> = (1..n).collect();
    while !outside.is_empty() {
        let (position, &next) = outside
            .iter()
            .enumerate()
            .min_by(|(_, x), (_, y)| nearest[**x].0.total_cmp(&nearest[**y].0))
            .unwrap();
        outside.remove(position);
        let (length, from) = nearest[next];
        edges.push(Edge {
            a: next.min(from) as u32,
            b: next.max(from) as u32,
            length,
        });
        for &i in &outside {
            let length = distance(next, i);
            if length < nearest[i].0 {
                nearest[i] = (length, next);
            }
        }
    }
    edges
}
