//! What became of a residual stream: found from what has it on one side and something fixed on the other.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use serde::Serialize;

use super::Tensors;
use super::features::{Features, finite};
use crate::Error;
use crate::matching::assignment;
use crate::matching::transformer::{Labelled, Transformer};
use crate::parts::PARTS;

/// Most rows of an embedding that are looked at: the first.
const ROWS: usize = 1 << 14;
/// Rows that are read at a time.
const AT_ONCE: usize = 1 << 10;
/// Widest stream that is turned: a decomposition takes the cube of it.
const WIDEST: usize = 2048;
/// Mean cosine of dimensions from which on they are taken to be the same ones.
const SAME: f64 = 0.5;
/// Agreement of rows that did not set an orthogonal map from which on it is taken.
const TURNED: f64 = 0.3;

/// What became of a residual stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Its dimensions are in their places, or nothing shows that they are not.
    InPlace,
    /// So many of them are in other places, or have the other sign.
    Renumbered {
        /// How many.
        moved: usize,
        /// How many dimensions stand for one of the other model.
        of: usize,
    },
    /// It was turned by an orthogonal map.
    Turned,
}

/// How dimensions of A become those of B.
#[derive(Debug, Clone)]
pub(super) enum Map {
    Same,
    /// Dimensions of A and of B that stand for each other, with the sign of A's.
    Dimensions(Vec<(usize, usize, f32)>),
    /// (dimensions of A, dimensions of B).
    Turn(Mat<f32>),
}

impl Map {
    /// Weights of A's units in dimensions that B's have too.
    pub(super) fn of_a(&self, features: Features) -> Features {
        match self {
            Self::Same => features,
            Self::Dimensions(pairs) => {
                let columns: Vec<(usize, f32)> =
                    pairs.iter().map(|&(a, _, sign)| (a, sign)).collect();
                features.columns(&columns)
            }
            Self::Turn(turn) => features.times(turn.as_ref()),
        }
    }

    /// The same of B's.
    pub(super) fn of_b(&self, features: Features) -> Features {
        match self {
            Self::Dimensions(pairs) => {
                let columns: Vec<(usize, f32)> = pairs.iter().map(|&(_, b, _)| (b, 1.0)).collect();
                features.columns(&columns)
            }
            Self::Same | Self::Turn(_) => features,
        }
    }

    pub(super) fn described(&self) -> Stream {
        match self {
            Self::Same => Stream::InPlace,
            Self::Dimensions(pairs) => Stream::Renumbered {
                moved: pairs
                    .iter()
                    .filter(|(a, b, sign)| a != b || *sign < 0.0)
                    .count(),
                of: pairs.len(),
            },
            Self::Turn(_) => Stream::Turned,
        }
    }
}

/// Sums over rows that both have: of even and of odd ones apart.
struct Sums {
    /// (dimensions of A, dimensions of B).
    products: [Mat<f32>; 2],
    /// Sums of squares of each dimension.
    squares: [Vec<f64>; 2],
    /// Sums of squares over everything, of odd rows: of A and of B.
    odd: [f64; 2],
    rows: usize,
}

/// How A's stream becomes B's; none where that cannot be told, and they are not as wide.
pub(super) fn find<E: From<Error> + Send>(
    (a, of_a): (&dyn Tensors<Error = E>, &Transformer),
    (b, of_b): (&dyn Tensors<Error = E>, &Transformer),
) -> Result<Option<Map>, E> {
    let widths = [of_a.width, of_b.width];
    let is_as_wide = widths[0] == widths[1];
    let mut sums = Sums::new(widths);
    for &place in &of_a.outside {
        let own = &of_a.labelled[place];
        let name = a.header(own.tensor).0;
        // Tables of places are often set by a formula, and the same in unrelated models.
        let lower = name.to_lowercase();
        if ["pos", "wpe"].iter().any(|word| lower.contains(word)) {
            continue;
        }
        let other = of_b.outside.iter().map(|&place| &of_b.labelled[place]);
        let mut other = other.filter(|one| is_called(name, b.header(one.tensor).0));
        if let Some(other) = other.next() {
            sums.add((a, own), (b, other))?;
        }
    }
    let in_place = || is_as_wide.then_some(Map::Same);
    if sums.rows == 0 {
        return Ok(in_place());
    }
    if is_as_wide && sums.agreement_in_place() >= SAME {
        return Ok(Some(Map::Same));
    }
    Ok(sums.dimensions().or_else(|| sums.turn()).or_else(in_place))
}

impl Sums {
    fn new([a, b]: [usize; 2]) -> Self {
        Self {
            products: [Mat::zeros(a, b), Mat::zeros(a, b)],
            squares: [vec![0.0; a], vec![0.0; b]],
            odd: [0.0; 2],
            rows: 0,
        }
    }

    fn add<E: From<Error> + Send>(
        &mut self,
        (a, own): (&dyn Tensors<Error = E>, &Labelled),
        (b, other): (&dyn Tensors<Error = E>, &Labelled),
    ) -> Result<(), E> {
        let rows = |one: &Labelled| {
            if one.column_axis.is_some() {
                one.rows
            } else {
                one.columns
            }
        };
        if own.column_axis.is_some() != other.column_axis.is_some() {
            return Ok(());
        }
        let count = rows(own).min(rows(other)).min(ROWS);
        for start in (0..count).step_by(AT_ONCE) {
            let end = (start + AT_ONCE).min(count);
            let (a, b) = (slice(a, own, start..end)?, slice(b, other, start..end)?);
            self.take(&a, &b, end - start, self.rows + start);
        }
        self.rows += count;
        Ok(())
    }

