//! All pairs of points, tile by tile, with rigorous lower bounds on their distances.
//!
//! A matrix product in f32 finds the squared distances of a tile of pairs a hundred times faster
//! than exact arithmetic does, but not exactly. It is good enough to discard: a pair is handed on
//! as a *candidate* unless its distance provably exceeds a limit, and the few candidates are then
//! measured by [`distance`](crate::distance::distance). What is decided that way does not depend
//! on the rounding of the matrix product, hence neither on the instruction set nor on the threads.
//!
//! # The bound
//!
//! Within a tile both groups of points are centred on the mean `c` of the rows' group, so that
//! cancellation is no worse than the group is wide. Write `u = 2⁻²⁴`, `a`, `b` for the centred
//! points as stored in f32, and `N = ‖a‖² + ‖b‖²`. The true squared distance differs from the
//! computed `n(a) + n(b) − 2·g(a, b)` by at most the sum of
//!
//! - centring: each difference `x − c` is rounded once, which moves `a − b` by at most
//!   `u(‖a‖ + ‖b‖)`, and its square by at most `4u·N`;
//! - norms, summed in f64 and rounded to f32: `u·N`;
//! - the product: in any order of summation a product over `k` terms is off by at most
//!   `k·u/(1 − k·u) · Σ|aᵢbᵢ|` (Higham 2002, *Accuracy and Stability of Numerical Algorithms*,
//!   section 3.1). It is taken over chunks of 256 parameters (`CHUNK`) and the `m` chunks are added
//!   up, so that `k = 256 + m`; `2·Σ|aᵢbᵢ| ≤ N`;
//! - adding up the three terms and the bound itself: `8u·N`.
//!
//! Second-order terms are covered by one part in a hundred. All coordinates are scaled by a power
//! of two to at most 1, so nothing overflows, and what underflows is at most `2⁻¹²⁰` per
//! parameter.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::points::magnitude;

/// Points per side of a tile: products, panels and packing buffers share the second-level cache.
/// A multiple of 96, the height of faer's largest f32 microkernel.
const SIDE: usize = 288;

/// Parameters per matrix product. Shorter chunks tighten the bound, longer ones run faster.
const CHUNK: usize = 256;

/// A list of points cut into panels of neighbouring points; two panels make a tile of pairs.
///
/// Points are numbered by their place in the list. An order in which near points stand together
/// gives tighter bounds.
#[derive(Debug)]
pub struct Panels<'a> {
    columns: Vec<&'a [f32]>,
    /// Power of two that brings every coordinate to at most 1.
    scale: f64,
}

/// Names the tile of the pairs between two panels, `row ≤ column`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileIndex {
    pub(crate) row: u32,
    pub(crate) column: u32,
}

/// A pair of points `a < b` that may lie within its limit, with a lower bound on the distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Never more than the exact distance.
    pub at_least: f64,
    /// Place of the first point in the list.
    pub a: u32,
    /// Place of the second point in the list.
    pub b: u32,
}

/// The largest distance that is still of interest, prepared for comparison in a tile.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Limit(f32);

impl<'a> Panels<'a> {
    /// Panels over points of equal dimension whose coordinates are all finite.
    ///
    /// O(points x dimension), copies nothing.
    pub fn new(columns: Vec<&'a [f32]>) -> Self {
        let largest = magnitude(&columns);
        // The scale itself must be a finite f32, however small the coordinates.
        let exponent = f64::from(largest.max(f32::MIN_POSITIVE)).log2().ceil();
        Self {
            columns,
            scale: (-exponent).exp2(),
        }
    }

    /// Number of panels.
    pub fn panels(&self) -> usize {
        self.columns.len().div_ceil(SIDE)
    }

    /// The points of a panel, by their places in the list.
    ///
    /// # Panics
    /// If there is no such panel.
    pub fn points(&self, panel: usize) -> Range<usize> {
        let start = panel * SIDE;
        assert!(start < self.columns.len(), "panel {panel} does not exist");
        start..(start + SIDE).min(self.columns.len())
    }

