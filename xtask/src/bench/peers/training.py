"""Training in lockstep: training.py METHOD FOLDER ANSWER.npy, the zoo's networks and step in other libraries.

FOLDER has images.npy [n, 196] and targets.npy [n, 10] in f32, weights.npy [models, parameters] in
f32, orders.npy [models, steps · batch] in i32 and recipe.json. The answer is the weights after all steps.
All run on one CPU; compilation and imports are not timed.
"""

import json
import os
import sys
import time
from importlib.metadata import version

os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np  # noqa: E402

METHOD, FOLDER, ANSWER = sys.argv[1:]
images, targets, initial, orders = (
    np.load(f"{FOLDER}/{name}.npy") for name in ("images", "targets", "weights", "orders")
)
with open(f"{FOLDER}/recipe.json") as file:
    recipe = json.load(file)
RATE, MOMENTUM, DECAY = recipe["learning_rate"], recipe["momentum"], recipe["weight_decay"]
IS_MLP = recipe["architecture"] == "mlp"
SHAPES = [(10, 196), (10, 10), (10, 10)] if IS_MLP else [(16, 1, 3, 3), (8, 16, 3, 3), (10, 8)]
MODELS, BATCH = len(orders), recipe["batch_size"]
orders = orders.reshape(MODELS, -1, BATCH)
STEPS = orders.shape[1]


def split(columns):
    """[models, parameters] as a tensor for each layer."""
    parts, first = [], 0
    for shape in SHAPES:
        size = int(np.prod(shape))
        parts.append(columns[..., first : first + size].reshape(*columns.shape[:-1], *shape))
        first += size
    return parts


def by_hand_in_numpy():
    w1, w2, w3 = (part.copy() for part in split(initial))
    v1, v2, v3 = (np.zeros_like(part) for part in (w1, w2, w3))
    turned = lambda matrices: matrices.transpose(0, 2, 1)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    for step in range(STEPS):
        batch = orders[:, step]
        x, y = images[batch], targets[batch]
        h1 = sigmoid(x @ turned(w1))
        h2 = sigmoid(h1 @ turned(w2))
        error = (h2 @ turned(w3) - y) * np.float32(2 / (BATCH * 10))
        g3 = turned(error) @ h2
        d2 = (error @ w3) * h2 * (1 - h2)
        g2 = turned(d2) @ h1
        d1 = (d2 @ w2) * h1 * (1 - h1)
        g1 = turned(d1) @ x
        for w, v, g in ((w1, v1, g1), (w2, v2, g2), (w3, v3, g3)):
            g += np.float32(DECAY) * w
            v *= np.float32(MOMENTUM)
            v += g
            w -= np.float32(RATE) * v
    return np.concatenate([part.reshape(MODELS, -1) for part in (w1, w2, w3)], axis=1)


def in_jax(network):
    import jax
    import jax.numpy as jnp

    def loss(weights, x, y):
        return jnp.mean((network(weights, x) - y) ** 2)

    def train(weights, order):
        def step(state, batch):
            weights, velocity = state
            gradient = jax.grad(loss)(weights, pictures[batch], labels[batch])
            new = lambda v, g, w: MOMENTUM * v + g + DECAY * w
            velocity = jax.tree.map(new, velocity, gradient, weights)
            weights = jax.tree.map(lambda w, v: w - RATE * v, weights, velocity)
            return (weights, velocity), None

        start = (weights, jax.tree.map(jnp.zeros_like, weights))
        return jax.lax.scan(step, start, order)[0][0]

    pictures, labels = jnp.asarray(images), jnp.asarray(targets)
    start, batches = [jnp.asarray(part) for part in split(initial)], jnp.asarray(orders)
    run = jax.jit(jax.vmap(train)).lower(start, batches).compile()

    def timed_part():
        result = jax.block_until_ready(run(start, batches))
        return np.concatenate([np.asarray(part).reshape(MODELS, -1) for part in result], axis=1)

    return timed_part


def mlp_in_jax():
    import jax

    def network(weights, x):
        w1, w2, w3 = weights
        return jax.nn.sigmoid(jax.nn.sigmoid(x @ w1.T) @ w2.T) @ w3.T

    return in_jax(network)


