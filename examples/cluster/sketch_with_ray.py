"""Sketches many checkpoints on Ray, and asks about the sketches on one machine.

    pip install ./crates/python ray
    python examples/cluster/sketch_with_ray.py WORK [--checkpoints N] [--workers N]

A sketch takes some kilobytes and is made where the weights are, so that only sketches travel. The program
makes checkpoints in WORK, sketches them on several workers and then here, and compares the two answers.
"""

import argparse
import pathlib
import time

import numpy as np
import ray

import modeltrail as mt


@ray.remote(num_cpus=1)
def sketch(path):
    """The sketch of one file, made by whichever worker is free."""
    return mt.sketch(path)[0]


def make(folder, count):
    """Two trainings of nothing: weights that drift from a start of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in (1, 2):
        draw = np.random.default_rng(seed)
        weights, goal = draw.normal(size=(2, 512, 512))
        for step in range(count // 2):
            np.savez(folder / f"seed-{seed}-step-{step}.npz", weight=weights.astype("f4"))
            weights = weights + 0.1 * (goal - weights) + 0.01 * draw.normal(size=weights.shape)
    return sorted(str(path) for path in folder.glob("*.npz"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--checkpoints", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    paths = make(given.work / "checkpoints", given.checkpoints)
    ray.init(num_cpus=given.workers, include_dashboard=False, log_to_driver=False)
    began = time.perf_counter()
    there = mt.runs(ray.get([sketch.remote(path) for path in paths]))
    seconds = time.perf_counter() - began
    ray.shutdown()
    here = mt.runs(mt.sketch(paths))
    names = lambda runs: [run.order for run in runs]  # noqa: E731
    assert names(there) == names(here) and len(there) == 2, (names(there), names(here))
    print(
        f"{len(paths)} checkpoints, {given.workers} workers of Ray, {seconds:.1f} s with the start of the "
        f"workers: {len(there)} runs, the same as on one machine"
    )


if __name__ == "__main__":
    main()
