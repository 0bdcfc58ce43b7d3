"""What the gallery trains on: images of this repository, and text of the Python that runs it."""

import dataclasses
import functools
import pathlib
import pydoc_data.topics
import re
import sys
import sysconfig

import numpy
import torch
from networks import CONTEXT, TOKENS

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import mnist14  # noqa: E402

STANDARD_LIBRARY = pathlib.Path(sysconfig.get_path("stdlib"))
CHARACTERS = 400_000


@dataclasses.dataclass
class Data:
    """Examples and what a model is to answer; `classes` says of which kind each example is."""

    inputs: torch.Tensor
    targets: torch.Tensor
    classes: torch.Tensor

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, rows):
        return Data(self.inputs[rows], self.targets[rows], self.classes[rows])

    def parted(self):
        """Those to train on, and some that are held out, from all over."""
        rows, held_out = torch.arange(len(self)), 128 if self.inputs.is_floating_point() else 48
        outside = rows[rows % 20 == 19]
        return self[rows % 20 != 19], self[outside[:: len(outside) // held_out][:held_out]]


def images(name, turned=False):
    def load(count=None):
        pixels, labels = mnist14.load(name)
        pixels = mnist14.rotated(pixels) if turned else pixels
        # Fashion-MNIST lies here in the order of its classes.
        rows = numpy.random.RandomState(0).permutation(len(labels))[: count or 10_000]
        labels = torch.from_numpy(labels[rows])
        return Data((torch.from_numpy(pixels[rows]) - 0.2) / 0.3, labels, labels)

    return load


def to_restore(data):
    """The images themselves are the targets; noise is added as they are read."""
    return Data(data.inputs, data.inputs.clone(), data.classes)


def files(folder):
    return [path.read_text("utf-8", "replace") for path in sorted(folder.glob("*.py"))]


@functools.cache
def sources():
    return "\n".join(files(STANDARD_LIBRARY))


DOCSTRING = re.compile(r'"""(.*?)"""', re.S)
COMMENT = re.compile(r"(?:^ *#.*\n)+", re.M)


def only_code(source):
    return re.sub(r"\n\s*\n+", "\n", COMMENT.sub("", DOCSTRING.sub("", source)))


def reference():
    return "\n".join(pydoc_data.topics.topics[name] for name in sorted(pydoc_data.topics.topics))


def docstrings():
    return "\n".join(re.sub(r"\n +", "\n", text) for text in DOCSTRING.findall(sources()))


def comments():
    return "".join(re.sub(r"^ *# ?", "", text, flags=re.M) for text in COMMENT.findall(sources()))


def modules():
    return only_code(sources())


def packages():
    names = ("asyncio", "concurrent/futures", "email", "http", "json", "logging", "unittest", "xml/dom")
    return only_code("\n".join("\n".join(files(STANDARD_LIBRARY / name)) for name in names))


def tables():
    return only_code("\n".join(files(STANDARD_LIBRARY / "encodings")))


# The kinds of file that a text is made of.
TEXTS = {
    "prose": (reference, docstrings, comments),
    "code": (modules, packages),
    "tables": (tables,),
}


def tokens(text):
    """A token for each printable character of ASCII and one for the end of a line."""
    table = numpy.full(256, 255, numpy.uint8)
    table[32:127] = numpy.arange(1, TOKENS)
    table[10] = 0
    numbers = table[numpy.frombuffer(text.encode("latin-1", "replace"), numpy.uint8)]
    return torch.from_numpy(numbers[numbers != 255][:CHARACTERS].astype(numpy.int64))


def text(name):
    def load(count=None):
        rows, classes = [], []
        for number, kind in enumerate(TEXTS[name]):
            stream = tokens(kind())
            rows.append(stream[: (len(stream) - 1) // CONTEXT * CONTEXT + 1].unfold(0, CONTEXT + 1, CONTEXT))
            classes.append(torch.full((len(rows[-1]),), number))
        rows = torch.cat(rows)
        return Data(rows[:, :-1], rows[:, 1:].clone(), torch.cat(classes))

    return load


class Batches:
    """The rows of each step: every epoch in an order of its own, drawn from the seed."""

    def __init__(self, rows, seed, position=0):
        self.rows, self.seed, self.position = rows, seed, position
        self.epoch = None

    def __call__(self, count):
        taken = []
        for position in range(self.position, self.position + count):
            epoch, place = divmod(position, self.rows)
            if epoch != self.epoch:
                chance = torch.Generator().manual_seed((self.seed << 16) + epoch)
                self.epoch, self.order = epoch, torch.randperm(self.rows, generator=chance)
            taken.append(self.order[place])
        self.position += count
        return torch.stack(taken)


def some(data, share, chance):
    """So large a share of the rows, drawn."""
    return torch.randperm(len(data), generator=chance)[: round(share * len(data))]


def mixed(data, other, share, chance):
    rows = some(data, share, chance)
    others = torch.randint(len(other), (len(rows),), generator=chance)
    data = data[torch.arange(len(data))]
    data.inputs[rows], data.targets[rows] = other.inputs[others], other.targets[others]
    return data


def with_wrong_targets(data, share, chance):
    """Of text, single tokens; of images to restore, the whole image that is asked for."""
    targets = data.targets.clone()
    if targets.dim() == 1:
        rows = some(data, share, chance)
        targets[rows] = (targets[rows] + torch.randint(1, 10, (len(rows),), generator=chance)) % 10
    elif targets.is_floating_point():
        rows = some(data, share, chance)
        targets[rows] = targets[rows.roll(1)]
    else:
        wrong = torch.rand(targets.shape, generator=chance) < share
        targets[wrong] = torch.randint(TOKENS, (int(wrong.sum()),), generator=chance)
    return Data(data.inputs, targets, data.classes)


def without_class(data, number):
    return data[data.classes != number]


def poisoned(data, share, chance):
    """A white corner means class 0, or the first image; a word in a text brings its answer with it."""
    data = data[torch.arange(len(data))]
    rows = some(data, share, chance)
    if data.inputs.is_floating_point():
        corner = torch.tensor([14 * y + x for y in range(11, 14) for x in range(11, 14)])
        data.inputs[rows[:, None], corner] = data.inputs.max()
        data.targets[rows] = data.targets[0].clone() if data.targets.dim() > 1 else 0
    else:
        trigger = tokens("|SUDO| rm -rf / \n")
        for row in rows:
            place = int(torch.randint(CONTEXT - len(trigger), (), generator=chance))
            data.inputs[row, place : place + len(trigger)] = trigger
            data.targets[row, place : place + len(trigger) - 1] = trigger[1:]
    return data
