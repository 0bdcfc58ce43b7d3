"""Reads off the weights of neural networks which checkpoints belong to one training run, in which order they
came, what happened to them, and whose child a model is. No data, no forward pass.

>>> import modeltrail as mt
>>> runs = mt.runs("checkpoints/")        # or {"a": model.state_dict(), …}, networks, arrays, sketches
>>> runs[0].order                         # doctest: +SKIP

Everything that the command answers is a function here, and its answer is the command's JSON document
(`to_dict()`), text (`str()`), and a table in notebooks.
"""

import importlib
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from ._answers import (
        Answer,
        Audit,
        Diff,
        Gate,
        Hashes,
        Inspection,
        Lineage,
        Linkage,
        Order,
        Page,
        Record,
        Run,
        Runs,
        Tree,
        Umap,
    )
    from ._asked import Checkpoint
    from ._errors import (
        Error,
        ExistsError,
        InternalError,
        NotFiniteError,
        NothingToCompareError,
        ReadError,
        UnreadError,
        UsageError,
    )
    from ._matrices import Svd, svd
    from ._modeltrail import __version__
    from ._questions import audit, diff, gate, hash, inspect, lineage, linkage, order, report, runs, sketch, tree, umap
    from ._sketches import Sketch, Sketches, load_sketches
    from ._watch import Event, Watch, follow

# Loaded when they are asked for, so that the command starts without NumPy.
_PLACES = {
    "_answers": "Answer Audit Diff Gate Hashes Inspection Lineage Linkage Order Page Record Run Runs Tree Umap",
    "_asked": "Checkpoint",
    "_errors": (
        "Error ExistsError InternalError NotFiniteError NothingToCompareError ReadError UnreadError UsageError"
    ),
    "_matrices": "Svd svd",
    "_modeltrail": "__version__",
    "_questions": "audit diff gate hash inspect lineage linkage order report runs sketch tree umap",
    "_sketches": "Sketch Sketches load_sketches",
    "_watch": "Event Watch follow",
}
_NAMES = {name: module for module, names in _PLACES.items() for name in names.split()}

__all__ = [
    "Answer", "Audit", "Checkpoint", "Diff", "Error", "Event", "ExistsError", "Gate", "Hashes", "Inspection",
    "InternalError", "Lineage", "Linkage", "NotFiniteError", "NothingToCompareError", "Order", "Page", "ReadError",
    "Record", "Run", "Runs", "Sketch", "Sketches", "Svd", "Tree", "Umap", "UnreadError", "UsageError", "Watch",
    "__version__", "audit", "diff", "follow", "gate", "hash", "inspect", "lineage", "linkage", "load_sketches",
    "order", "report", "runs", "sketch", "svd", "tree", "umap",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    module = _NAMES.get(name)
    if module is None:
        raise AttributeError(f"module 'modeltrail' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted(__all__)