    /// The point at a place in the list.
    ///
    /// # Panics
    /// If there is no such point, as indexing a slice does.
    pub fn point(&self, place: usize) -> &'a [f32] {
        self.columns[place]
    }

    /// Every tile once, those of near panels first: all pairs `a < b`.
    pub fn tiles(&self) -> Vec<TileIndex> {
        let panels = self.panels() as u32;
        (0..panels)
            .flat_map(|lag| {
                (0..panels - lag).map(move |row| TileIndex {
                    row,
                    column: row + lag,
                })
            })
            .collect()
    }

    /// The limit that lets distances up to `length` pass.
    pub fn limit(&self, length: f64) -> Limit {
        let scaled = length * self.scale;
        // Rounded up beyond any doubt; f32 infinity if out of range.
        Limit((scaled * scaled * (1.0 + 1e-6) + f64::from(f32::MIN_POSITIVE)) as f32)
    }

    /// Computes the given tiles in parallel and shows each to `visit`.
    pub fn for_each(&self, tiles: &[TileIndex], visit: impl Fn(&Tile<'_>) + Sync) {
        tiles
            .par_iter()
            .for_each_init(Workspace::default, |workspace, &tile| {
                self.compute(workspace, tile);
                visit(&Tile {
                    panels: self,
                    index: tile,
                    workspace,
                });
            });
    }

    fn dimension(&self) -> usize {
        self.columns.first().map_or(0, |column| column.len())
    }

    fn compute(&self, workspace: &mut Workspace, tile: TileIndex) {
        let dimension = self.dimension();
        let scale = self.scale;
        let rows = self.points(tile.row as usize);
        let columns = self.points(tile.column as usize);
        let Workspace {
            row_panel,
            center,
            left,
            right,
            products,
            row_parts,
            column_parts,
        } = workspace;
        if *row_panel != Some(tile.row) {
            *row_panel = Some(tile.row);
            mean(&self.columns[rows.clone()], scale, center);
            centered(&self.columns[rows.clone()], scale, center, left, row_parts);
        }
        centered(
            &self.columns[columns.clone()],
            scale,
            center,
            right,
            column_parts,
        );
        products.resize(SIDE * SIDE, 0.0);
        let products = &mut products[..rows.len() * columns.len()];
        products.fill(0.0);
        let mut dst = MatMut::from_column_major_slice_mut(products, rows.len(), columns.len());
        let left = MatRef::from_column_major_slice(left, dimension, rows.len());
        let right = MatRef::from_column_major_slice(right, dimension, columns.len());
        for start in (0..dimension).step_by(CHUNK) {
            let length = CHUNK.min(dimension - start);
            matmul(
                dst.as_mut(),
                Accum::Add,
                left.subrows(start, length).transpose(),
                right.subrows(start, length),
                -2.0,
                Par::Seq,
            );
        }
    }
}

/// The squared distances of all pairs between two panels, to within their error bounds.
#[derive(Debug)]
pub struct Tile<'t> {
    panels: &'t Panels<'t>,
    index: TileIndex,
    workspace: &'t Workspace,
}

