"""How good pictures are: quality.py POINTS.npy LABELS.npy PICTURE.npy …

Trustworthiness over 15 neighbours (Venna and Kaski 2001, as scikit-learn defines it), and purity:
the share of the 10 nearest in the picture that have the same label. One line of JSON a picture.
"""

import json
import sys

import numpy as np
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS, NEAREST, BLOCK = 15, 10, 250

points = np.load(sys.argv[1]).astype(float)
labels = np.load(sys.argv[2])
pictures = [np.load(name) for name in sys.argv[3:]]
n = len(points)
shown = [
    NearestNeighbors(n_neighbors=NEIGHBOURS).fit(picture).kneighbors(return_distance=False)
    for picture in pictures
]
norms = (points**2).sum(axis=1)
excess = [0] * len(pictures)
for start in range(0, n, BLOCK):
    rows = np.arange(start, min(start + BLOCK, n))
    squared = norms[rows, None] + norms - 2 * points[rows] @ points.T
    squared[rows - start, rows] = -np.inf  # a point is its own neighbour of rank 0
    rank = np.empty(squared.shape, np.int32)
    np.put_along_axis(rank, np.argsort(squared, axis=1), np.arange(n, dtype=np.int32)[None], axis=1)
    for picture, nearest in enumerate(shown):
        ranks = np.take_along_axis(rank, nearest[rows], axis=1)
        excess[picture] += int(np.maximum(ranks - NEIGHBOURS, 0).sum())
scale = 2 / (n * NEIGHBOURS * (2 * n - 3 * NEIGHBOURS - 1))
for picture, nearest in enumerate(shown):
    purity = (labels[nearest[:, :NEAREST]] == labels[:, None]).mean()
    print(json.dumps({"trustworthiness": 1 - scale * excess[picture], "purity": float(purity)}))
