"""Trainings of nothing: weights that walk, so that runs and orders are known."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import settings

# Nothing is kept from one run to the next.
settings.register_profile("modeltrail", database=None)
settings.load_profile("modeltrail")

REPOSITORY = pathlib.Path(__file__).parents[3]


def walk(seed, steps, drift=0.2):
    """State dicts along a noisy way: a start of its own for each seed, and a drift that slows down."""
    draw = np.random.default_rng(seed)
    # By name, as files have them: sums in another order end in other bits.
    shapes = {"body.bias": (16,), "body.weight": (16, 24), "head.weight": (4, 16)}
    now = {name: draw.normal(size=shape) for name, shape in shapes.items()}
    goal = {name: draw.normal(size=shape) for name, shape in shapes.items()}
    for _ in range(steps):
        yield {name: values.astype(np.float32) for name, values in now.items()}
        now = {
            name: values + drift * (goal[name] - values) + 0.02 * draw.normal(size=values.shape)
            for name, values in now.items()
        }


def command(*arguments, status=None):
    """What the command of this installation answers, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "modeltrail", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert status is None or done.returncode == status, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def series(tmp_path_factory):
    """Two runs of eight checkpoints as files of NumPy, and the same in memory by the same names."""
    folder = tmp_path_factory.mktemp("series")
    held = {}
    for seed in (1, 2):
        (folder / f"seed-{seed}").mkdir()
        for epoch, weights in enumerate(walk(seed, 8), 1):
            path = folder / f"seed-{seed}" / f"epoch-{epoch}.npz"
            np.savez(path, **weights)
            held[str(path)] = weights
    return folder, held


@pytest.fixture(scope="session")
def examples():
    """Checkpoints that the repository keeps."""
    folder = REPOSITORY / "examples" / "checkpoints"
    if not folder.is_dir():
        pytest.skip("not in a checkout")
    return folder
