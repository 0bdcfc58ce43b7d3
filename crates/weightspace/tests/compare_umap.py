"""Scores our UMAP and umap-learn on the same points.

    pip install numpy scikit-learn umap-learn
    cargo build --release -p weightspace --example umap
    python crates/weightspace/tests/compare_umap.py target/release/examples/umap [IDX_DIRECTORY]

Points: 60 synthetic runs of 50 checkpoints in 200 dimensions, and, where the
directory of MNIST's original files is given, its 10,000 test images at 14x14.
Trustworthiness is over 15 neighbours; purity is the share of the 10 nearest in
the picture that have the same run or digit.
"""

import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import umap
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

SEEDS = (0, 1, 2)


def synthetic_runs(runs=60, epochs=50, dimensions=200):
    """Random walks with momentum whose steps shrink; median step / distance between runs = .015."""
    random = np.random.default_rng(1)
    points = random.normal(size=(runs, dimensions))
    trajectories = []
    for point in points:
        velocity = random.normal(size=dimensions)
        for epoch in range(epochs):
            velocity = 0.9 * velocity + 0.44 * random.normal(size=dimensions)
            point = point + velocity * (0.02 + 0.25 / (1 + epoch))
            trajectories.append(point)
    return np.array(trajectories, "<f4"), np.repeat(np.arange(runs), epochs)


def mnist_test_images(directory):
    images = np.fromfile(directory / "t10k-images-idx3-ubyte", np.uint8)[16:]
    labels = np.fromfile(directory / "t10k-labels-idx1-ubyte", np.uint8)[8:]
    pooled = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return (np.floor(pooled + 0.5) / 255).reshape(-1, 196).astype("<f4"), labels


def ours(binary, points, seed):
    with tempfile.NamedTemporaryFile() as file:
        points.tofile(file.name)
        command = [binary, file.name, str(points.shape[1]), str(seed)]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return np.array(output.split(), float).reshape(-1, 2)


def umap_learn(points, seed):
    return umap.UMAP(random_state=seed).fit_transform(points)


def purity(picture, labels, k=10):
    nearest = NearestNeighbors(n_neighbors=k).fit(picture).kneighbors(return_distance=False)
    return (labels[nearest] == labels[:, None]).mean()


def compare(name, binary, points, labels):
    for seed in SEEDS:
        for method, embed in (
            ("ours", lambda: ours(binary, points, seed)),
            ("umap-learn", lambda: umap_learn(points, seed)),
        ):
            begun = time.perf_counter()
            picture = embed()
            seconds = time.perf_counter() - begun
            trust = trustworthiness(points, picture, n_neighbors=15)
            print(
                f"{name:5} seed {seed} {method:10} trustworthiness {trust:.4f}"
                f" purity {purity(picture, labels):.4f} {seconds:6.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="n_jobs value")
    compare("runs", sys.argv[1], *synthetic_runs())
    if len(sys.argv) > 2:
        compare("mnist", sys.argv[1], *mnist_test_images(Path(sys.argv[2])))
