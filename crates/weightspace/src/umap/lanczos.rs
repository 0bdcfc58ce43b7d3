//! Leading eigenvectors of a symmetric operator known by its action alone.
//!
//! Lanczos with full reorthogonalisation and thick restarts (Wu and Simon 2000):
//! the best Ritz vectors of a basis that has grown full start the next one. One
//! eigenvector is found at a time, on the complement of those before, since from
//! one start Lanczos sees only one vector of a multiple eigenvalue. Small
//! problems are written out as a matrix and solved directly.

use nalgebra::{DMatrix, DMatrixView, DVector, SymmetricEigen};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Up to this size a dense solver is as quick and cannot fail to converge.
const DENSE: usize = 128;
/// Basis vectors held at once.
const BASIS: usize = 48;
/// Ritz vectors carried over a restart.
const KEPT: usize = 16;
/// Restarts after which the best vector so far is taken as it is.
const RESTARTS: usize = 60;
/// Passes of Gram–Schmidt for one basis vector; two nearly always do.
const MOST_PASSES: usize = 4;
/// A remainder below this share of the operator's norm is rounding.
const NOTHING: f64 = 1e-12;

/// Unit eigenvectors of the `wanted` algebraically greatest eigenvalues, greatest
/// first, of the symmetric operator `apply` on the complement of its eigenvector
/// `known`, which has unit length; fewer where the space has fewer.
///
/// A vector is taken once its residual is below `tolerance`, or when the restarts
/// are spent; it may then still be mixed with those of nearby eigenvalues.
pub(super) fn leading_eigenvectors(
    apply: impl Fn(&DVector<f64>) -> DVector<f64>,
    known: DVector<f64>,
    wanted: usize,
    tolerance: f64,
    random: &mut ChaCha8Rng,
) -> Vec<DVector<f64>> {
    if known.len() <= DENSE {
        return dense(apply, &known, wanted);
    }
    let mut found = vec![known];
    let mut norm = 0.0;
    for _ in 0..wanted {
        let complement_of = DMatrix::from_columns(&found);
        let vector = leading_eigenvector(&apply, &complement_of, tolerance, &mut norm, random);
        found.push(vector);
    }
    found.split_off(1)
}

fn dense(
    apply: impl Fn(&DVector<f64>) -> DVector<f64>,
    known: &DVector<f64>,
    wanted: usize,
) -> Vec<DVector<f64>> {
    let size = known.len();
    let mut matrix = DMatrix::zeros(size, size);
    let mut unit = DVector::zeros(size);
    for column in 0..size {
        unit[column] = 1.0;
        matrix.set_column(column, &apply(&unit));
        unit[column] = 0.0;
    }
    // Send the known eigenvector to the far end of the spectrum.
    let shift = 1.0 + 2.0 * matrix.norm();
    matrix.ger(-shift, known, known, 1.0);
    let (_, vectors) = descending(matrix);
    (0..wanted.min(size - 1))
        .map(|i| vectors.column(i).into_owned())
        .collect()
}

/// The eigenvector of the greatest eigenvalue on the complement of the orthonormal
/// columns of `found`. `norm` is raised to the greatest length that `apply` gives
/// a unit vector.
fn leading_eigenvector(
    apply: impl Fn(&DVector<f64>) -> DVector<f64>,
    found: &DMatrix<f64>,
    tolerance: f64,
    norm: &mut f64,
    random: &mut ChaCha8Rng,
) -> DVector<f64> {
    let mut basis = DMatrix::<f64>::zeros(found.nrows(), BASIS + 1);
    // The operator in that basis.
    let mut projected = DMatrix::<f64>::zeros(BASIS, BASIS);
    basis.set_column(0, &random_direction(found, &basis.columns(0, 0), random));
    let mut kept = 0;
    let mut restarts = 0;
    loop {
        let mut remainder = 0.0;
        for step in kept..BASIS {
            let mut next = apply(&basis.column(step).into_owned());
            *norm = norm.max(next.norm());
            let filled = basis.columns(0, step + 1);
            let overlap = filled.tr_mul(&next);
            for (row, &value) in overlap.iter().enumerate() {
                projected[(row, step)] = value;
                projected[(step, row)] = value;
            }
            // While a pass takes away most of the vector, what it leaves may be
            // mostly rounding.
            for _ in 0..MOST_PASSES {
                let before = next.norm();
                remove(&filled, &mut next);
                remove(&found.columns(0, found.ncols()), &mut next);
                remainder = next.norm();
                if remainder > 0.5 * before {
                    break;
                }
            }
            if remainder > NOTHING * *norm {
                next /= remainder;
            } else {
                // The operator does not lead out of the basis: go on elsewhere.
                remainder = 0.0;
                next = random_direction(found, &filled, random);
            }
            basis.set_column(step + 1, &next);
        }
        let (values, vectors) = descending(projected.clone());
        let ritz = basis.columns(0, BASIS) * vectors.columns(0, KEPT);
        restarts += 1;
        let residual = remainder * vectors[(BASIS - 1, 0)].abs();
        if residual <= tolerance || restarts == RESTARTS {
            return ritz.column(0).into_owned();
        }
        let next = basis.column(BASIS).into_owned();
        basis.columns_mut(0, KEPT).copy_from(&ritz);
        basis.set_column(KEPT, &next);
        projected.fill(0.0);
        for (i, &value) in values[..KEPT].iter().enumerate() {
            projected[(i, i)] = value;
        }
        kept = KEPT;
    }
}

