"""Writes the fixtures of the tests of foreign checkpoints, with the libraries that users have.

    pip install torch numpy ml_dtypes safetensors lightning
    python write_fixtures.py

Beside the files it writes `expected.json`: what each holds, as the library reads it back.
The Burn fixtures are written by the little program in `burn_fixtures`.
"""

import argparse
import json
import pathlib
import pickle
import shutil

import lightning
import ml_dtypes
import numpy as np
import safetensors.torch
import torch
import torch.distributed.checkpoint
from torch import nn
from torch.distributed.checkpoint import filesystem, metadata

ROOT = pathlib.Path(__file__).parent / "fixtures"
EXPECTED = {}
ELEMENTS = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16",
    torch.int64: "i64", torch.int32: "i32", torch.int16: "i16", torch.int8: "i8",
    torch.uint8: "u8", torch.uint16: "u16", torch.bool: "bool", torch.float8_e4m3fn: "f8_e4m3",
    torch.float8_e4m3fnuz: "f8_e4m3fnuz", torch.float8_e5m2: "f8_e5m2",
    torch.float8_e5m2fnuz: "f8_e5m2fnuz", torch.float8_e8m0fnu: "f8_e8m0",
    torch.complex64: "unread",
}


# What the package ml_dtypes adds to NumPy, and what it is called here.
ML_DTYPES = {
    "bfloat16": "bf16", "float8_e4m3fn": "f8_e4m3", "float8_e4m3fnuz": "f8_e4m3fnuz",
    "float8_e5m2": "f8_e5m2", "float8_e5m2fnuz": "f8_e5m2fnuz", "float8_e8m0fnu": "f8_e8m0",
}


def summary(values):
    """A sum that depends on the order, and the ends."""
    values = np.asarray(values, dtype=np.float32).astype(np.float64).ravel(order="C")
    weights = np.arange(len(values)) % 97 + 1.0
    return {
        "sum": float((values * weights).sum()),
        "first": float(values[0]) if len(values) else 0.0,
        "last": float(values[-1]) if len(values) else 0.0,
    }


def describe(value):
    """What a tensor or array should be read as."""
    if isinstance(value, np.ndarray) and value.dtype.name in ML_DTYPES:
        return {"shape": list(value.shape), "element": ML_DTYPES[value.dtype.name]} | summary(value)
    if isinstance(value, np.ndarray):
        kind = {"f": "f", "i": "i", "u": "u", "b": "bool", "c": "unread"}[value.dtype.kind]
        size = "" if kind in ("bool", "unread") else str(8 * value.dtype.itemsize)
        described = {"shape": list(value.shape), "element": kind + size}
        return described | (summary(value) if kind != "unread" else {})
    value = value.detach()
    described = {"shape": list(value.shape), "element": ELEMENTS[value.dtype]}
    if described["element"] == "unread":
        return described
    return described | summary(value.to(torch.float32).contiguous().numpy())


def expect(path, tensors, *, buffers=(), unread=(), left_out=0, run=None, epoch=None, step=None):
    described = {name: describe(value) for name, value in tensors.items()}
    shapes = {name: told["shape"] for name, told in described.items() if told["element"] == "unread"}
    EXPECTED[str(path)] = {
        "tensors": {
            name: describe(value) | {
                "role": "not float" if describe(value)["element"][0] not in "fb" or
                describe(value)["element"] == "bool"
                else "buffer" if name in buffers else "weight"
            }
            for name, value in tensors.items() if name not in shapes
        },
        "unread": shapes | (unread if isinstance(unread, dict) else dict.fromkeys(unread)),
        "left_out": left_out,
        "run": run,
        "epoch": epoch,
        "step": step,
    }


def place(path):
    path = ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU())
        self.head = nn.Linear(4, 3, bias=False)

    def forward(self, x):
        return self.head(self.body(x))


def trained(seed=0):
    """A small net after three steps of Adam, so that no tensor is as it began."""
    torch.manual_seed(seed)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    for _ in range(3):
        optimizer.zero_grad()
        net(torch.randn(8, 5)).square().sum().backward()
        optimizer.step()
        scheduler.step()
    return net, optimizer, scheduler


BUFFERS = ("body.1.running_mean", "body.1.running_var")


