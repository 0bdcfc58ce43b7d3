//! An order of points in which near ones mostly stand together.
//!
//! Some points lead. Each leader is followed by those that are nearer to it than to any other, and
//! then by the leader nearest to it that has not come yet. Nothing but speed depends on the order, so
//! that rounding may decide it.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::distance::distance;

/// Fewer points fill so few tiles that their order does not matter.
const FEWEST: usize = 1000;
/// Points that are compared with all leaders at a time.
const BLOCK: usize = 256;

/// All points by number, near ones mostly together. O(√points · points · dimensions).
pub(super) fn order(columns: &[&[f32]]) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..columns.len() as u32).collect();
    if columns.len() < FEWEST {
        return numbers;
    }
    let count = 4 * columns.len().isqrt();
    let leaders = chain((0..count).map(|leader| columns[leader * columns.len() / count]));
    let followed = nearest(columns, &leaders);
    numbers.sort_by_key(|&point| followed[point as usize]);
    numbers
}

/// Each point followed by the nearest of those that have not come yet.
fn chain<'a>(points: impl Iterator<Item = &'a [f32]>) -> Vec<&'a [f32]> {
    let mut left: Vec<&[f32]> = points.collect();
    let mut chain = Vec::with_capacity(left.len());
    let mut next = 0;
    while !left.is_empty() {
        let last = left.swap_remove(next);
        chain.push(last);
        let lengths = left.par_iter().map(|point| distance(last, point));
        let nearest = lengths.enumerate().min_by(|x, y| x.1.total_cmp(&y.1));
        next = nearest.map_or(0, |(place, _)| place);
    }
    chain
}

/// The leader, by its place, that each point is nearest to.
fn nearest(columns: &[&[f32]], leaders: &[&[f32]]) -> Vec<u32> {
    let dimension = leaders[0].len();
    // Far from the origin nothing would be left of the differences.
    let centered = |points: &[&[f32]]| -> Vec<f32> {
        let points = points.iter();
        points
            .flat_map(|point| point.iter().zip(leaders[0]).map(|(x, center)| x - center))
            .collect()
    };
    let led = centered(leaders);
    let squares = led.chunks_exact(dimension.max(1));
    let halves: Vec<f32> = squares
        .map(|leader| 0.5 * leader.iter().map(|x| x * x).sum::<f32>())
        .chain(std::iter::repeat(0.0))
        .take(leaders.len())
        .collect();
    let blocks = columns.par_chunks(BLOCK).flat_map_iter(|points| {
        let mut products = vec![0.0; leaders.len() * points.len()];
        matmul(
            MatMut::from_column_major_slice_mut(&mut products, leaders.len(), points.len()),
            Accum::Replace,
            MatRef::from_column_major_slice(&led, dimension, leaders.len()).transpose(),
            MatRef::from_column_major_slice(&centered(points), dimension, points.len()),
            1.0,
            Par::Seq,
        );
        let nearest = products.chunks_exact(leaders.len()).map(|products| {
            let mut nearest = (f32::INFINITY, 0);
            for ((product, half), leader) in products.iter().zip(&halves).zip(0..) {
                // Half the squared distance less what is the same for all leaders.
                if half - product < nearest.0 {
                    nearest = (half - product, leader);
                }
            }
            nearest.1
        });
        nearest.collect::<Vec<u32>>()
    });
    blocks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_points_are_there_and_neighbours_stand_together() {
        // 40 groups of 50 along a line, their points scattered over the list, far from the origin.
        let points: Vec<[f32; 3]> = (0..2000)
            .map(|point| {
                let group = (point * 37 % 40) as f32;
                [1e4 + 10.0 * group, 0.01 * (point % 7) as f32, -1e4]
            })
            .collect();
        let columns: Vec<&[f32]> = points.iter().map(<[f32; 3]>::as_slice).collect();
        let order = order(&columns);
        let far = order
            .windows(2)
            .filter(|pair| distance(columns[pair[0] as usize], columns[pair[1] as usize]) > 1.0);
        assert!(far.count() <= 2 * 40);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..2000));
    }

    #[test]
    fn points_follow_their_nearest_leader() {
        let points: Vec<[f32; 2]> = (0..900)
            .map(|point| [(point * point % 101) as f32, (point * 7 % 103) as f32])
            .collect();
        let columns: Vec<&[f32]> = points.iter().map(<[f32; 2]>::as_slice).collect();
        let leaders = chain(columns[..60].iter().copied());
        for (point, followed) in columns.iter().zip(nearest(&columns, &leaders)) {
            let least = leaders.iter().map(|leader| distance(leader, point));
            let least = least.fold(f64::INFINITY, f64::min);
            assert!(distance(leaders[followed as usize], point) <= least + 1e-2);
        }
    }

    #[test]
    fn points_without_coordinates_or_beyond_all_range_still_have_an_order() {
        let nothing = [[0.0f32; 0]; 1500];
        let huge = [[f32::MAX, f32::MIN]; 1500];
        let columns: Vec<&[f32]> = nothing.iter().map(<[f32; 0]>::as_slice).collect();
        assert_eq!(order(&columns).len(), 1500);
        let columns: Vec<&[f32]> = huge.iter().map(<[f32; 2]>::as_slice).collect();
        assert_eq!(order(&columns).len(), 1500);
    }
}
