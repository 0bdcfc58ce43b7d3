//! The spectral order: points sorted by the Fiedler vector of a similarity graph.
//!
//! Atkins, Boman and Hendrickson (1998), "A spectral algorithm for seriation and the consecutive
//! ones problem": where similarity falls with the distance in time, the entries of the Fiedler
//! vector are monotone in time.

use nalgebra::{DMatrix, DVector};

use super::pairwise::Pairwise;

/// A point's own scale is its distance to this nearest neighbour (Zelnik-Manor and Perona 2004,
/// "Self-tuning spectral clustering").
const NEIGHBOUR: usize = 7;
/// Rounds of inverse iteration at most. The error falls by the ratio of the second to the third
/// smallest eigenvalue each round, about 1/4 on a path.
const ROUNDS: usize = 300;

/// All points along the Fiedler vector of the random-walk Laplacian.
///
/// Similarity of two points is exp(−d² / (s₁ s₂)), each s the distance of a point to its seventh
/// nearest neighbour. O(m³) once for a Cholesky factor, O(m²) a round.
pub(super) fn spectral(pairwise: &Pairwise) -> Vec<u32> {
    let m = pairwise.len();
    let mut order: Vec<u32> = (0..m as u32).collect();
    if m < 3 {
        return order;
    }
    let scales: Vec<f64> = order
        .iter()
        .map(|&point| {
            let mut row = pairwise.row(point).to_vec();
            row.sort_unstable_by(f64::total_cmp);
            row[NEIGHBOUR.min(m - 1)]
        })
        .collect();
    let similarity = DMatrix::from_fn(m, m, |i, j| {
        let distance = pairwise.row(i as u32)[j];
        let scale = scales[i] * scales[j];
        match (i == j, scale > 0.0) {
            (true, _) => 0.0,
            (false, true) => (-distance * distance / scale).exp(),
            (false, false) => f64::from(u8::from(distance == 0.0)),
        }
    });
    if let Some(vector) = fiedler(&similarity) {
        order.sort_by(|&x, &y| vector[x as usize].total_cmp(&vector[y as usize]));
    }
    order
}

/// The second eigenvector of the random-walk Laplacian, by inverse iteration on the symmetric
/// normalised Laplacian without its first.
///
/// None where a point is similar to none, or rounding leaves nothing to iterate on.
fn fiedler(similarity: &DMatrix<f64>) -> Option<DVector<f64>> {
    let m = similarity.nrows();
    let roots = DVector::from_iterator(m, similarity.row_iter().map(|row| row.sum().sqrt()));
    if roots.iter().any(|&root| root <= 0.0) {
        return None;
    }
    let first = roots.normalize();
    // Lifting the first eigenvalue from 0 to 2, the largest there can be, leaves the second lowest.
    let lifted = DMatrix::from_fn(m, m, |i, j| {
        f64::from(u8::from(i == j)) * (1.0 + 1e-12) - similarity[(i, j)] / (roots[i] * roots[j])
            + 2.0 * first[i] * first[j]
    });
    let factor = lifted.cholesky()?;
    // A start that no symmetry of the points makes orthogonal to the answer: points are numbered
    // from the centre outwards, so neither ramp nor alternation follows time.
    let mut vector = DVector::from_fn(m, |i, _| (1.0 + i as f64).sqrt().fract() - 0.5);
    for _ in 0..ROUNDS {
        vector.axpy(-first.dot(&vector), &first, 1.0);
        let norm = vector.norm();
        if !(norm > 0.0 && norm.is_finite()) {
            return None;
        }
        vector /= norm;
        let next = factor.solve(&vector).normalize();
        let change = (&next - &vector).norm();
        vector = next;
        if change < 1e-10 {
            break;
        }
    }
    Some(vector.component_div(&roots))
}