def write_torch():
    net, optimizer, scheduler = trained()
    state = net.state_dict()

    def save(path, value, expected=state, **keywords):
        options = {key: keywords.pop(key) for key in list(keywords)
                   if key in ("_use_new_zipfile_serialization", "pickle_protocol")}
        torch.save(value, place(path), **options)
        expect(path, expected, buffers=keywords.pop("buffers", BUFFERS), **keywords)

    save("torch/epoch_12.pt", state, epoch=12)
    save("torch/seed-3/legacy.pth", state, run="seed-3", _use_new_zipfile_serialization=False)
    save("torch/protocol4.bin", state, pickle_protocol=4)
    save("torch/wrong-extension.safetensors", state)
    training = {
        "epoch": 7, "global_step": 350, "optimizer": optimizer.state_dict(),
        "lr_scheduler": scheduler.state_dict(), "rng_state": torch.get_rng_state(),
        "loss": 0.25, "history": [0.1] * 50, "args": {"seed": 11, "lr": 0.01},
    }
    # The moments of Adam and the state of the generator.
    claims = {"run": "seed-11", "epoch": 7, "step": 350, "left_out": 2}
    for key in ("model", "state_dict", "model_state_dict", "module"):
        save(f"torch/nested/{key}.pt", {key: state} | training, **claims)
    save("torch/nested/legacy.pt", {"model": state} | training, **claims,
         _use_new_zipfile_serialization=False)
    save("torch/ddp.pt", {"module." + name: value for name, value in state.items()})
    save("torch/compiled.pt", torch.compile(net).state_dict())
    torch.save(net, place("torch/whole.pt"))
    expect("torch/whole.pt", state, buffers=BUFFERS)
    torch.jit.script(net.eval()).save(place("torch/script.pt"))
    expect("torch/script.pt", state, buffers=BUFFERS)
    two = {"generator": nn.Linear(2, 3).state_dict(), "critic": nn.Linear(3, 1).state_dict()}
    flat = {f"{part}.{name}": value for part, inner in two.items() for name, value in inner.items()}
    save("torch/two_models.pt", two | {"opt_g_optimizer": optimizer.state_dict()}, flat, left_out=1)
    save("torch/alone.pt", torch.arange(6.0).reshape(2, 3),
         {"alone": torch.arange(6.0).reshape(2, 3)})

    base = torch.randn(7, 6)
    shared = torch.randn(4, 3)
    odd = {
        "transposed": base.t(),
        "rows": base[2:5],
        "columns": base[:, 1:4],
        "stepped": base[::2, ::3],
        "permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
        "repeated": torch.randn(3, 1).expand(3, 4),
        "tied.a": shared,
        "tied.b": shared,
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": nn.Parameter(torch.randn(3)),
        "half": torch.randn(33).half(),
        "brain": torch.randn(33).bfloat16(),
        "double": torch.randn(33).double(),
        "long": torch.tensor([1, -2, 3]),
        "unsigned": torch.tensor([1, 65535], dtype=torch.uint16),
        "byte": torch.tensor([0, 255], dtype=torch.uint8),
        "flag": torch.tensor([True, False]),
        "eighth": torch.zeros(4, dtype=torch.float8_e4m3fn),
        "complex": torch.zeros(4, dtype=torch.complex64),
    }
    # Sparse tensors are not read.
    save("torch/odd.pt", odd | {"sparse": torch.eye(3).to_sparse()}, odd, unread=("sparse",))
    legacy = {name: value for name, value in odd.items() if name not in ("unsigned", "eighth")}
    save("torch/odd_legacy.pt", legacy, legacy, _use_new_zipfile_serialization=False)


def write_lightning():
    class Module(lightning.LightningModule):
        def __init__(self, width=4):
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.Linear(3, width)

        def training_step(self, batch, _):
            return self.net(batch[0]).square().sum()

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())

    torch.manual_seed(1)
    data = torch.utils.data.TensorDataset(torch.randn(16, 3))
    module = Module()
    trainer = lightning.Trainer(
        max_epochs=4, logger=False, accelerator="cpu", enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False)
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=4))
    # Its own callback would give this name, and store the path of the folder inside.
    path = "lightning_logs/version_2/checkpoints/epoch=3-step=16.ckpt"
    trainer.save_checkpoint(place(path))
    saved = torch.load(ROOT / path, weights_only=False)
    expect(path, module.state_dict(), run="version_2", epoch=saved["epoch"],
           step=saved["global_step"], left_out=1)


