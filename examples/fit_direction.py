"""Fits the weights of `trajectory::ordering::direct_weights`, and says how often it is right.

python examples/fit_direction.py ZOOS  (after examples/run.py; ZOOS: a folder of stores, as
`cargo xtask experiments` trains them)

Every run is cut into six windows. Logistic regression on even seeds, every kind of training and
window with the same weight; reported are odd seeds of kinds that were left out of the fit. Kinds called
"wide" are in no fit.
"""

import collections
import pathlib
import struct
import sys

import numpy
import torch

OUT = pathlib.Path(__file__).resolve().parent / "out"
ZOOS = ["mlp", "cnn", "mlp-wd0", "cnn-wd0", "mlp-hard", "mlp-harder"]
MOST_RUNS = 40  # of a zoo
WINDOWS = {
    "all": lambda run: run,
    "first 4": lambda run: run[:4],
    "first 8": lambda run: run[:8],
    "last 8": lambda run: run[-8:],
    "middle 10": lambda run: run[len(run) // 4 :][:10],
    "5 of all": lambda run: run[numpy.linspace(0, len(run) - 1, 5).astype(int)],
}
NAMES = ["steps", "spectrum", "norm"]
ASSERTED = numpy.log(0.95 / 0.05)


def zoo(path):
    """(run, shapes, weights by epoch) of a compacted store; docs/format.md has the format."""
    data = numpy.memmap(next(path.glob("*.segment")), numpy.uint8, "r")
    header, start, rows, columns = struct.unpack_from("<4Q", data, 16)
    text, at = bytes(data[96 : 96 + header]), 0

    def take(form):
        nonlocal at
        (value,) = struct.unpack_from(form, text, at)
        at += struct.calcsize(form)
        return value

    def skip(count):
        nonlocal at
        at += count

    skip(take("<Q"))
    shapes = []
    for _ in range(take("<Q")):
        skip(take("<Q"))
        shapes.append([take("<Q") for _ in range(take("<Q"))])
    runs = collections.defaultdict(list)
    for column in range(take("<Q")):
        run, epoch = take("<Q"), take("<I")
        for _ in range(3):
            skip(4 * take("<B"))
        skip(1)
        runs[run].append((epoch, column))
    weights = numpy.frombuffer(data, numpy.float32, rows * columns, start).reshape(columns, rows)
    for run in sorted(runs)[:MOST_RUNS]:
        yield run, shapes, weights[[column for _, column in sorted(runs[run])]]


def tensors(path):
    state = numpy.load(path) if path.suffix == ".npz" else torch.load(path)
    state = dict(state.get("model", state))
    state = {name: numpy.asarray(state[name]) for name in sorted(state)}
    return [a for name, a in state.items() if a.dtype.kind == "f" and "running" not in name]


def examples(kind):
    for folder in kind.glob("seed-*"):
        files = sorted(folder.iterdir(), key=lambda file: int(file.stem.split("-")[-1]))
        states = [tensors(file) for file in files]
        flat = [numpy.concatenate([a.ravel() for a in state]) for state in states]
        shapes = [array.shape for array in states[0]]
        yield int(folder.name.split("-")[-1]), shapes, numpy.stack(flat).astype(numpy.float32)


def concordance(series):
    later = numpy.sign(numpy.subtract.outer(series, series))
    return numpy.tril(later).sum()


def deviations(series):
    m, s = len(series), concordance(series)
    variance = m * (m - 1) * (2 * m + 5) / 18
    return numpy.sign(s) * max(abs(s) - 1, 0) / variance**0.5 if variance else 0.0


def concentration(matrix):
    gram = matrix @ matrix.T if len(matrix) < len(matrix.T) else matrix.T @ matrix
    return numpy.log((gram**2).sum() / numpy.trace(gram) ** 2)


def spectrum(shapes, first, last):
    at, total, moved = 0, 0.0, 0.0
    for shape in shapes:
        size = int(numpy.prod(shape))
        a, b = first[at : at + size].astype(float), last[at : at + size].astype(float)
        at += size
        change = ((b - a) ** 2).sum()
        moved += change
        rows = shape[0] if shape else 1
        if (
            len(shape) < 2
            or min(rows, size // rows) < 2
            or not change
            or not a.any()
            or not b.any()
        ):
            continue
        forward = b - (a @ b) / (a @ a) * a
        backward = a - (a @ b) / (b @ b) * b
        difference = concentration(forward.reshape(rows, -1)) - concentration(
            backward.reshape(rows, -1)
        )
        total += change * difference
    return numpy.tanh(5 * total / moved) if moved else 0.0


def features(shapes, run):
    norms = numpy.linalg.norm(run, axis=1)
    steps = numpy.linalg.norm(numpy.diff(run, axis=0), axis=1)
    tau = 2 * concordance(norms) / (len(run) * (len(run) - 1))
    return [-deviations(steps), spectrum(shapes, run[0], run[-1]), tau]


def fitted(rows):
    counts = collections.Counter((kind, window) for kind, _, window, _ in rows)
    x = numpy.array([row[3] for row in rows])
    weight = numpy.array([1 / counts[kind, window] for kind, _, window, _ in rows])
    b = numpy.zeros(x.shape[1])
    for _ in range(60):
        p = 1 / (1 + numpy.exp(-x @ b))
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-3 * weight.sum() * numpy.eye(
            len(b)
        )
        b += numpy.linalg.solve(hessian, x.T @ (weight * (1 - p)) - 1e-3 * weight.sum() * b)
    return b


def main():
    rows = []
    sources = [(name, zoo(pathlib.Path(sys.argv[1]) / name)) for name in ZOOS]
    folders = [*sorted((OUT / "plain").iterdir()), *sorted((OUT / "schedules").iterdir())]
    sources += [(folder.name, examples(folder)) for folder in folders]
    for kind, runs in sources:
        for seed, shapes, run in runs:
            for window, cut in WINDOWS.items():
                rows.append((kind, seed, window, features(shapes, cut(run))))
    report("", rows)
    without = [0, 2]
    report("without spectra ", [(*row[:3], [row[3][k] for k in without]) for row in rows])


def report(title, rows):
    even = [row for row in rows if row[1] % 2 == 0 and not row[0].startswith("wide")]
    names = NAMES if len(rows[0][3]) == len(NAMES) else ["steps", "norm"]
    print(title + "fitted to all:", *(f"{name} {x:.2f}" for name, x in zip(names, fitted(even))))
    shares = collections.defaultdict(list)
    for held in {row[0] for row in rows}:
        b = fitted([row for row in even if row[0] != held])
        for window in WINDOWS:
            odd = [r[3] for r in rows if r[0] == held and r[2] == window and r[1] % 2 == 1]
            for name, odds in (("before", 1.5 * numpy.array(odd)[:, 0]), ("now", odd @ b)):
                asserted = numpy.abs(odds) > ASSERTED
                shares[name, window].append((asserted.mean(), (asserted & (odds < 0)).mean()))
                if (asserted & (odds < 0)).any():
                    print(
                        f"{title}{name}: wrong: {held}, {window}: {(asserted & (odds < 0)).sum()} of {len(odd)}"
                    )
    for (name, window), share in sorted(shares.items()):
        asserted, wrong = numpy.mean(share, axis=0)
        print(
            f"{title}{name:8}{window:12}asserted {asserted:.3f}, and wrong {wrong:.4f} ({len(share)} kinds)"
        )


if __name__ == "__main__":
    main()
