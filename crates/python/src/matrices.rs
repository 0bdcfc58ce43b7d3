//! Matrices of NumPy in, matrices out: rows are points.
//!
//! A matrix of NumPy of shape (points, dimensions), row-major, is one of nalgebra of shape (dimensions,
//! points), column-major: the same bytes.

use crate::errors::refuse;
use crate::in_place::InPlace;
use crate::work::{Reporter, work};
use checkpoint_store::foreign::Bytes;
use modeltrail::Error;
use nalgebra::DMatrix;
use pyo3::prelude::*;
use pyo3::types::PyByteArray;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::spanning_tree::SpanningTree;
use weightspace::svd::truncated;
use weightspace::umap::{Parameters, embed as embedded};

/// A matrix of f32 that Python owns: address, owner, and (points, dimensions).
type Matrix = (usize, Py<PyAny>, (usize, usize));

/// Coordinates, singular values, directions, and the rank.
type Reduced = (Py<PyByteArray>, Py<PyByteArray>, Py<PyByteArray>, usize);

/// A copy, since the algorithms take memory that nobody changes.
fn points(py: Python<'_>, matrix: Matrix) -> PyResult<DMatrix<f32>> {
    let (address, owner, (points, dimensions)) = matrix;
    let count = points.saturating_mul(dimensions);
    let bytes = InPlace::new(address, (count as u64).saturating_mul(4), owner);
    let mut values = vec![0.0_f32; count];
    let mut offset = 0_u64;
    let mut buffer = [0_u8; 4 * 4096];
    for part in values.chunks_mut(4096) {
        let buffer = buffer.get_mut(..4 * part.len()).unwrap_or_default();
        let read = bytes.read(buffer, offset);
        read.map_err(|error| refuse(py, &error.to_string()))?;
        for (value, bytes) in part.iter_mut().zip(buffer.as_chunks::<4>().0) {
            *value = f32::from_ne_bytes(*bytes);
        }
        offset += buffer.len() as u64;
    }
    Ok(DMatrix::from_vec(dimensions, points, values))
}

fn bytes_of(values: impl Iterator<Item = f32>) -> Vec<u8> {
    values.flat_map(f32::to_ne_bytes).collect()
}

fn bytes_of_f64(values: impl Iterator<Item = f64>) -> Vec<u8> {
    values.flat_map(f64::to_ne_bytes).collect()
}

/// UMAP: points in the plane as f32 of shape (points, 2).
#[pyfunction]
pub(crate) fn embed(
    py: Python<'_>,
    matrix: Matrix,
    how: (usize, f64, u64),
    progress: Option<Py<PyAny>>,
) -> PyResult<Py<PyByteArray>> {
    let (neighbors, min_dist, seed) = how;
    let points = points(py, matrix)?;
    let bytes = work(py, progress, move |_: &Reporter<Vec<u8>>| {
        let parameters = Parameters {
            neighbors,
            min_dist,
            seed,
            ..Parameters::default()
        };
        let found = embedded(points.as_view(), &parameters)?;
        Ok(bytes_of(found.positions.into_iter().flatten()))
    })?;
    Ok(PyByteArray::new(py, &bytes).unbind())
}

/// Truncated SVD of the points as they are: coordinates as f32 of shape (points, rank), singular values as
/// f64, directions as f32 of shape (rank, dimensions), and the rank.
#[pyfunction]
pub(crate) fn reduce(
    py: Python<'_>,
    matrix: Matrix,
    rank: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Reduced> {
    type Found = (Vec<u8>, Vec<u8>, Vec<u8>, usize);
    let points = points(py, matrix)?;
    let (coordinates, values, directions, rank) =
        work(py, progress, move |_: &Reporter<Found>| {
            let svd = truncated(points.as_view(), rank)?;
            Ok((
                bytes_of(svd.coordinates().iter().copied()),
                bytes_of_f64(svd.singular_values().iter().copied()),
                bytes_of(svd.directions().iter().copied()),
                svd.rank(),
            ))
        })?;
    let array = |bytes: &[u8]| PyByteArray::new(py, bytes).unbind();
    Ok((
        array(&coordinates),
        array(&values),
        array(&directions),
        rank,
    ))
}

/// Single linkage: merges as f64 of shape (points − 1, 4), as SciPy has them.
#[pyfunction]
pub(crate) fn link(
    py: Python<'_>,
    matrix: Matrix,
    progress: Option<Py<PyAny>>,
) -> PyResult<Py<PyByteArray>> {
    let points = points(py, matrix)?;
    let bytes = work(py, progress, move |_: &Reporter<Vec<u8>>| {
        let edges = minimum_spanning_tree(points.as_view())?;
        let tree = SpanningTree::new(points.ncols(), &edges)?;
        let merges = Dendrogram::of(&tree).merges().to_vec();
        let rows = merges.into_iter().flat_map(|merge| {
            [
                f64::from(merge.left),
                f64::from(merge.right),
                merge.height,
                f64::from(merge.size),
            ]
        });
        Ok::<_, Error>(bytes_of_f64(rows))
    })?;
    Ok(PyByteArray::new(py, &bytes).unbind())
}
