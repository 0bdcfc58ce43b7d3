"""Measures what a look at the weights costs in each trainer: results/python/.

    pip install ./crates/python torch transformers accelerate lightning keras
    python examples/python/measure_callbacks.py results/python

A small GPT learns random tokens on the processor, once with the callback and once without, each in a process
of its own. A look every 5 steps gives a sample; what is reported is the cost of one look per 100 steps. One thread
trains and looks.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

TRAINERS = ["transformers", "lightning", "keras"]
# Width, layers, vocabulary: what is small enough is followed by its weights, the other by sketches.
SIZES = {"small": (128, 4, 1000), "larger": (320, 4, 4000)}
EVERY, LENGTH, BATCH = 5, 64, 8


def clock():
    """What is called after each step; the times are in its list."""
    times = []
    return times, lambda: times.append(time.perf_counter())


def gpt(size):
    """A GPT of PyTorch, as a function of tokens and labels."""
    import transformers

    width, layers, vocabulary = SIZES[size]
    transformers.set_seed(0)
    config = transformers.GPT2Config(
        vocab_size=vocabulary, n_positions=LENGTH, n_embd=width, n_layer=layers, n_head=width // 32
    )
    return transformers.GPT2LMHeadModel(config)


def tokens(size, count):
    import numpy as np

    return np.random.default_rng(0).integers(0, SIZES[size][2], (count, LENGTH))


def with_transformers(size, steps, callback, work):
    import transformers

    times, tick = clock()

    class Clock(transformers.TrainerCallback):
        def on_step_begin(self, *args, **kwargs):
            tick()

    data = [{"input_ids": row, "labels": row} for row in tokens(size, BATCH * steps)]
    args = transformers.TrainingArguments(
        output_dir=str(work), max_steps=steps, per_device_train_batch_size=BATCH, save_strategy="no", report_to="none",
        logging_steps=10**6, disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    model = gpt(size)
    callbacks = [Clock(), *callback("transformers")]
    transformers.Trainer(model, args, train_dataset=data, callbacks=callbacks).train()
    return times, model.num_parameters(), callbacks[1:]


def with_lightning(size, steps, callback, work):
    import lightning
    import torch

    times, tick = clock()

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = gpt(size)

        def training_step(self, batch, _):
            return self.net(input_ids=batch[0], labels=batch[0]).loss

        def on_train_batch_start(self, *_):
            tick()

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=1e-4)

    data = torch.utils.data.TensorDataset(torch.tensor(tokens(size, BATCH * steps)))
    model, callbacks = Net(), callback("lightning")
    lightning.Trainer(
        max_steps=steps, callbacks=callbacks, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accelerator="cpu", default_root_dir=work,
    ).fit(model, torch.utils.data.DataLoader(data, batch_size=BATCH))  # fmt: skip
    return times, model.net.num_parameters(), callbacks


def with_keras(size, steps, callback, work):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import numpy as np

    width, layers, vocabulary = SIZES[size]
    keras.utils.set_random_seed(0)
    inputs = keras.Input((LENGTH,), dtype="int32")
    x = keras.layers.Embedding(vocabulary, width)(inputs)
    positions = np.arange(LENGTH, dtype="int32")
    x = x + keras.layers.Embedding(LENGTH, width)(inputs * 0 + positions)
    for _ in range(layers):
        y = keras.layers.LayerNormalization()(x)
        x = x + keras.layers.MultiHeadAttention(width // 32, 32)(y, y, use_causal_mask=True)
        y = keras.layers.LayerNormalization()(x)
        x = x + keras.layers.Dense(width)(keras.layers.Dense(4 * width, activation="gelu")(y))
    model = keras.Model(inputs, keras.layers.Dense(vocabulary)(x))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    times, tick = clock()

    class Clock(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            tick()

    data, callbacks = tokens(size, BATCH * steps), [Clock(), *callback("keras")]
    model.fit(data, data, batch_size=BATCH, epochs=1, verbose=0, callbacks=callbacks)
    return times, model.count_params(), callbacks[1:]


def one(trainer, size, steps, is_watched, work):
    """One training in this process."""
    def callback(name):
        if not is_watched:
            return []
        return [importlib.import_module(f"modeltrail.{name}").Callback(every=EVERY, sketches=False)]

    times, parameters, callbacks = globals()[f"with_{trainer}"](size, steps, callback, work)
    between = [b - a for a, b in zip(times, times[1:])]
    # Steps between which no look lies.
    plain = [seconds for step, seconds in enumerate(between, 1) if step % EVERY and step > 5]
    looks = callbacks[0].seconds if callbacks else []
    found = {
        "parameters": parameters,
        "step_seconds": plain,
        "look_seconds": looks,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "sketched": bool(callbacks) and callbacks[0]._following.watch.is_sketched,
    }
    print(json.dumps(found))


def asked(trainer, size, steps, is_watched, work):
    line = [sys.executable, __file__, str(work), "--one", trainer, "--size", size, "--steps", str(steps)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    line += ["--watched"] if is_watched else []
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=one_thread)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def row(trainer, size, steps, work):
    """Both trainings, and what follows from them."""
    with_looks, without = (asked(trainer, size, steps, is_watched, work) for is_watched in (True, False))
    step = statistics.median(without["step_seconds"])
    # The first looks have fewer steps behind them and are cheaper.
    looks = with_looks["look_seconds"][10:]
    look = statistics.median(looks)
    return {
        "trainer": trainer,
        "parameters": with_looks["parameters"],
        "followed_by": "sketches" if with_looks["sketched"] else "weights",
        "step_seconds": step,
        "look_seconds": look,
        "look_seconds_largest": max(looks),
        "looks": len(looks),
        "share_at_one_look_per_100_steps": look / (100 * step),
        "peak_bytes_more": with_looks["peak_bytes"] - without["peak_bytes"],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--one", choices=TRAINERS)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--only", help="such as keras-small,transformers-larger: other rows stay")
    parser.add_argument("--watched", action="store_true")
    given = parser.parse_args()
    if given.one:
        return one(given.one, given.size, given.steps, given.watched, given.out / "work")
    kept = given.out / "callbacks.json"
    rows = json.loads(kept.read_text())["rows"] if kept.exists() else []
    for trainer, size in [*((trainer, "small") for trainer in TRAINERS), ("transformers", "larger")]:
        if given.only and f"{trainer}-{size}" not in given.only.split(","):
            continue
        new = row(trainer, size, given.steps, given.out)
        print(json.dumps(new), file=sys.stderr)
        is_same = lambda one: (one["trainer"], one["parameters"]) == (new["trainer"], new["parameters"])  # noqa: E731, B023
        rows = [one for one in rows if not is_same(one)] + [new]
        write(rows, given.out)


def write(rows, out):
    """The table, and what it is made of."""
    machine = f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, no GPU"
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "lightning", "keras")}
    document = {"machine": machine, "python": platform.python_version(), "versions": versions, "rows": rows}
    (out / "callbacks.json").write_text(json.dumps(document, indent=1) + "\n")
    lines = [
        "# What a look costs",
        "",
        f"A small GPT, {BATCH} x {LENGTH} random tokens a step, by one thread of a processor that others use too",
        f"({machine}); made by",
        "`python examples/python/measure_callbacks.py results/python`. A look is the median of so many, after",
        "the tenth; share is that of the training's time at one look per 100 steps; memory is how much higher",
        "the peak of the process is than without the callback (two processes, so that a few MB are chance).",
        "",
        "| trainer | weights | followed by | a step | a look (largest) | looks | share | memory |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for one_row in rows:
        lines.append(
            f"| {one_row['trainer']} | {one_row['parameters'] / 1e6:.1f} million | {one_row['followed_by']} "
            f"| {1e3 * one_row['step_seconds']:.0f} ms "
            f"| {1e3 * one_row['look_seconds']:.0f} ms ({1e3 * one_row['look_seconds_largest']:.0f}) "
            f"| {one_row['looks']} | {100 * one_row['share_at_one_look_per_100_steps']:.2f} % "
            f"| {one_row['peak_bytes_more'] / 1e6:+.0f} MB |"
        )
    described = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines += ["", f"Python {document['python']}, {described}.", ""]
    (out / "tables.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
