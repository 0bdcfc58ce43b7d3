//! Whether there is an order at all among some points.

use nalgebra::DMatrixView;
use weightspace::distance::distance;
use weightspace::statistics::median;

/// From so large a ratio on, neighbours of the best order are no nearer than any two points.
pub const NO_NEARER: f64 = 0.9;
/// Fewest points: any order of fewer has nearly all pairs for neighbours.
const FEWEST: usize = 5;
/// Points that are compared with each other at most.
const COMPARED: usize = 48;

/// Whether the neighbours of an order are about as far apart as any two of its points: models that left
/// one start, each for itself, have no order, and a shortest path through them means nothing.
///
/// The median distance of neighbours, over that of all pairs of up to 48 of the points, spread evenly.
/// False for fewer than five points, and where all coincide. O(points + 48²) distances.
pub fn is_exchangeable(points: DMatrixView<'_, f32>, order: &[u32]) -> bool {
    if order.len() < FEWEST {
        return false;
    }
    let column = |leaf: u32| -> &[f32] { points.column(leaf as usize).data.into_slice() };
    let steps = order
        .windows(2)
        .map(|pair| distance(column(pair[0]), column(pair[1])));
    let steps = median(steps.collect::<Vec<f64>>());
    let every = order.len().div_ceil(COMPARED);
    let some: Vec<u32> = order.iter().copied().step_by(every).collect();
    let pairs = some.iter().enumerate().flat_map(|(place, &a)| {
        let others = some.iter().skip(place + 1);
        others.map(move |&b| distance(column(a), column(b)))
    });
    let usual = median(pairs.collect::<Vec<f64>>());
    usual > 0.0 && steps > NO_NEARER * usual
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;
    use rand_chacha::rand_core::Rng;
    use weightspace::random::stream;

    fn noise(rows: usize, columns: usize) -> DMatrix<f32> {
        let mut rng = stream(3, "test", 0);
        DMatrix::from_fn(rows, columns, |_, _| {
            (rng.next_u32() as f32) / (u32::MAX as f32) - 0.5
        })
    }

    #[test]
    fn points_about_one_start_have_no_order_and_a_walk_has() {
        let cloud = noise(500, 12);
        let order: Vec<u32> = (0..12).collect();
        assert!(is_exchangeable(cloud.as_view(), &order));
        let mut walk = cloud.clone();
        for column in 1..12 {
            let before = walk.column(column - 1).into_owned();
            walk.column_mut(column).axpy(1.0, &before, 1.0);
        }
        assert!(!is_exchangeable(walk.as_view(), &order));
        assert!(!is_exchangeable(cloud.as_view(), &order[..4]));
        assert!(!is_exchangeable(DMatrix::zeros(3, 12).as_view(), &order));
    }
}
