"""Arrays in, arrays out: UMAP, SVD and single linkage of points that are rows."""

from __future__ import annotations

from typing import Any, NamedTuple, Tuple

import numpy as np

from . import _modeltrail
from ._arrays import is_array
from ._asked import number, real
from ._errors import UsageError
from ._progress import Progress, reporting


class Svd(NamedTuple):
    """A truncated SVD of points as they are: subtract their mean first if you mean that.

    Attributes
    ----------
    coordinates : numpy.ndarray
        f32 of shape (points, rank): the points along the directions.
    singular_values : numpy.ndarray
        f64 of shape (rank,), the largest first.
    directions : numpy.ndarray
        f32 of shape (rank, dimensions), each of length 1.
    """

    coordinates: np.ndarray
    singular_values: np.ndarray
    directions: np.ndarray


def is_matrix(value: Any) -> bool:
    """Whether it is an array of points rather than checkpoints."""
    return is_array(value)


def _matrix(points: Any) -> Tuple[int, np.ndarray, Tuple[int, int]]:
    if not isinstance(points, np.ndarray):
        points = points.detach().cpu().numpy() if hasattr(points, "detach") else np.asarray(points)
    if points.ndim != 2 or points.dtype.kind not in "fiub":
        raise UsageError(
            f"this array has shape {points.shape} and type {points.dtype}: give numbers of shape (points, "
            "dimensions)"
        )
    rows = np.ascontiguousarray(points, np.float32)
    shape = (int(rows.shape[0]), int(rows.shape[1]))
    if 0 in shape:
        raise UsageError(f"this array has shape {shape}, and nothing is in it")
    return int(rows.__array_interface__["data"][0]), rows, shape


def svd(points: Any, rank: int, *, progress: Progress = None) -> Svd:
    """The `rank` directions along which points, as they are, reach farthest.

    Parameters
    ----------
    points
        An array of shape (points, dimensions); it is read as f32.
    rank
        Number of directions, at most the number of points and of dimensions.
    """
    matrix = _matrix(points)
    with reporting(progress) as hears:
        found = _modeltrail.reduce(matrix, number(rank, "rank", 1), hears)
    coordinates, values, directions, rank = found
    count, dimensions = matrix[2]
    return Svd(
        np.frombuffer(coordinates, np.float32).reshape(count, rank),
        np.frombuffer(values, np.float64),
        np.frombuffer(directions, np.float32).reshape(rank, dimensions),
    )


def embed(points: Any, neighbors: int, min_dist: float, seed: int, progress: Progress) -> np.ndarray:
    """UMAP of rows."""
    matrix = _matrix(points)
    with reporting(progress) as hears:
        settings = (number(neighbors, "neighbors", 1), real(min_dist, "min_dist"), number(seed, "seed"))
        found = _modeltrail.embed(matrix, settings, hears)
    return np.frombuffer(found, np.float32).reshape(-1, 2)


def link(points: Any, progress: Progress) -> np.ndarray:
    """Single linkage of rows."""
    matrix = _matrix(points)
    with reporting(progress) as hears:
        found = _modeltrail.link(matrix, hears)
    return np.frombuffer(found, np.float64).reshape(-1, 4)
