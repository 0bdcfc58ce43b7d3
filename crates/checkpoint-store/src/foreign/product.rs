//! Tensors that are the product of two smaller ones, multiplied as they are streamed.
//!
//! An adapter keeps a change of a weight as `up` (out × rank) and `down` (rank × in): s · up · down is
//! what it adds. Neither factor says anything alone: (up · R, R⁻¹ · down) is the same change.

use super::stored::Product;
use crate::limits::STREAM_BYTES;

/// Hands over the values of a product whose factors are these, row-major.
pub(super) fn stream(
    product: &Product,
    up: &[f32],
    down: Option<&[f32]>,
    sink: &mut dyn FnMut(&[f32]),
) {
    let Some(down) = down else {
        let scaled: Vec<f32> = up
            .iter()
            .map(|&value| (f64::from(value) * product.scale) as f32)
            .collect();
        if !scaled.is_empty() {
            sink(&scaled);
        }
        return;
    };
    let rank = usize::try_from(product.rank).unwrap_or(usize::MAX).max(1);
    let (rows, columns) = (up.len() / rank, down.len() / rank);
    if product.transposed {
        let (left, right) = (turned(down, columns), turned(up, rank));
        multiply(&left, &right, (columns, rank, rows), product.scale, sink);
    } else {
        multiply(up, down, (rows, rank, columns), product.scale, sink);
    }
}

/// Hands over scale · left · right, where left is (rows × rank) and right is (rank × columns).
fn multiply(
    left: &[f32],
    right: &[f32],
    (rows, rank, columns): (usize, usize, usize),
    scale: f64,
    sink: &mut dyn FnMut(&[f32]),
) {
    let most = STREAM_BYTES / size_of::<f32>();
    let mut sums = vec![0.0_f64; columns.min(most)];
    let mut values = vec![0.0_f32; columns.min(most)];
    for factors in left.chunks_exact(rank).take(rows) {
        let mut start = 0;
        while start < columns {
            let width = (columns - start).min(most);
            let sums = sums.get_mut(..width).unwrap_or_default();
            sums.fill(0.0);
            for (&factor, row) in factors.iter().zip(right.chunks_exact(columns)) {
                let factor = f64::from(factor);
                let row = row.get(start..start + width).unwrap_or_default();
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += factor * f64::from(value);
                }
            }
            let values = values.get_mut(..width).unwrap_or_default();
            for (value, &sum) in values.iter_mut().zip(&*sums) {
                *value = (scale * sum) as f32;
            }
            sink(values);
            start += width;
        }
    }
}

/// A matrix of rows of this length, the other way round.
fn turned(matrix: &[f32], columns: usize) -> Vec<f32> {
    let columns = columns.max(1);
    let rows = matrix.len() / columns;
    let mut turned = Vec::with_capacity(matrix.len());
    for column in 0..columns {
        let values = matrix.iter().skip(column).step_by(columns).take(rows);
        turned.extend(values.copied());
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(up: &[f32], down: &[f32], shape: (usize, usize, usize), turn: bool) -> Vec<f32> {
        let mut all = Vec::new();
        let mut sink = |values: &[f32]| all.extend_from_slice(values);
        let (rows, rank, columns) = shape;
        if turn {
            let (left, right) = (turned(down, columns), turned(up, rank));
            multiply(&left, &right, (columns, rank, rows), 0.5, &mut sink);
        } else {
            multiply(up, down, (rows, rank, columns), 0.5, &mut sink);
        }
        all
    }

    #[test]
    fn products_come_row_by_row_and_the_other_way_round() {
        let (up, down) = ([1.0, 2.0, 3.0, 4.0], [2.0, 0.0, 4.0, 0.0, 2.0, 6.0]);
        let straight = [1.0, 2.0, 8.0, 3.0, 4.0, 18.0];
        assert_eq!(product(&up, &down, (2, 2, 3), false), straight);
        assert_eq!(
            product(&up, &down, (2, 2, 3), true),
            [1.0, 3.0, 2.0, 4.0, 8.0, 18.0]
        );
    }

    #[test]
    fn rows_longer_than_a_slice_come_whole() {
        let columns = STREAM_BYTES / 4 + 3;
        let down: Vec<f32> = (0..columns).map(|column| column as f32).collect();
        let all = product(&[2.0], &down, (1, 1, columns), false);
        assert_eq!(all, down);
    }
}
