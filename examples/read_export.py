"""Reads what `modeltrail export` writes with the libraries that others use, and compares every bit.

python examples/read_export.py path/to/modeltrail
"""

import pathlib
import subprocess
import sys
import tempfile

import duckdb
import numpy
import polars
import pyarrow.parquet
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

HISTORY = pathlib.Path(__file__).resolve().parent / "checkpoints/finetune/history"
EPOCHS = range(1, 13)

saved = {epoch: torch.load(HISTORY / f"epoch-{epoch}.pt", weights_only=True) for epoch in EPOCHS}
names = list(saved[1])


def same(a, b):
    """Whether two arrays have the same shape and bits."""
    a, b = numpy.asarray(a), numpy.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype == numpy.float32 and a.tobytes() == b.tobytes()


def flat(epoch):
    """All weights of a checkpoint, as a table holds them."""
    return numpy.concatenate([saved[epoch][name].numpy().ravel() for name in names])


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    for out in ("npz", "safetensors", "table.parquet"):
        form = out.split(".")[-1]
        command = [sys.argv[1], "export", HISTORY, "--out", folder / out, "--format", form]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    for epoch in EPOCHS:
        arrays = numpy.load(folder / f"npz/epoch-{epoch}.npz")
        assert sorted(arrays.files) == sorted(names)
        assert all(same(arrays[name], saved[epoch][name]) for name in names)
    print(f"numpy {numpy.__version__}: {len(EPOCHS)} files, the same bits")

    for epoch in EPOCHS:
        path = folder / f"safetensors/epoch-{epoch}.safetensors"
        with safetensors.safe_open(path, "np") as file:
            assert file.metadata() == {"epoch": str(epoch), "format": "pt"}
        arrays = safetensors.numpy.load_file(path)
        tensors = safetensors.torch.load_file(path)
        assert arrays.keys() == tensors.keys() == saved[epoch].keys()
        assert all(same(arrays[name], saved[epoch][name]) for name in names)
        assert all(torch.equal(tensors[name], saved[epoch][name]) for name in names)
    print(f"safetensors {safetensors.__version__}: {len(EPOCHS)} files, the same bits, epochs in the metadata")

    layers = {"backbone": torch.nn.Linear(196, 16), "head": torch.nn.Linear(16, 10)}
    print(f"torch {torch.__version__.split('+')[0]}: {torch.nn.ModuleDict(layers).load_state_dict(tensors)}")

    table = folder / "table.parquet"
    rows = duckdb.sql(f"select name, epoch, run, step, weights from '{table}' order by epoch").fetchall()
    for epoch, row in zip(EPOCHS, rows, strict=True):
        assert row[:4] == (f"epoch-{epoch}.pt", epoch, None, None)
        assert same(numpy.array(row[4], dtype=numpy.float32), flat(epoch))
    print(f"duckdb {duckdb.__version__}: {len(rows)} rows, the same bits")
    print(
        duckdb.sql(
            f"""select epoch, round(sqrt(list_sum(list_transform(list_zip(weights, before),
                           lambda pair: (pair[1] - pair[2]) ** 2))), 4) as step_length
            from (select epoch, weights, lag(weights) over (order by epoch) as before from '{table}')
            where before is not null order by epoch limit 3"""
        )
    )

    frame = polars.read_parquet(table)
    assert frame.schema["weights"] == polars.List(polars.Float32) and frame.height == len(EPOCHS)
    weights = numpy.stack(frame.sort("epoch")["weights"].to_list())
    assert same(weights.astype(numpy.float32), numpy.stack([flat(epoch) for epoch in EPOCHS]))
    print(f"polars {polars.__version__}: {frame.height} rows, the same bits")
    print(", ".join(f"{name}: {kind}" for name, kind in frame.schema.items()))

    file = pyarrow.parquet.ParquetFile(table)
    column = file.read(["weights"])["weights"].combine_chunks()
    assert same(column.values.to_numpy(), numpy.concatenate([flat(epoch) for epoch in EPOCHS]))
    print(f"pyarrow {pyarrow.__version__}: {file.num_row_groups} row group, the same bits")
    print(file.schema_arrow.metadata[b"modeltrail.tensors"].decode())
