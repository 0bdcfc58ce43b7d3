"""Lays the 16 models that torchani 0.9 ships out as files, under names that say nothing.

    pip download --no-deps torchani==0.9 --dest wheels
    python examples/families/torchani.py wheels/torchani-0.9-py3-none-any.whl models
    modeltrail runs models

Eight networks were trained on the ANI-1x data, and each was trained on further on ANI-1ccx. The package
says so by its folders; the files that this writes are named by a hash, and `models/truth.txt` keeps which
is which. Needs NumPy. The weights are torchani's, under the licence that its package names.
"""

import argparse
import hashlib
import pathlib
import zipfile

import numpy

ROOT = "torchani/resources"
FAMILIES = ("ani-1x_8x", "ani-1ccx_8x")

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("wheel", type=pathlib.Path)
parser.add_argument("out", type=pathlib.Path)
asked = parser.parse_args()

asked.out.mkdir(parents=True, exist_ok=True)
truth = []
with zipfile.ZipFile(asked.wheel) as wheel:
    names = wheel.namelist()
    for family in FAMILIES:
        for number in range(8):
            folder = f"{ROOT}/{family}/train{number}/networks/"
            tensors = {}
            sizes = {}
            for name in sorted(names):
                if name.startswith(folder) and name.endswith((".wparam", ".bparam")):
                    values = numpy.frombuffer(wheel.read(name), "<f4")
                    tensors[pathlib.PurePosixPath(name).name] = values
                    sizes[name] = values.size
            # A layer's weights are as many as its biases times its inputs.
            for name in [name for name in tensors if name.endswith(".wparam")]:
                outputs = tensors[name.replace(".wparam", ".bparam")].size
                tensors[name] = tensors[name].reshape(outputs, -1)
            own = hashlib.sha256(f"{family}/{number}".encode()).hexdigest()[:8]
            numpy.savez(asked.out / f"{own}.npz", **tensors)
            truth.append(f"{own} {family}/train{number}")
(asked.out / "truth.txt").write_text("\n".join(sorted(truth)) + "\n")
print(f"{len(truth)} models in {asked.out}")
