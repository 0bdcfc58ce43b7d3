"""The data sets of this project, as NumPy arrays; the format is in datasets/README.md."""

import pathlib

import numpy
import zstandard

DATASETS = pathlib.Path(__file__).resolve().parent.parent / "datasets"


def load(name="mnist14"):
    """Training images (n, 196) as float32 from 0 to 1, and their labels (n,) as int64."""
    data = (DATASETS / f"{name}.images").read_bytes()
    assert data[:8] == b"IMAGES1\n", "not a file of images"
    start = 41 + data[40]
    count = int.from_bytes(data[start : start + 4], "little")
    body = zstandard.ZstdDecompressor().decompressobj().decompress(data[start + 8 :])
    pixels = numpy.frombuffer(body, numpy.uint8, 196 * count).reshape(count, 196)
    labels = numpy.frombuffer(body, numpy.uint8, count, 196 * count)
    return pixels.astype(numpy.float32) / 255, labels.astype(numpy.int64)


def rotated(images):
    """The same images, turned by a quarter."""
    turned = numpy.rot90(images.reshape(-1, 14, 14), axes=(1, 2))
    return numpy.ascontiguousarray(turned).reshape(-1, 196)
