"""The same small network in JAX, with SGD and Adam of Optax; a .npz per epoch.

python examples/jax/plain.py OUT SEEDS  ->  OUT/KIND/seed-N/epoch-N.npz
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy
import optax

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import mnist14  # noqa: E402

IMAGES, BATCH, EPOCHS = 10_000, 50, 30
KINDS = {"jax-sgd": optax.sgd(0.02, momentum=0.9), "jax-adam": optax.adam(1e-3)}


def initial(key):
    """As Flax does: LeCun's normal weights, and no bias."""
    first, last = jax.random.split(key)
    normal = jax.nn.initializers.lecun_normal()
    return {
        "hidden": {"kernel": normal(first, (196, 32)), "bias": jnp.zeros(32)},
        "output": {"kernel": normal(last, (32, 10)), "bias": jnp.zeros(10)},
    }


def loss(params, images, labels):
    hidden = jax.nn.relu(images @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    outputs = hidden @ params["output"]["kernel"] + params["output"]["bias"]
    return optax.softmax_cross_entropy_with_integer_labels(outputs, labels).mean()


def epoch_of(optimiser):
    def step(state, batch):
        params, memory = state
        gradient = jax.grad(loss)(params, *batch)
        update, memory = optimiser.update(gradient, memory, params)
        return (optax.apply_updates(params, update), memory), None

    @jax.jit
    def epoch(state, key, images, labels):
        order = jax.random.permutation(key, len(images)).reshape(-1, BATCH)
        return jax.lax.scan(step, state, (images[order], labels[order]))[0]

    return epoch


def main(out, seeds):
    images, labels = (jnp.asarray(array[:IMAGES]) for array in mnist14.load())
    for kind, optimiser in KINDS.items():
        epoch = epoch_of(optimiser)
        for seed in range(seeds):
            folder = out / kind / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            key = jax.random.key(seed)
            params = initial(key)
            state = params, optimiser.init(params)
            for number in range(1, EPOCHS + 1):
                state = epoch(state, jax.random.fold_in(key, number), images, labels)
                flat = {
                    f"{layer}/{name}": numpy.asarray(array)
                    for layer, tensors in state[0].items()
                    for name, array in tensors.items()
                }
                numpy.savez(folder / f"epoch-{number}.npz", **flat)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
