//! What several analyses ask of their points and orders before they begin.

use crate::Error;
use crate::assignment::Clusters;
use nalgebra::DMatrixView;
use rayon::prelude::*;

/// Refuses clusters over another number of leaves.
pub(crate) fn same_leaves(
    what: &'static str,
    leaves: usize,
    clusters: &Clusters,
) -> Result<(), Error> {
    if leaves == clusters.leaves() {
        return Ok(());
    }
    Err(Error::LengthMismatch {
        left: what,
        left_length: leaves,
        right: "the list of cluster labels",
        right_length: clusters.leaves(),
    })
}

/// Refuses points with a weight that is not finite.
pub(crate) fn finite(points: DMatrixView<'_, f32>) -> Result<(), Error> {
    let columns: Vec<_> = points.column_iter().collect();
    let bad = columns
        .par_iter()
        .position_first(|column| column.iter().any(|weight| !weight.is_finite()));
    match bad {
        Some(index) => Err(Error::NotFinite {
            what: "point",
            index,
        }),
        None => Ok(()),
    }
}

/// Refuses orders of leaves that are not among the points.
pub(crate) fn leaves_exist(
    points: DMatrixView<'_, f32>,
    orders: &[impl AsRef<[u32]>],
) -> Result<(), Error> {
    let mut leaves = orders.iter().flat_map(|order| order.as_ref());
    match leaves.find(|&&leaf| leaf as usize >= points.ncols()) {
        Some(&leaf) => Err(Error::OutOfRange {
            what: "leaf",
            index: leaf as usize,
            length: points.ncols(),
        }),
        None => Ok(()),
    }
}
