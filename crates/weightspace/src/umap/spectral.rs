//! Spectral layout of one connected component (UMAP paper, algorithm 4): the
//! eigenvectors of its normalised Laplacian that follow the trivial one, divided
//! by the roots of the degrees as in Laplacian eigenmaps (Belkin and Niyogi 2003),
//! since the ends of a line, having fewer neighbours, would turn back otherwise.

use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;

use super::fuzzy_set::FuzzySet;
use super::lanczos::leading_eigenvectors;

/// Residual below which an eigenvector is good enough to start from. The leading
/// eigenvalues of a long trajectory in one piece lie closer together than this
/// from some thousand checkpoints on.
const TOLERANCE: f64 = 1e-6;

/// One position for each of `members`, the points of one connected component.
/// `place` says where in its component a point stands.
pub(super) fn layout(
    set: &FuzzySet,
    members: &[u32],
    place: &[u32],
    random: &mut ChaCha8Rng,
) -> Vec<[f64; 2]> {
    let roots = DVector::from_iterator(
        members.len(),
        members.iter().map(|&point| {
            let degree: f64 = set.row(point as usize).map(|(_, w)| f64::from(w)).sum();
            degree.sqrt()
        }),
    );
    // The normalised adjacency I − L: the least eigenvalues of L are its
    // greatest, and the trivial eigenvector is that of the square roots.
    let adjacency = |vector: &DVector<f64>| {
        DVector::from_fn(members.len(), |row, _| {
            let sum: f64 = set
                .row(members[row] as usize)
                .map(|(target, strength)| {
                    let column = place[target as usize] as usize;
                    f64::from(strength) * vector[column] / roots[column]
                })
                .sum();
            sum / roots[row]
        })
    };
    let axes = leading_eigenvectors(adjacency, roots.normalize(), 2, TOLERANCE, random);
    (0..members.len())
        .map(|row| {
            let coordinate = |axis: usize| {
                axes.get(axis)
                    .map_or(0.0, |vector| vector[row] / roots[row])
            };
            [coordinate(0), coordinate(1)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::nearest;
    use nalgebra::DMatrix;
    use rand_chacha::rand_core::SeedableRng;
    use std::f32::consts::TAU;

    fn laid_out(points: &DMatrix<f32>, k: usize) -> Vec<[f64; 2]> {
        let set = FuzzySet::union(&nearest(points.as_view(), k).unwrap());
        let members: Vec<u32> = (0..points.ncols() as u32).collect();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        layout(&set, &members, &members, &mut random)
    }

    #[test]
    fn a_ring_is_laid_out_as_a_circle() {
        // Both eigenvectors have the same eigenvalue: a sine and a cosine once round.
        for count in [50, 500] {
            let ring = DMatrix::from_fn(2, count, |row, column| {
                let angle = TAU * column as f32 / count as f32;
                if row == 0 { angle.cos() } else { angle.sin() }
            });
            let radii: Vec<f64> = laid_out(&ring, 2)
                .iter()
                .map(|[x, y]| x.hypot(*y))
                .collect();
            let mean = radii.iter().sum::<f64>() / count as f64;
            assert!(
                radii
                    .iter()
                    .all(|radius| (radius / mean - 1.0).abs() < 0.02),
                "{radii:?}"
            );
        }
    }

    #[test]
    fn a_line_is_laid_out_in_order() {
        for count in [50, 500] {
            let line = DMatrix::from_fn(1, count, |_, column| column as f32);
            let positions = laid_out(&line, 14);
            // The last points see as far as 14 places inwards and may swap.
            let inner = &positions[7..count - 7];
            let rising = inner.windows(2).filter(|p| p[0][0] < p[1][0]).count();
            assert!(rising == 0 || rising == count - 15, "{count}: {rising}");
        }
    }
}
