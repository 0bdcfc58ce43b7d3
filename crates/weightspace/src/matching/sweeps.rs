//! Coordinate descent over the hidden layers: one assignment at a time, the others fixed.

use std::borrow::Cow;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

use super::assignment::assignment;
use super::chain::{Chain, Part};
use crate::compare::Pair;
use crate::parts::PARTS;

/// Sweeps after which the best so far is taken; a handful is usual.
const SWEEPS: usize = 100;

/// Least gain, relative to all there is to gain, that a permutation is changed for: what is less
/// is rounding, and could go round in circles.
const GAIN: f64 = 1e-9;

/// Columns of a product held at a time.
const CHUNK: usize = 1024;

/// Where a search starts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Start {
    /// From no permutation.
    Identity,
    /// From the input: each layer by what it reads, before any that reads it.
    Forward,
    /// From the output: each layer by what reads it.
    Backward,
}

/// Values of both checkpoints as rows of output units.
pub(super) struct Problem<'a> {
    chain: &'a Chain,
    a: Vec<Cow<'a, [f32]>>,
    b: Vec<Cow<'a, [f32]>>,
}

impl<'a> Problem<'a> {
    pub(super) fn new(chain: &'a Chain, pairs: &[Pair<'a>]) -> Self {
        let side = |values: fn(&Pair<'a>) -> &'a [f32]| {
            let parts = chain.parts.iter();
            parts
                .map(|part| rows_first(part, values(&pairs[part.pair])))
                .collect()
        };
        Self {
            chain,
            a: side(|pair| pair.a),
            b: side(|pair| pair.b),
        }
    }

    /// The best permutations found from all starts, and after how many sweeps.
    pub(super) fn solve(&self) -> (Vec<Vec<usize>>, usize) {
        let starts: &[Start] = if self.chain.has_stream {
            // From the output nothing is known of a stream that everything reads.
            &[Start::Identity, Start::Forward]
        } else {
            &[Start::Identity, Start::Forward, Start::Backward]
        };
        let found: Vec<_> = starts.iter().map(|&start| self.descend(start)).collect();
        let total: f64 = found.iter().map(|found| found.2.abs()).fold(0.0, f64::max);
        let best = found.into_iter().reduce(|best, next| {
            if next.2 > best.2 + GAIN * total {
                next
            } else {
                best
            }
        });
        best.map_or((Vec::new(), 0), |(permutations, sweeps, _)| {
            (permutations, sweeps)
        })
    }

    fn descend(&self, start: Start) -> (Vec<Vec<usize>>, usize, f64) {
        let groups = &self.chain.groups;
        let mut permutations: Vec<Vec<usize>> = groups
            .iter()
            .map(|group| (0..group.size).collect())
            .collect();
        let mut known = vec![start == Start::Identity; groups.len()];
        if start != Start::Identity {
            let mut order: Vec<usize> = (0..groups.len()).collect();
            if start == Start::Backward {
                order.reverse();
            }
            for group in order {
                permutations[group] = assignment(self.gains(group, &permutations, &known).as_ref());
                known[group] = true;
            }
        }
        let mut sweeps = 0;
        while sweeps < SWEEPS {
            sweeps += 1;
            let mut changed = false;
            for group in 0..groups.len() {
                let gains = self.gains(group, &permutations, &known);
                let next = assignment(gains.as_ref());
                let sum = |columns: &[usize]| -> f64 {
                    columns
                        .iter()
                        .enumerate()
                        .map(|(i, &j)| gains[(i, j)])
                        .sum()
                };
                let scale: f64 = (0..gains.nrows()).map(|i| gains[(i, i)].abs()).sum();
                if sum(&next) > sum(&permutations[group]) + GAIN * scale {
                    permutations[group] = next;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        let agreement = self.agreement(&permutations);
        (permutations, sweeps, agreement)
    }

    /// gains[(i, j)]: what unit i of A and unit j of B have in common, over all tensors of which
    /// the other side is known.
    fn gains(&self, group: usize, permutations: &[Vec<usize>], known: &[bool]) -> Mat<f64> {
        let size = self.chain.groups[group].size;
        let mut gains = Mat::zeros(size, size);
        let is_known = |other: Option<usize>| other.is_none_or(|other| known[other]);
        for (place, part) in self.chain.parts.iter().enumerate() {
            let (a, b) = (&self.a[place], &self.b[place]);
            if part.output == Some(group) && is_known(part.input) {
                add_of_rows(&mut gains, part, a, b, permutations);
            }
            if part.input == Some(group) && is_known(part.output) {
                add_of_blocks(&mut gains, part, a, b, permutations);
            }
        }
        gains
    }

    /// Inner product of A and the permuted B, over all tensors of the chain.
    fn agreement(&self, permutations: &[Vec<usize>]) -> f64 {
        let parts = self.chain.parts.iter().zip(self.a.iter().zip(&self.b));
        parts
            .map(|(part, (a, b))| {
                let b = permuted(part, b, permutations);
                let pairs = a.iter().zip(&b);
                pairs
                    .map(|(&a, &b)| f64::from(a) * f64::from(b))
                    .sum::<f64>()
            })
            .sum()
    }

    /// B with its units in A's order, one tensor per part, stored as the pair was.
    pub(super) fn aligned(&self, permutations: &[Vec<usize>]) -> Vec<Vec<f32>> {
        let parts = self.chain.parts.iter().zip(&self.b);
        parts
            .map(|(part, b)| {
                let rows = permuted(part, b, permutations);
                if part.transposed {
                    transposed(&rows, part.rows)
                } else {
                    rows
                }
            })
            .collect()
    }
}

fn unit(permutations: &[Vec<usize>], group: Option<usize>, place: usize) -> usize {
    group.map_or(place, |group| permutations[group][place])
}

fn permuted(part: &Part, values: &[f32], permutations: &[Vec<usize>]) -> Vec<f32> {
    let width = part.blocks * part.length;
    let mut result = Vec::with_capacity(values.len());
    for row in 0..part.rows {
        let start = unit(permutations, part.output, row) * width;
        for block in 0..part.blocks {
            let start = start + unit(permutations, part.input, block) * part.length;
            result.extend_from_slice(&values[start..start + part.length]);
        }
    }
    result
}

pub(crate) fn rows_first<'a>(part: &Part, values: &'a [f32]) -> Cow<'a, [f32]> {
    if part.transposed {
        Cow::Owned(transposed(values, part.blocks * part.length))
    } else {
        Cow::Borrowed(values)
    }
}

/// The transpose of a row-major matrix of so many rows.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows.max(1);
    let places = (0..columns).flat_map(|j| (0..rows).map(move |i| i * columns + j));
    places.map(|place| values[place]).collect()
}