/// Takes from `vector` its part in the span of the orthonormal `columns`.
fn remove(columns: &DMatrixView<'_, f64>, vector: &mut DVector<f64>) {
    let overlap = columns.tr_mul(vector);
    vector.gemv(-1.0, columns, &overlap, 1.0);
}

/// A random unit vector orthogonal to all columns of `found` and of `basis`.
fn random_direction(
    found: &DMatrix<f64>,
    basis: &DMatrixView<'_, f64>,
    random: &mut ChaCha8Rng,
) -> DVector<f64> {
    let mut direction = DVector::from_fn(found.nrows(), |_, _| {
        f64::from(random.next_u32()) / 2f64.powi(31) - 1.0
    });
    for _ in 0..2 {
        remove(&found.columns(0, found.ncols()), &mut direction);
        remove(basis, &mut direction);
    }
    direction.normalize()
}

/// Eigenvalues in descending order, eigenvectors in the same order, each with
/// its greatest entry positive.
fn descending(matrix: DMatrix<f64>) -> (Vec<f64>, DMatrix<f64>) {
    let eigen = SymmetricEigen::new(matrix);
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
    let mut vectors = eigen.eigenvectors.select_columns(&order);
    for mut vector in vectors.column_iter_mut() {
        if vector[vector.icamax()] < 0.0 {
            vector.neg_mut();
        }
    }
    let values = order.iter().map(|&i| eigen.eigenvalues[i]).collect();
    (values, vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    fn random() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(3)
    }

    /// A symmetric matrix with the given eigenvalues, and its eigenvectors.
    fn with_spectrum(values: &[f64]) -> (DMatrix<f64>, DMatrix<f64>) {
        let size = values.len();
        let mut random = random();
        let mut entry = |_, _| f64::from(random.next_u32()) / 2f64.powi(31) - 1.0;
        let vectors = DMatrix::from_fn(size, size, &mut entry).qr().q();
        let diagonal = DMatrix::from_diagonal(&DVector::from_column_slice(values));
        (&vectors * diagonal * vectors.transpose(), vectors)
    }

    fn assert_found(values: &[f64], expected: &[f64], tolerance: f64) {
        let (matrix, vectors) = with_spectrum(values);
        let known = vectors.column(0).into_owned();
        let apply = |vector: &DVector<f64>| &matrix * vector;
        let found = leading_eigenvectors(apply, known.clone(), expected.len(), 1e-9, &mut random());
        assert_eq!(found.len(), expected.len());
        for (vector, &value) in found.iter().zip(expected) {
            let residual = (&matrix * vector - value * vector).norm();
            assert!(residual < tolerance, "{value}: {residual}");
            assert!((vector.norm() - 1.0).abs() < 1e-12);
            assert!(vector.dot(&known).abs() < 1e-9);
        }
        for (i, left) in found.iter().enumerate() {
            for right in &found[..i] {
                assert!(left.dot(right).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn the_greatest_eigenvalues_are_found_beside_the_known_one() {
        for size in [3, 5, DENSE, DENSE + 1, 400] {
            // The known eigenvalue is the greatest, then the least, of all.
            for known in [2.0, -2.0] {
                let mut values: Vec<f64> = (0..size).map(|i| 1.0 / (1.0 + i as f64)).collect();
                values[0] = known;
                assert_found(&values, &[1.0 / 2.0, 1.0 / 3.0], 1e-7);
            }
        }
    }

    #[test]
    fn both_vectors_of_a_double_eigenvalue_are_found() {
        for size in [100, 300] {
            let mut values: Vec<f64> = (0..size).map(|i| -(i as f64) / 10.0).collect();
            values[1] = 3.0;
            values[2] = 3.0;
            assert_found(&values, &[3.0, 3.0], 1e-7);
        }
    }

    #[test]
    fn an_operator_of_low_rank_leads_out_of_the_basis() {
        let mut values = vec![0.0; 300];
        values[7] = 5.0;
        assert_found(&values, &[5.0, 0.0, 0.0], 1e-7);
    }

    #[test]
    fn a_small_space_has_few_eigenvectors() {
        let apply = |vector: &DVector<f64>| vector.clone();
        let one =
            leading_eigenvectors(apply, DVector::from_element(1, 1.0), 2, 1e-9, &mut random());
        assert!(one.is_empty());
        let known = DVector::from_element(2, 0.5f64.sqrt());
        assert_eq!(
            leading_eigenvectors(apply, known, 2, 1e-9, &mut random()).len(),
            1
        );
    }
}