def write_safetensors():
    net, optimizer, scheduler = trained(1)
    state = {name: value.contiguous() for name, value in net.state_dict().items()}
    path = "run3/step=000100.safetensors"
    safetensors.torch.save_file(state, place(path))
    expect(path, state, buffers=BUFFERS, run="run3", step=100)
    path = "safetensors/wrong-extension.pt"
    safetensors.torch.save_file(state, place(path), metadata={"epoch": "9", "format": "pt"})
    expect(path, state, buffers=BUFFERS, epoch=9)
    odd = {
        "f64": torch.randn(3, 2).double(), "f32": torch.randn(3, 2), "f16": torch.randn(17).half(),
        "bf16": torch.randn(17).bfloat16(), "i64": torch.tensor([3, -4]),
        "i8": torch.tensor([3, -4], dtype=torch.int8), "u8": torch.tensor([3, 250], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]), "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 4), "f8": torch.zeros(3, dtype=torch.float8_e4m3fn),
    }
    safetensors.torch.save_file(odd, place("safetensors/odd.safetensors"))
    expect("safetensors/odd.safetensors", odd)

    # As Hugging Face's Trainer leaves its folders.
    folder = "hf/out/checkpoint-500"
    safetensors.torch.save_file(state, place(f"{folder}/model.safetensors"), metadata={"format": "pt"})
    expect(f"{folder}/model.safetensors", state, buffers=BUFFERS, epoch=2, step=500)
    torch.save(state, place(f"{folder}/pytorch_model.bin"))
    torch.save(optimizer.state_dict(), place(f"{folder}/optimizer.pt"))
    torch.save(scheduler.state_dict(), place(f"{folder}/scheduler.pt"))
    torch.save({"cpu": torch.get_rng_state()}, place(f"{folder}/rng_state.pth"))
    torch.save({"args": 1}, place(f"{folder}/training_args.bin"))
    place(f"{folder}/trainer_state.json").write_text('{"epoch": 2.0, "global_step": 500}')

    names = sorted(state)
    for folder, save, stem, extension in [
        ("hf/sharded", safetensors.torch.save_file, "model", "safetensors"),
        ("hf/sharded-bin/checkpoint-20", torch.save, "pytorch_model", "bin"),
    ]:
        parts = [names[:3], names[3:]]
        shards = [f"{stem}-{i + 1:05}-of-00002.{extension}" for i in range(2)]
        for shard, part in zip(shards, parts):
            save({name: state[name] for name in part}, place(f"{folder}/{shard}"))
        index = {
            "metadata": {"total_size": sum(v.numel() * v.element_size() for v in state.values())},
            "weight_map": {name: shard for shard, part in zip(shards, parts) for name in part},
        }
        path = f"{folder}/{stem}.{extension}.index.json"
        place(path).write_text(json.dumps(index, indent=2))
        expect(path, state, buffers=BUFFERS, step=20 if "20" in folder else None)


def write_numpy():
    rng = np.random.default_rng(2)
    arrays = {
        "params/Dense_0/kernel": rng.normal(size=(4, 3)).astype(np.float32),
        "params/Dense_0/bias": rng.normal(size=3),
        "half": rng.normal(size=9).astype(np.float16),
        "fortran": np.asfortranarray(rng.normal(size=(3, 4, 5)).astype(np.float32)),
        "big": rng.normal(size=(2, 3)).astype(">f4"),
        "big_fortran": np.asfortranarray(rng.normal(size=(2, 3)).astype(">f8")),
        "numbers": np.array([1, -2], dtype=np.int16),
        "flags": np.array([True, False]),
        "complex": np.zeros(2, dtype=np.complex64),
        "batch_stats/bn/mean": rng.normal(size=3).astype(np.float32),
    }
    others = {"opt_state/mu": np.zeros(3, np.float32), "names": np.array(["a", "b"]),
              "objects": np.array([{}], dtype=object)}
    listed = arrays | {"step": np.array(10)}
    np.savez(place("seed-7/model_0010.npz"), **listed, **others)
    expect("seed-7/model_0010.npz", listed, buffers=("batch_stats/bn/mean",), unread={"objects": [1]}, left_out=2,
           run="seed-7", step=10)
    large = {"w": (rng.integers(0, 4, size=(300, 301)) / 4).astype(np.float32)}
    np.savez_compressed(place("numpy/compressed.npz"), **arrays, **large)
    expect("numpy/compressed.npz", arrays | large, buffers=("batch_stats/bn/mean",))
    for name in ("fortran", "big", "half"):
        np.save(place(f"numpy/{name}.npy"), arrays[name])
        expect(f"numpy/{name}.npy", {"weights": arrays[name]})



