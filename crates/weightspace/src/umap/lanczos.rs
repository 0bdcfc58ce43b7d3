//! Leading eigenvectors of a symmetric operator known by its action alone.
//!
//! Lanczos with full reorthogonalisation and thick restarts (Wu and Simon 2000):
//! the best Ritz vectors of a basis that has grown full start the next one.
//! Small problems are written out as a matrix and solved directly.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Up to this size a dense solver is as quick and cannot fail to converge.
const DENSE: usize = 128;
/// Basis vectors held at once.
const BASIS: usize = 64;
/// Ritz vectors carried over a restart.
const KEPT: usize = 24;
/// Restarts after which the best vectors so far are taken as they are.
const RESTARTS: usize = 60;

/// Eigenvalues in descending order with their unit eigenvectors.
pub(super) struct Eigenpairs {
    pub(super) values: Vec<f64>,
    pub(super) vectors: Vec<DVector<f64>>,
}

/// The `wanted` algebraically greatest eigenpairs of the symmetric operator
/// `apply` on the complement of its eigenvector `known` (of unit length).
///
/// Stops when every residual is below `tolerance`, or when the restarts are
/// spent; vectors of a tight cluster may then still be mixed.
pub(super) fn leading_eigenpairs(
    apply: impl Fn(&DVector<f64>) -> DVector<f64>,
    known: &DVector<f64>,
    wanted: usize,
    tolerance: f64,
    random: &mut ChaCha8Rng,
) -> Eigenpairs {
    let size = known.len();
    let wanted = wanted.min(size.saturating_sub(1));
    if size <= DENSE {
        dense(apply, known, wanted)
    } else {
        restarted(apply, known, wanted, tolerance, random)
    }
}

fn dense(
    apply: impl Fn(&DVector<f64>) -> DVector<f64>,
    known: &DVector<f64>,
    wanted: usize,
) -> Eigenpairs {
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
    matrix -= shift * known * known.transpose();
    let (values, vectors) = descending(matrix);
    Eigenpairs {
        values: values[..wanted].to_vec(),
        vectors: (0..wanted)
            .map(|i| vectors.column(i).into_owned())
            .collect(),
    }
}

fn restarted(
    apply: impl Fn(&DVector<f64>) -> DVector<f64>,
    known: &DVector<f64>,
    wanted: usize,
    tolerance: f64,
    random: &mut ChaCha8Rng,
) -> Eigenpairs {
    let size = known.len();
    let mut basis = DMatrix::<f64>::zeros(size, BASIS + 1);
    // The operator in that basis.
    let mut projected = DMatrix::<f64>::zeros(BASIS, BASIS);
    basis.set_column(0, &random_direction(known, random));
    let mut kept = 0;
    let mut restart = 0;
    loop {
        let mut residual_norm = 0.0;
        for step in kept..BASIS {
            let mut next = apply(&basis.column(step).into_owned());
            let filled = basis.columns(0, step + 1);
            for pass in 0..2 {
                // Once is not enough against rounding, twice is.
                let overlap = filled.tr_mul(&next);
                next.gemv(-1.0, &filled, &overlap, 1.0);
                next.axpy(-known.dot(&next), known, 1.0);
                if pass == 0 {
                    for (row, &value) in overlap.iter().enumerate() {
                        projected[(row, step)] = value;
                        projected[(step, row)] = value;
                    }
                }
            }
            residual_norm = next.norm();
            if residual_norm > f64::EPSILON {
                next /= residual_norm;
            } else {
                // The basis spans an invariant subspace: go on outside it.
                residual_norm = 0.0;
                next = random_direction(known, random);
                let overlap = filled.tr_mul(&next);
                next.gemv(-1.0, &filled, &overlap, 1.0);
                next.normalize_mut();
            }
            basis.set_column(step + 1, &next);
        }
        let (values, vectors) = descending(projected.clone());
        let ritz = basis.columns(0, BASIS) * vectors.columns(0, KEPT);
        restart += 1;
        let converged =
            (0..wanted).all(|i| residual_norm * vectors[(BASIS - 1, i)].abs() <= tolerance);
        if converged || restart == RESTARTS {
            return Eigenpairs {
                values: values[..wanted].to_vec(),
                vectors: (0..wanted).map(|i| ritz.column(i).into_owned()).collect(),
            };
        }
        let residual = basis.column(BASIS).into_owned();
        basis.columns_mut(0, KEPT).copy_from(&ritz);
        basis.set_column(KEPT, &residual);
        projected.fill(0.0);
        for i in 0..KEPT {
            projected[(i, i)] = values[i];
        }
        kept = KEPT;
    }
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

fn random_direction(known: &DVector<f64>, random: &mut ChaCha8Rng) -> DVector<f64> {
    let mut direction = DVector::from_fn(known.len(), |_, _| {
        f64::from(random.next_u32()) / 2f64.powi(31) - 1.0
    });
    direction.axpy(-known.dot(&direction), known, 1.0);
    direction.normalize()
}