def halves(x, rows):
    """The largest of every 2x2 along two axes, of which the first is `rows`; odd ends are dropped."""
    import jax.numpy as jnp

    for axis in (rows, rows + 1):
        even = x.shape[axis] // 2 * 2
        pick = lambda start: x[(slice(None),) * axis + (slice(start, even, 2),)]
        x = jnp.maximum(pick(0), pick(1))
    return x


def lax_cnn_in_jax():
    import jax

    def convolve(x, kernel):
        return jax.lax.conv(x, kernel, (2, 2), [(1, 1), (1, 1)])

    def network(weights, x):
        k1, k2, w = weights
        x = jax.nn.leaky_relu(halves(convolve(x.reshape(-1, 1, 14, 14), k1), 2))
        x = jax.nn.leaky_relu(halves(convolve(x, k2), 2))
        return x.reshape(-1, 8) @ w.T

    return in_jax(network)


def unfolded_cnn_in_jax():
    import jax
    import jax.numpy as jnp

    def convolve(x, kernel):
        """Channels last, and without the outputs that the max-pool drops."""
        n, h, w, _ = x.shape
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        rows, columns = (h + 1) // 4 * 2, (w + 1) // 4 * 2
        taps = [
            x[:, i : i + 2 * rows - 1 : 2, j : j + 2 * columns - 1 : 2]
            for i in range(3)
            for j in range(3)
        ]
        patches = jnp.concatenate(taps, axis=3).reshape(n * rows * columns, -1)
        out = patches @ kernel.transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0])
        return out.reshape(n, rows, columns, -1)

    def network(weights, x):
        k1, k2, w = weights
        x = jax.nn.leaky_relu(halves(convolve(x.reshape(-1, 14, 14, 1), k1), 1))
        x = jax.nn.leaky_relu(halves(convolve(x, k2), 1))
        return x.reshape(-1, 8) @ w.T

    return in_jax(network)


def in_torch(together):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)
    pictures, labels = torch.from_numpy(images), torch.from_numpy(targets)
    order = torch.from_numpy(orders.astype(np.int64))

    def network(weights, x):
        if IS_MLP:
            w1, w2, w3 = weights
            return torch.sigmoid(torch.sigmoid(x @ w1.T) @ w2.T) @ w3.T
        k1, k2, w = weights
        x = F.leaky_relu(F.max_pool2d(F.conv2d(x.view(-1, 1, 14, 14), k1, stride=2, padding=1), 2))
        x = F.leaky_relu(F.max_pool2d(F.conv2d(x, k2, stride=2, padding=1), 2))
        return x.flatten(1) @ w.T

    def loss(weights, x, y):
        return ((network(weights, x) - y) ** 2).mean()

    def eager():
        columns = []
        for model in range(MODELS):
            start = split(torch.from_numpy(initial[model]))
            weights = [part.clone().requires_grad_() for part in start]
            optimiser = torch.optim.SGD(weights, lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
            for batch in order[model]:
                optimiser.zero_grad()
                loss(weights, pictures[batch], labels[batch]).backward()
                optimiser.step()
            columns.append(torch.cat([part.detach().flatten() for part in weights]))
        return torch.stack(columns).numpy()

    def vmapped():
        gradients = torch.func.vmap(torch.func.grad(loss))
        weights = [part.clone() for part in split(torch.from_numpy(initial))]
        velocity = [torch.zeros_like(part) for part in weights]
        for step in range(STEPS):
            batch = order[:, step]
            for w, v, g in zip(weights, velocity, gradients(tuple(weights), pictures[batch], labels[batch])):
                v.mul_(MOMENTUM).add_(g).add_(w, alpha=DECAY)
                w.sub_(v, alpha=RATE)
        return torch.cat([part.flatten(1) for part in weights], 1).numpy()

    return vmapped if together else eager


METHODS = {
    "numpy": ("numpy", lambda: by_hand_in_numpy),
    "jax-mlp": ("jax", mlp_in_jax),
    "jax-unfolded": ("jax", unfolded_cnn_in_jax),
    "jax-conv": ("jax", lax_cnn_in_jax),
    "torch-vmap": ("torch", lambda: in_torch(True)),
    "torch-eager": ("torch", lambda: in_torch(False)),
}

package, prepare = METHODS[METHOD]
work = prepare()
cpu, wall = time.process_time(), time.perf_counter()
answer = work()
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
np.save(ANSWER, answer)
print(json.dumps({"cpu_s": cpu, "wall_s": wall, "version": version(package)}))