/// Adds the inner products of the rows of A and of B.
fn add_of_rows(
    gains: &mut Mat<f64>,
    part: &Part,
    a: &[f32],
    b: &[f32],
    permutations: &[Vec<usize>],
) {
    let width = part.blocks * part.length;
    let source: Vec<usize> = (0..width)
        .map(|k| unit(permutations, part.input, k / part.length) * part.length + k % part.length)
        .collect();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for start in (0..width).step_by(CHUNK) {
        let source = &source[start..width.min(start + CHUNK)];
        left.clear();
        right.clear();
        for (a, b) in a.chunks_exact(width).zip(b.chunks_exact(width)) {
            left.extend(a[start..][..source.len()].iter().map(|&a| f64::from(a)));
            right.extend(source.iter().map(|&k| f64::from(b[k])));
        }
        let matrix = |values| MatRef::from_row_major_slice(values, part.rows, source.len());
        add_products(gains, matrix(&left), matrix(&right));
    }
}

/// Adds the inner products of the blocks of A and of B, taken over all rows.
fn add_of_blocks(
    gains: &mut Mat<f64>,
    part: &Part,
    a: &[f32],
    b: &[f32],
    permutations: &[Vec<usize>],
) {
    let width = part.blocks * part.length;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let rows: Vec<usize> = (0..part.rows).collect();
    for rows in rows.chunks(CHUNK.div_ceil(part.length)) {
        left.clear();
        right.clear();
        for &row in rows {
            let a = &a[row * width..][..width];
            let b = &b[unit(permutations, part.output, row) * width..][..width];
            for k in 0..part.length {
                let nth = |values: &[f32], out: &mut Vec<f64>| {
                    out.extend(
                        values
                            .iter()
                            .skip(k)
                            .step_by(part.length)
                            .map(|&v| f64::from(v)),
                    );
                };
                nth(a, &mut left);
                nth(b, &mut right);
            }
        }
        let columns = rows.len() * part.length;
        let matrix = |values| MatRef::from_column_major_slice(values, part.blocks, columns);
        add_products(gains, matrix(&left), matrix(&right));
    }
}

fn add_products(gains: &mut Mat<f64>, left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
    let par = Par::rayon(PARTS);
    matmul(
        gains.as_mut(),
        Accum::Add,
        left,
        right.transpose(),
        1.0,
        par,
    );
}