impl Tile<'_> {
    /// The two panels: of the rows, and the same or a later one of the columns.
    pub fn panels(&self) -> (usize, usize) {
        (self.index.row as usize, self.index.column as usize)
    }

    /// Calls `found` for every pair `a < b` that is not certainly farther apart than the limit of
    /// its row **and** the limit of its column; one of each per point of the tile.
    pub fn candidates(
        &self,
        row_limits: &[Limit],
        column_limits: &[Limit],
        mut found: impl FnMut(Candidate),
    ) {
        let rows = self.panels.points(self.index.row as usize);
        let columns = self.panels.points(self.index.column as usize);
        let height = rows.len();
        let parts = &self.workspace.row_parts[..height];
        let row_limits = &row_limits[..height];
        let unscale = (1.0 - 1e-12) / self.panels.scale;
        let arch = Arch::new();
        for (j, column) in columns.enumerate() {
            let products = &self.workspace.products[j * height..][..height];
            let part = self.workspace.column_parts[j];
            let limit = column_limits[j];
            // On the diagonal only pairs a < b count.
            let end = height.min(column - rows.start);
            for start in (0..end).step_by(LANES) {
                let stop = (start + LANES).min(end);
                let hits = arch.dispatch(AnyWithin {
                    products: &products[start..stop],
                    row_parts: &parts[start..stop],
                    row_limits: &row_limits[start..stop],
                    part,
                    limit,
                });
                if !hits {
                    continue;
                }
                for i in start..stop {
                    let lower = products[i] + (parts[i] + part);
                    if lower <= row_limits[i].0.max(limit.0) {
                        let length = f64::from(lower.max(0.0)).sqrt() * unscale;
                        found(Candidate {
                            at_least: length,
                            a: (rows.start + i) as u32,
                            b: column as u32,
                        });
                    }
                }
            }
        }
    }
}

/// Pairs looked at together.
const LANES: usize = 64;

/// Whether any pair of one column with some rows is within its limit.
struct AnyWithin<'a> {
    products: &'a [f32],
    row_parts: &'a [f32],
    row_limits: &'a [Limit],
    part: f32,
    limit: Limit,
}

impl WithSimd for AnyWithin<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        let rows = self.products.iter().zip(self.row_parts);
        let mut hit = false;
        for ((product, row_part), row_limit) in rows.zip(self.row_limits) {
            let lower = product + (row_part + self.part);
            let limit = if row_limit.0 > self.limit.0 {
                row_limit.0
            } else {
                self.limit.0
            };
            hit |= lower <= limit;
        }
        hit
    }
}

/// What one thread needs to compute tiles.
#[derive(Debug, Default)]
struct Workspace {
    /// The panel that `center`, `left` and `row_parts` belong to.
    row_panel: Option<u32>,
    center: Vec<f32>,
    left: Vec<f32>,
    right: Vec<f32>,
    /// Minus twice the products, rows varying fastest.
    products: Vec<f32>,
    /// Each point's share of the lower bound: its squared norm less its share of the error.
    row_parts: Vec<f32>,
    column_parts: Vec<f32>,
}

/// The scaled mean of some points, to within what f32 gives; any centre would do.
fn mean(columns: &[&[f32]], scale: f64, center: &mut Vec<f32>) {
    center.clear();
    center.resize(columns[0].len(), 0.0);
    let (scale, share) = (scale as f32, 1.0 / columns.len() as f32);
    for column in columns {
        for (sum, &x) in center.iter_mut().zip(*column) {
            *sum += x * scale;
        }
    }
    for sum in center {
        *sum *= share;
    }
}

/// Scales and centres some points and finds their shares of the lower bound.
fn centered(
    columns: &[&[f32]],
    scale: f64,
    center: &[f32],
    out: &mut Vec<f32>,
    parts: &mut Vec<f32>,
) {
    let dimension = center.len();
    let terms = (CHUNK.min(dimension) + dimension.div_ceil(CHUNK) + 13) as f64;
    let relative = 1.01 * terms * 2f64.powi(-24);
    let absolute = dimension as f64 * 2f64.powi(-120);
    out.resize(columns.len() * dimension, 0.0);
    parts.clear();
    let arch = Arch::new();
    for (column, out) in columns.iter().zip(out.chunks_exact_mut(dimension.max(1))) {
        let norm = arch.dispatch(Center {
            column,
            scale: scale as f32,
            center,
            out,
        });
        parts.push((norm * (1.0 - relative) - absolute) as f32);
    }
    // Points without coordinates all coincide.
    parts.resize(columns.len(), 0.0);
}

