"""Writes the HDF5 fixtures with Keras and h5py, and the Flax ones with Flax.

    pip install keras jax h5py flax
    KERAS_BACKEND=jax python write_keras_fixtures.py

Beside the files it writes `expected_keras.json`: what each holds, as the library has it.
"""

import json
import pathlib

import flax.serialization
import h5py
import jax.numpy as jnp
import keras
import numpy as np
import safetensors.numpy
from summary import expected

ROOT = pathlib.Path(__file__).parent / "fixtures"
EXPECTED = {}


def place(path):
    path = ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def net():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(4, 3),
        keras.layers.BatchNormalization(),
        keras.layers.Flatten(),
        keras.layers.Dense(16),
        keras.layers.LayerNormalization(),
        keras.layers.Dense(16),
        keras.layers.Dense(5, use_bias=False),
    ])
    model.compile("adam", "mse")
    model.fit(np.random.rand(16, 8, 8, 3), np.random.rand(16, 5), verbose=0)
    return model


def models():
    model = net()
    meant, buffers = {}, []
    for layer in model.layers:
        for variable in layer.variables:
            name = f"layers/{layer.name}/{variable.name}"
            meant[name] = ("f32", np.asarray(variable.value))
            if "moving" in name:
                buffers.append(name)
    model.save(place("keras/model.keras"))
    model.save_weights(place("keras/model.weights.h5"))
    for path in ("keras/model.keras", "keras/model.weights.h5"):
        with_optimizer = "model.keras" in path or "weights" in path
        EXPECTED[path] = expected(meant, buffers=buffers, left_out=left_out(path) if with_optimizer else 0)
    # The same weights in PyTorch's names and orders of axes.
    turned = {}
    for name, (_, values) in meant.items():
        axes = {4: (3, 2, 0, 1), 2: (1, 0)}.get(values.ndim, tuple(range(values.ndim)))
        last = name.rsplit("/", 1)[1]
        last = {"kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
                "moving_variance": "running_var"}.get(last, last)
        layer = name.split("/")[1]
        turned[f"{layer}.{last}"] = np.ascontiguousarray(values.transpose(axes))
    path = place("keras/torch.safetensors")
    safetensors.numpy.save_file(turned, path)
    path.chmod(0o644)


def left_out(path):
    """Datasets of the optimiser."""
    import io
    import zipfile
    own = place(path)
    if own.suffix == ".keras":
        own = io.BytesIO(zipfile.ZipFile(own).read("model.weights.h5"))
    count = 0
    with h5py.File(own) as file:
        def visit(name, item):
            nonlocal count
            count += isinstance(item, h5py.Dataset) and name.split("/")[0] == "optimizer"
        file.visititems(visit)
    return count


def plain():
    """Groups and datasets of either kind, and what is not read."""
    values = np.random.default_rng(2).standard_normal((4, 6)).astype(np.float32)
    for name, version in (("earliest", None), ("latest", "latest")):
        meant = {}
        with h5py.File(place(f"keras/{name}.h5"), "w", libver=version) as file:
            def add(key, element, data, **options):
                file.create_dataset(key, data=data, **options)
                meant[key] = (element, data)
            add("model_weights/dense/dense/kernel", "f32", values)
            add("numbers/f16", "f16", values.astype(np.float16))
            add("numbers/f64", "f64", values.astype(np.float64))
            add("numbers/big", "f32", values.astype(">f4"))
            add("numbers/steps", "i64", np.arange(3))
            add("shapes/scalar", "f32", np.float32(2.5))
            add("shapes/flags", "bool", np.array([True, False]))
            add("shapes/empty", "f32", np.zeros((0, 3), np.float32))
            # In the newer form, many names stand in a heap that is not read.
            for number in range(40):
                if version is None:
                    add(f"many/{number}", "f32", values + number)
                else:
                    file.create_dataset(f"many/{number}", data=values)
            file.create_dataset("chunked", data=values, chunks=(2, 6), compression="gzip")
            file.create_dataset("note", data="a text")
            file.create_dataset("optimizer_weights/iterations", data=3)
        EXPECTED[f"keras/{name}.h5"] = expected(meant, unread={"chunked": [4, 6]} | ({"many": None} if version else {}),
                                                left_out=2)


def flax_files():
    random = np.random.default_rng(6)
    normal = lambda *shape: random.standard_normal(shape).astype(np.float32)
    params = {"Dense_0": {"kernel": normal(6, 4), "bias": normal(4)},
              "Dense_1": {"kernel": jnp.asarray(normal(4, 3), jnp.bfloat16)}}
    state = {"params": params, "batch_stats": {"mean": normal(4)}, "step": 12,
             "opt_state": {"0": {"mu": params, "nu": params}}, "counts": np.arange(3), "complex": normal(2) * 1j}
    place("flax/state.msgpack").write_bytes(flax.serialization.msgpack_serialize(state))
    meant = {
        "params/Dense_0/kernel": ("f32", params["Dense_0"]["kernel"]),
        "params/Dense_0/bias": ("f32", params["Dense_0"]["bias"]),
        "params/Dense_1/kernel": ("bf16", np.asarray(params["Dense_1"]["kernel"], np.float32)),
        "batch_stats/mean": ("f32", state["batch_stats"]["mean"]),
        "counts": ("i64", state["counts"]),
    }
    EXPECTED["flax/state.msgpack"] = expected(meant, unread={"complex": [2]}, left_out=1, buffers=["batch_stats/mean"],
                                              step=12)
    # As arrays of more than a gibibyte are written.
    flax.serialization.MAX_CHUNK_SIZE = 64
    large = {"embedding": normal(7, 5), "kernel": normal(2, 2)}
    place("flax/chunked.msgpack").write_bytes(flax.serialization.msgpack_serialize(large))
    EXPECTED["flax/chunked.msgpack"] = expected({name: ("f32", value) for name, value in large.items()})


def main():
    models()
    plain()
    flax_files()
    (ROOT / "expected_keras.json").write_text(json.dumps(EXPECTED, indent=1) + "\n")


main()
