"""Writes examples/checkpoints/forked anew: a training and a branch of it, with NumPy alone.

pip install numpy zstandard
python examples/make_forked.py

Ten epochs on digits; from the fifth, a branch of six epochs on pictures of clothes. The network is
196 -> 8 -> 10, trained by SGD with momentum.
"""

import pathlib
import shutil

import numpy

import mnist14

HERE = pathlib.Path(__file__).resolve().parent / "checkpoints" / "forked"
RATE, MOMENTUM, BATCH = 0.02, 0.9, 40


def started(draw):
    """Weights as PyTorch starts them, and no velocity."""
    shapes = {"backbone.weight": (8, 196), "backbone.bias": (8,), "head.weight": (10, 8), "head.bias": (10,)}
    inputs = {"backbone": 196, "head": 8}
    bounds = {name: inputs[name.split(".")[0]] ** -0.5 for name in shapes}
    weights = {name: draw.uniform(-bounds[name], bounds[name], shape) for name, shape in shapes.items()}
    return weights, {name: numpy.zeros_like(value) for name, value in weights.items()}


def gradients(weights, images, labels):
    """Of the mean cross entropy."""
    hidden = images @ weights["backbone.weight"].T + weights["backbone.bias"]
    active = numpy.maximum(hidden, 0)
    scores = active @ weights["head.weight"].T + weights["head.bias"]
    shares = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    shares[numpy.arange(len(labels)), labels] -= 1
    shares /= len(labels)
    back = (shares @ weights["head.weight"]) * (hidden > 0)
    return {
        "backbone.weight": back.T @ images,
        "backbone.bias": back.sum(axis=0),
        "head.weight": shares.T @ active,
        "head.bias": shares.sum(axis=0),
    }


def epoch(draw, weights, velocity, images, labels):
    for batch in draw.permutation(len(images)).reshape(-1, BATCH):
        for name, gradient in gradients(weights, images[batch], labels[batch]).items():
            velocity[name] = MOMENTUM * velocity[name] + gradient
            weights[name] = weights[name] - RATE * velocity[name]


def train(run, draw, state, data, epochs):
    """Saves every epoch, and returns the states after each."""
    folder = HERE / run
    folder.mkdir(parents=True)
    states = []
    weights, velocity = ({name: value.copy() for name, value in part.items()} for part in state)
    for number in range(1, epochs + 1):
        epoch(draw, weights, velocity, *data)
        arrays = {name: value.astype("float32") for name, value in weights.items()}
        numpy.savez(folder / f"epoch-{number}.npz", **arrays)
        states.append((dict(weights), dict(velocity)))
    return states


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    digits, clothes = ([part[:4000] for part in mnist14.load(name)] for name in ("mnist14", "fashion14"))
    draw = numpy.random.default_rng(7)
    trunk = train("digits", draw, started(draw), digits, 10)
    train("clothes", draw, trunk[4], clothes, 6)


if __name__ == "__main__":
    main()
