//! Points in few numbers, on which distances and cosines are about the same.
//!
//! Each coordinate is added, with a random sign, to one of a few sums; distances of such sums are
//! those of the points on average (Charikar, Chen and Farach-Colton 2002, "Finding frequent items in
//! data streams"). What depends on it here is how soon something is found, not what.

use rand_chacha::rand_core::Rng;
use std::ops::Range;
use weightspace::random::stream;

/// A sum of random signs for each of `WIDTH` numbers.
pub(crate) struct Projection<const WIDTH: usize> {
    signs: Vec<f64>,
}

impl<const WIDTH: usize> Projection<WIDTH> {
    /// Of points of this dimension; `purpose` names the stream that the signs are drawn from.
    pub(crate) fn new(purpose: &str, dimension: usize) -> Self {
        let mut rng = stream(0, purpose, 0);
        let mut sign = || {
            if rng.next_u32().is_multiple_of(2) {
                1.0
            } else {
                -1.0
            }
        };
        Self {
            signs: (0..dimension).map(|_| sign()).collect(),
        }
    }

    /// The sums of a point over some of its rows.
    pub(crate) fn of(&self, column: &[f32], rows: &[Range<usize>]) -> [f64; WIDTH] {
        let mut sums = [0.0; WIDTH];
        for rows in rows {
            let (Some(values), Some(signs)) =
                (column.get(rows.clone()), self.signs.get(rows.clone()))
            else {
                continue;
            };
            for (xs, signs) in values.chunks(WIDTH).zip(signs.chunks(WIDTH)) {
                for ((sum, &x), sign) in sums.iter_mut().zip(xs).zip(signs) {
                    *sum += f64::from(x) * sign;
                }
            }
        }
        sums
    }
}
