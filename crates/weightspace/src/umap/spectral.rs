//! Spectral layout of one connected component (UMAP paper, algorithm 4): the
//! eigenvectors of its normalised Laplacian that follow the trivial one.

use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;

use super::fuzzy_set::FuzzySet;
use super::lanczos::leading_eigenpairs;

/// Residual below which an eigenvector is good enough to start from.
const TOLERANCE: f64 = 1e-4;

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
            sum / roots[row].max(f64::MIN_POSITIVE)
        })
    };
    let trivial = roots.normalize();
    let axes = leading_eigenpairs(adjacency, &trivial, 2, TOLERANCE, random).vectors;
    (0..members.len())
        .map(|row| {
            let coordinate = |axis: usize| axes.get(axis).map_or(0.0, |vector| vector[row]);
            [coordinate(0), coordinate(1)]
        })
        .collect()
}