    /// Takes in as many rows of both, row-major.
    fn take(&mut self, a: &[f32], b: &[f32], rows: usize, first: usize) {
        let widths = [self.squares[0].len(), self.squares[1].len()];
        for ((values, width), squares) in [a, b].iter().zip(widths).zip(&mut self.squares) {
            for row in values.chunks_exact(width) {
                squares
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, &x)| *sum += f64::from(x).powi(2));
            }
        }
        for parity in 0..2 {
            let picked = |values: &[f32], width: usize| -> Vec<f32> {
                let rows = values.chunks_exact(width).zip(first..);
                let rows = rows.filter(|(_, place)| place % 2 == parity);
                rows.flat_map(|(row, _)| row.iter().copied()).collect()
            };
            let (a, b) = (picked(a, widths[0]), picked(b, widths[1]));
            if parity == 1 {
                let squares =
                    |values: &[f32]| values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
                self.odd[0] += squares(&a);
                self.odd[1] += squares(&b);
            }
            let count = a.len() / widths[0].max(1);
            debug_assert!(count <= rows);
            let a = MatRef::from_row_major_slice(&a, count, widths[0]);
            let b = MatRef::from_row_major_slice(&b, count, widths[1]);
            let sums = self.products[parity].as_mut();
            matmul(sums, Accum::Add, a.transpose(), b, 1.0, Par::rayon(PARTS));
        }
    }

    /// The cosine of a dimension of A and one of B over the rows.
    fn cosine(&self, a: usize, b: usize) -> f64 {
        let product = f64::from(self.products[0][(a, b)]) + f64::from(self.products[1][(a, b)]);
        let squares = self.squares[0][a] * self.squares[1][b];
        if squares > 0.0 {
            product / squares.sqrt()
        } else {
            0.0
        }
    }

    fn agreement_in_place(&self) -> f64 {
        let count = self.squares[0].len();
        (0..count).map(|i| self.cosine(i, i)).sum::<f64>() / count.max(1) as f64
    }

    /// Dimensions that stand for each other, up to signs; none unless they agree.
    fn dimensions(&self) -> Option<Map> {
        let (a, b) = (self.squares[0].len(), self.squares[1].len());
        let size = a.max(b);
        let gains = Mat::from_fn(size, size, |i, j| {
            if i < a && j < b {
                self.cosine(i, j).abs()
            } else {
                0.0
            }
        });
        // What no dimension fits is not looked at further: the search takes the cube of the width.
        let fewer = a.min(b);
        let best = |i: usize| {
            let all = (0..size).map(|j| if a <= b { gains[(i, j)] } else { gains[(j, i)] });
            all.fold(0.0, f64::max)
        };
        if (0..fewer).map(best).sum::<f64>() < SAME * fewer as f64 {
            return None;
        }
        let columns = assignment(gains.as_ref());
        let pairs = columns
            .into_iter()
            .enumerate()
            .filter(|&(i, j)| i < a && j < b);
        let pairs: Vec<(usize, usize, f32)> = pairs
            .map(|(i, j)| (i, j, if self.cosine(i, j) < 0.0 { -1.0 } else { 1.0 }))
            .collect();
        let agreement: f64 = pairs.iter().map(|&(i, j, _)| self.cosine(i, j).abs()).sum();
        (agreement >= SAME * fewer as f64).then_some(Map::Dimensions(pairs))
    }

    /// The orthogonal map that brings even rows of A nearest to those of B (P. Schönemann, *A Generalized
    /// Solution of the Orthogonal Procrustes Problem*, 1966), if it does so with the odd ones too.
    fn turn(&self) -> Option<Map> {
        let (a, b) = (self.squares[0].len(), self.squares[1].len());
        if a.max(b) > WIDEST {
            return None;
        }
        let svd = self.products[0].thin_svd().ok()?;
        let mut turn = Mat::zeros(a, b);
        let par = Par::rayon(PARTS);
        matmul(
            turn.as_mut(),
            Accum::Replace,
            svd.U(),
            svd.V().transpose(),
            1.0f32,
            par,
        );
        let odd = &self.products[1];
        let product: f64 = (0..b)
            .map(|j| {
                (0..a)
                    .map(|i| f64::from(turn[(i, j)]) * f64::from(odd[(i, j)]))
                    .sum::<f64>()
            })
            .sum();
        let kept = (b as f64 / a as f64).min(1.0).sqrt();
        let whole = (self.odd[0] * self.odd[1]).sqrt() * kept;
        (product >= TURNED * whole && whole > 0.0).then_some(Map::Turn(turn))
    }
}

/// Whether two tensors have one name, but for what one of the models has before it.
fn is_called(a: &str, b: &str) -> bool {
    let ends_so = |long: &str, short: &str| {
        long.strip_suffix(short)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    ends_so(a, b) || ends_so(b, a)
}

/// Some rows of what has the stream on one side, the stream as columns.
fn slice<E: From<Error> + Send>(
    model: &dyn Tensors<Error = E>,
    one: &Labelled,
    rows: std::ops::Range<usize>,
) -> Result<Vec<f32>, E> {
    let values = if one.column_axis.is_some() {
        let range = rows.start * one.columns..rows.end * one.columns;
        model.read(one.tensor, range)?.into_owned()
    } else {
        let all = model.read(one.tensor, 0..one.rows * one.columns)?;
        let places =
            rows.flat_map(|column| (0..one.rows).map(move |row| row * one.columns + column));
        places.map(|place| all[place]).collect()
    };
    finite(model, one.tensor, &values)?;
    Ok(values)
}
