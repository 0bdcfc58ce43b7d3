"""Sketches a large sharded model, beside a memory copy and a Python loop over the same files.

    pip install torch safetensors numpy
    python examples/large_model.py DIR [--gigabytes 8] [--rounds 3] [--modeltrail target/release/modeltrail]

DIR gets a bf16 model of random weights in four shards with their index, as Hugging Face writes it,
unless it holds one already. Every round reads it once in each way, one thread each, from the page
cache if memory is large enough.
"""

import argparse
import json
import os
import resource
import subprocess
import time
from pathlib import Path

# A child's peak memory counts its parent's at the fork: the parent imports nothing large.

SHARDS, LAYERS, ROWS = 4, 32, 4096


def write_model(folder: Path, gigabytes: float) -> None:
    import torch
    from safetensors.torch import save_file

    columns = int(gigabytes * 1e9 / 2 / LAYERS / 2 / ROWS)
    where = {}
    for shard in range(SHARDS):
        file = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
        tensors = {
            f"model.layers.{layer}.{part}.weight": torch.randn(ROWS, columns, dtype=torch.bfloat16)
            for layer in range(shard, LAYERS, SHARDS)
            for part in ("attention", "feed_forward")
        }
        save_file(tensors, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(tensors, file)
    index = {"metadata": {}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def memory_copy() -> None:
    import numpy

    source = numpy.ones(10**9, dtype=numpy.uint8)
    target = numpy.zeros_like(source)
    start = time.perf_counter(), time.process_time()
    numpy.copyto(target, source)
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    print(f"{'memory copy, bytes read':28}{1 / wall:10.2f}{1 / cpu:10.2f}", flush=True)


def python_loop(folder: Path) -> None:
    import numpy
    import torch
    from safetensors import safe_open

    torch.set_num_threads(1)
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():
                weights = tensors.get_tensor(name).float().numpy().ravel()
                numpy.dot(weights, weights)


def in_a_process(work) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak memory in MiB of a child that does the work."""
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    assert status == 0, "the child failed"
    wall = time.perf_counter() - start
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--modeltrail", default="modeltrail")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if not (options.folder / "model.safetensors.index.json").exists():
        in_a_process(lambda: write_model(options.folder, options.gigabytes))
    size = sum(file.stat().st_size for file in options.folder.glob("*.safetensors")) / 1e9

    def modeltrail() -> None:
        sketch = options.folder / "sketch.json"
        sketch.unlink(missing_ok=True)
        os.environ["RAYON_NUM_THREADS"] = "1"
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.execvp(options.modeltrail, [options.modeltrail, "sketch", options.folder, "--out", sketch])

    print(f"{'':28}{'wall GB/s':>10}{'CPU GB/s':>10}{'peak MiB':>10}", flush=True)
    for _ in range(options.rounds):
        in_a_process(memory_copy)
        for name, work in [
            ("modeltrail sketch", modeltrail),
            ("safetensors + torch + NumPy", lambda: python_loop(options.folder)),
        ]:
            wall, cpu, peak = in_a_process(work)
            print(f"{name:28}{size / wall:10.2f}{size / cpu:10.2f}{peak:10.0f}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
