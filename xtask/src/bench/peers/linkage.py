"""Single linkage: the heights of all merges, which are the lengths of the tree's edges, ascending."""

import os

import numpy as np
from measure import METHOD, points, report, timed


def scipy_pdist(x):
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    return linkage(pdist(x.astype(float)), "single")[:, 2]


def sklearn_blocks(x):
    from scipy.cluster.hierarchy import linkage
    from sklearn.metrics import pairwise_distances_chunked

    n = len(x)
    condensed, filled = np.empty(n * (n - 1) // 2), 0
    row = 0
    for block in pairwise_distances_chunked(x, metric="euclidean", working_memory=64):
        for distances in block:
            condensed[filled : filled + n - 1 - row] = distances[row + 1 :]
            filled += n - 1 - row
            row += 1
    return linkage(condensed, "single")[:, 2]


def fastcluster_vector(x):
    import fastcluster

    return fastcluster.linkage_vector(x.astype(float), "single")[:, 2]


def quitefastmst_tree(x):
    import quitefastmst

    return quitefastmst.mst_euclid(x.astype(float))[0]


def hdbscan_boruvka(x):
    from hdbscan._hdbscan_boruvka import KDTreeBoruvkaAlgorithm
    from sklearn.neighbors import KDTree

    tree = KDTree(x.astype(float), leaf_size=40)
    jobs = int(os.environ["OMP_NUM_THREADS"])
    search = KDTreeBoruvkaAlgorithm(tree, 1, metric="euclidean", approx_min_span_tree=False, n_jobs=jobs)
    return search.spanning_tree()[:, 2]


METHODS = {
    "scipy": ("scipy", scipy_pdist),
    "sklearn": ("scikit-learn", sklearn_blocks),
    "fastcluster": ("fastcluster", fastcluster_vector),
    "quitefastmst": ("quitefastmst", quitefastmst_tree),
    "hdbscan": ("hdbscan", hdbscan_boruvka),
}

package, method = METHODS[METHOD]
x = points()
method(x[:200])  # imports are not timed
heights, cpu, wall = timed(lambda: method(x))
report(package, np.sort(heights), cpu, wall)