def eight_bits():
    """Every code of every float of eight bits that is a finite number."""
    codes = torch.arange(256, dtype=torch.uint8)
    for dtype in (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2,
                  torch.float8_e5m2fnuz, torch.float8_e8m0fnu):
        values = codes.view(dtype)
        finite = values.to(torch.float32).isfinite()
        yield str(dtype).removeprefix("torch."), codes[finite].view(dtype)


def write_float8():
    values = dict(eight_bits())
    safetensors.torch.save_file(values, place("float8/all.safetensors"))
    expect("float8/all.safetensors", values)
    torch.save(values, place("float8/all.pt"))
    expect("float8/all.pt", values)
    brain = np.linspace(-3, 3, 35).astype(ml_dtypes.bfloat16).reshape(5, 7)
    eighth = np.ones(3, dtype=ml_dtypes.float8_e4m3fn)
    fifth = np.array([1.5, -0.25], dtype=ml_dtypes.float8_e5m2)
    np.savez(place("float8/brain.npz"), brain=brain, eighth=eighth, fifth=fifth)
    # Of the floats of eight bits NumPy keeps this one's name alone.
    expect("float8/brain.npz", {"brain": brain, "fifth": fifth}, unread={"eighth": [3]})
    np.save(place("float8/brain.npy"), brain)
    expect("float8/brain.npy", {"weights": brain})


def write_counters():
    state = {"weight": torch.arange(6.0).reshape(2, 3)}
    for name, epoch in (("numpy", np.int64(300)), ("tensor", torch.tensor(300)), ("float", 300.0)):
        path = f"counters/{name}.pt"
        torch.save({"epoch": epoch, "state_dict": state, "args": {"step": 7}}, place(path))
        expect(path, state, epoch=300)
    path = "counters/weights_5.pt"
    totals = argparse.Namespace(epochs=300, num_steps=100, step=9)
    torch.save({"state_dict": state, "args": totals}, place(path))
    expect(path, state, step=5)
    path = "counters/settings.pt"
    torch.save({"state_dict": state, "args": totals}, place(path))
    expect(path, state, step=9)


def distributed_state():
    values = torch.arange(35.0)
    return values.reshape(7, 5).bfloat16(), -values.reshape(5, 7)


def write_distributed():
    rows, columns = distributed_state()
    flat = {"layer.rows": rows, "layer.columns": columns, "scalar": torch.tensor(2.5)}
    folder = place("distributed/step-20/.metadata").parent
    torch.distributed.checkpoint.save(flat, checkpoint_id=folder, no_dist=True)
    expect("distributed/step-20", flat, step=20)
    folder = place("distributed/three/.metadata").parent
    write_parts(folder, {"rows": (rows, 0), "columns": (columns, 1)}, 3)
    # `columns` is cut along its second dimension.
    expect("distributed/three", {"rows": rows, "columns": columns})


def write_parts(folder, tensors, world):
    """Each tensor cut along a dimension, as so many processes would write their parts."""
    described, stored = {}, {}
    files = [open(folder / f"__{rank}_0.distcp", "wb") for rank in range(world)]
    for name, (value, dimension) in tensors.items():
        chunks, start = [], 0
        for rank, part in enumerate(value.chunk(world, dim=dimension)):
            offsets = torch.Size([start if d == dimension else 0 for d in range(value.dim())])
            start += part.shape[dimension]
            chunks.append(metadata.ChunkStorageMetadata(offsets=offsets, sizes=part.shape))
            begin = files[rank].tell()
            torch.save(part.clone(), files[rank])
            length = files[rank].tell() - begin
            stored[metadata.MetadataIndex(name, offsets)] = filesystem._StorageInfo(
                f"__{rank}_0.distcp", begin, length)
        described[name] = metadata.TensorStorageMetadata(
            metadata.TensorProperties(dtype=value.dtype), value.shape, chunks)
    for file in files:
        file.close()
    written = metadata.Metadata(described, storage_data=stored)
    (folder / ".metadata").write_bytes(pickle.dumps(written))


if __name__ == "__main__":
    for folder in ("torch", "lightning_logs", "safetensors", "run3", "hf", "seed-7", "numpy", "float8",
                   "counters", "distributed"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    write_torch()
    write_lightning()
    write_safetensors()
    write_numpy()
    write_float8()
    write_counters()
    write_distributed()
    text = json.dumps(EXPECTED, indent=1, sort_keys=True)
    place("expected.json").write_text(text + "\n")
