"""Truncated, uncentred SVD: singular values, and the coordinates that are the point of it."""

import numpy as np
from measure import EXTRA, METHOD, points, report, timed

RANK = int(EXTRA)


def gram(x, rank, **how):
    from scipy.linalg import eigh

    wide = x.astype(float)
    size = x.shape[1]
    wanted = dict(subset_by_index=[size - rank, size - 1]) if how.pop("subset") else {}
    _, vectors = eigh(wide.T @ wide, overwrite_a=True, check_finite=False, **wanted, **how)
    coordinates = wide @ vectors[:, ::-1][:, :rank]
    return np.linalg.norm(coordinates, axis=0), coordinates.astype("f4")


def gram_in_single(x, rank, kind):
    """The large products in f32, as ours; the small matrix in f64 or in f32."""
    from scipy.linalg import eigh

    size = x.shape[1]
    wanted = [size - rank, size - 1]
    _, vectors = eigh((x.T @ x).astype(kind), subset_by_index=wanted, overwrite_a=True, check_finite=False)
    coordinates = x @ vectors[:, ::-1].astype("f4")
    return np.sqrt((coordinates.astype(float) ** 2).sum(axis=0)), coordinates


def randomised(x, rank):
    from sklearn.utils.extmath import randomized_svd

    u, s, _ = randomized_svd(x, rank, random_state=0)
    return s, u * s


METHODS = {
    "gram-subset": ("scipy", lambda x, rank: gram(x, rank, subset=True, driver="evr")),
    "gram-full": ("scipy", lambda x, rank: gram(x, rank, subset=False, driver="evd")),
    "gram-single": ("scipy", lambda x, rank: gram_in_single(x, rank, "f8")),
    "all-single": ("scipy", lambda x, rank: gram_in_single(x, rank, "f4")),
    "randomised": ("scikit-learn", randomised),
}

package, method = METHODS[METHOD]
x = points()
method(np.eye(20, 10, dtype="f4"), 2)  # imports are not timed
(values, _), cpu, wall = timed(lambda: method(x, RANK))
report(package, values, cpu, wall)