/// Scales and centres one point and returns its squared norm.
struct Center<'a> {
    column: &'a [f32],
    scale: f32,
    center: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Center<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        const SUMS: usize = 32;
        let mut sums = [0.0f64; SUMS];
        let (columns, column_rest) = self.column.as_chunks::<SUMS>();
        let (centers, center_rest) = self.center.as_chunks::<SUMS>();
        let (outs, out_rest) = self.out.as_chunks_mut::<SUMS>();
        for ((column, center), out) in columns.iter().zip(centers).zip(outs) {
            for lane in 0..SUMS {
                let y = column[lane] * self.scale - center[lane];
                out[lane] = y;
                sums[lane] += f64::from(y) * f64::from(y);
            }
        }
        let rest = column_rest.iter().zip(center_rest).zip(out_rest);
        for (sum, ((x, c), out)) in sums.iter_mut().zip(rest) {
            *out = x * self.scale - c;
            *sum += f64::from(*out) * f64::from(*out);
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use nalgebra::DMatrix;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::distance::distance;
    use crate::points::finite_columns;

    fn candidates(panels: &Panels<'_>, limit: f64) -> Vec<Candidate> {
        let limits = vec![panels.limit(limit); SIDE];
        let found = Mutex::new(Vec::new());
        panels.for_each(&panels.tiles(), |tile| {
            tile.candidates(&limits, &limits, |pair| found.lock().unwrap().push(pair));
        });
        let mut found = found.into_inner().unwrap();
        found.sort_by_key(|pair| (pair.a, pair.b));
        found
    }

    #[test]
    fn every_pair_is_visited_once() {
        let points = DMatrix::from_fn(3, 2 * SIDE + 5, |i, j| (i * j % 97) as f32);
        let view = points.as_view();
        let panels = Panels::new(finite_columns(&view).unwrap());
        let found = candidates(&panels, f64::INFINITY);
        let n = points.ncols() as u32;
        let all = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b)));
        assert!(found.iter().map(|pair| (pair.a, pair.b)).eq(all));
    }

    #[test]
    fn few_pairs_beyond_the_limit_are_kept_where_points_are_near() {
        // 500 points on a line of steps 0.01 in 2000 dimensions, 1000 times as far out.
        let points = DMatrix::from_fn(2000, 500, |i, j| {
            10.0 + ((i * 31) % 17) as f32 + if i == 5 { j as f32 * 0.01 } else { 0.0 }
        });
        let view = points.as_view();
        let columns = finite_columns(&view).unwrap();
        let found = candidates(&Panels::new(columns.clone()), 0.0101);
        let needed = 499;
        assert!(
            (needed..2 * needed).contains(&found.len()),
            "{}",
            found.len()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn bounds_hold_and_no_pair_within_the_limit_is_lost(
            seed in any::<u64>(),
            dimension in 0usize..600,
            n in 1usize..40,
            exponent in -44i32..38,
            spread in prop::sample::select(vec![1.0f32, 1e-2, 1e-4, 1e-6]),
        ) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut uniform = || rng.next_u32() as f32 / u32::MAX as f32 - 0.5;
            let unit = 10f64.powi(exponent) as f32;
            let base: Vec<f32> = (0..dimension).map(|_| uniform()).collect();
            let points =
                DMatrix::from_fn(dimension, n, |i, _| unit * (base[i] + spread * uniform()));
            let view = points.as_view();
            let columns = finite_columns(&view).unwrap();
            let panels = Panels::new(columns.clone());
            for pair in candidates(&panels, f64::INFINITY) {
                let exact = distance(columns[pair.a as usize], columns[pair.b as usize]);
                prop_assert!(pair.at_least <= exact, "{pair:?} {exact}");
            }
            if n > 1 {
                let limit = distance(columns[0], columns[n - 1]);
                let kept = candidates(&panels, limit);
                for a in 0..n {
                    for b in a + 1..n {
                        if distance(columns[a], columns[b]) <= limit {
                            let pair = (a as u32, b as u32);
                            prop_assert!(kept.iter().any(|kept| (kept.a, kept.b) == pair));
                        }
                    }
                }
            }
        }
    }
}
