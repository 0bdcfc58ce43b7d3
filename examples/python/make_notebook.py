"""Writes `trails.ipynb`, whose text and code are here: python examples/python/make_notebook.py"""

import json
import pathlib

CELLS = [
    ("markdown", """# From a folder of checkpoints to its runs, a fork, an event and a gate

modeltrail reads it off the weights: no data, no forward pass. This notebook trains small networks with
NumPy, mixes their checkpoints up, and asks."""),
    ("code", """import pathlib
import tempfile

import matplotlib.pyplot as plt
import numpy as np

import modeltrail as mt

print(mt.__version__)"""),
    ("markdown", """## Checkpoints

A network of one hidden layer learns points on two rings. The second seed is another training; a third
one is a branch that leaves the first after its 8th epoch and sees other labels."""),
    ("code", """def data(seed, turned=False):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(400, 8))
    y = (np.square(x).sum(1) > 7.3).astype(float)
    return x, 1 - y if turned else y


def train(weights, epochs, seed, turned_from=None, rate=0.1):
    # Plain stochastic gradient descent; yields the weights after every epoch.
    draw = np.random.default_rng(seed)
    weights = {name: values.copy() for name, values in weights.items()}
    for epoch in range(epochs):
        x, y = data(0, turned=turned_from is not None and epoch >= turned_from)
        for batch in np.array_split(draw.permutation(len(x)), 20):
            hidden = np.tanh(x[batch] @ weights["hidden.weight"] + weights["hidden.bias"])
            output = 1 / (1 + np.exp(-(hidden @ weights["out.weight"] + weights["out.bias"])))
            error = (output - y[batch, None]) / len(batch)
            back = error @ weights["out.weight"].T * (1 - hidden**2)
            weights["out.weight"] -= rate * hidden.T @ error
            weights["out.bias"] -= rate * error.sum(0)
            weights["hidden.weight"] -= rate * x[batch].T @ back
            weights["hidden.bias"] -= rate * back.sum(0)
        yield {name: values.astype(np.float32) for name, values in weights.items()}


def start(seed):
    draw = np.random.default_rng(seed)
    return {
        "hidden.weight": draw.normal(size=(8, 32)) / 2,
        "hidden.bias": np.zeros(32),
        "out.weight": draw.normal(size=(32, 1)) / 4,
        "out.bias": np.zeros(1),
    }


first = list(train(start(1), 24, seed=1))
second = list(train(start(2), 24, seed=2))
branch = list(train(first[7], 16, seed=3, turned_from=0))
folder = pathlib.Path(tempfile.mkdtemp()) / "checkpoints"
for run, weights in [("first", first), ("second", second), ("branch", branch)]:
    (folder / run).mkdir(parents=True)
    for epoch, one in enumerate(weights, 1):
        np.savez(folder / run / f"epoch-{epoch}.npz", **one)
len(list(folder.rglob("*.npz")))"""),
    ("markdown", """## Runs

The weights alone say which checkpoints belong together and in which order they came; what names claim is
compared with that afterwards. In place of the folder there could be `{"a": model.state_dict(), …}`."""),
    ("code", "runs = mt.runs(folder)\nprint(runs)"),
    ("code", "runs"),
    ("code", """for run in runs:
    print(len(run), "checkpoints,", run.direction, "-", run.order[0], "…", run.order[-1])
    print("   origin:", run.origin)"""),
    ("markdown", "## Pictures\n\nEvery checkpoint in the plane, by SVD and by UMAP."),
    ("code", """names = [name for run in runs for name in run.order]
points = np.stack([np.concatenate([values.ravel() for values in np.load(folder / name).values()]) for name in names])
plane = mt.svd(points - points.mean(0), 2).coordinates
umap = mt.umap(folder, neighbors=10)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5))
for run in runs:
    places = [names.index(name) for name in run.order]
    left.plot(*plane[places].T, marker="o", label=f"{run.order[0]} …")
    places = [umap.names.index(name) for name in run.order]
    right.plot(*umap.positions[places].T, marker="o")
left.set_title("SVD")
right.set_title("UMAP")
left.legend()
plt.show()"""),
    ("markdown", """## An event

The weights of a training that is running are given to a `Watch`. From epoch 16 on the labels are turned."""),
    ("code", """watch = mt.Watch()
events = [watch.push(weights, step) for step, weights in enumerate(train(start(4), 24, seed=4, turned_from=16), 1)]
for event in events:
    if event.is_alarm:
        print(event.step, event.cause, "-", event.evidence)
        break"""),
    ("code", """plt.figure(figsize=(8, 3))
plt.plot([event.step for event in events[1:]], [event.step_length for event in events[1:]], marker="o")
for event in events:
    if event.is_alarm:
        plt.axvline(event.step, color="red", alpha=0.3)
plt.xlabel("epoch")
plt.ylabel("length of the step")
plt.show()"""),
    ("markdown", """## A gate

May the tests of one checkpoint stand for the next one, and for one much later?"""),
    ("code", "mt.gate(first[-2], first[-1])"),
    ("code", "mt.gate(first[3], first[-1])"),
    ("markdown", "## Where does this model come from?"),
    ("code", """tuned = {name: values + 0.02 * np.random.default_rng(9).normal(size=values.shape).astype("f4") for name, values in first[12].items()}
found = mt.lineage(tuned, against=folder)
print(found)"""),
    ("code", """assert len(runs) >= 3 and found.verdict == "derived"
assert any(event.is_alarm and event.step == 17 for event in events)
assert mt.gate(first[-2], first[-1]).is_within"""),
]


def cell(kind, text):
    lines = text.splitlines(keepends=True)
    if kind == "markdown":
        return {"cell_type": kind, "metadata": {}, "source": lines}
    return {"cell_type": kind, "metadata": {}, "source": lines, "execution_count": None, "outputs": []}


notebook = {
    "cells": [{"id": f"cell-{number}", **cell(*one)} for number, one in enumerate(CELLS)],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
pathlib.Path(__file__).with_name("trails.ipynb").write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
