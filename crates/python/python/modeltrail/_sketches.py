"""Sketches: a few kilobytes that stand for the weights of a checkpoint."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Iterator, List, Tuple, Union

import numpy as np

from . import _modeltrail
from ._answers import Answer
from ._errors import ExistsError, ReadError, UsageError

_SCHEMA = "modeltrail.sketches/2"
_READ = (_SCHEMA, "modeltrail.sketches/1")


class Sketch:
    """The sketch of one checkpoint: distances between sketches are those between the weights, to 2.2 %.

    It pickles, so that another process or machine can make it. Everything that takes checkpoints takes
    sketches.
    """

    __slots__ = ("_kept",)

    def __init__(self, kept: "_modeltrail.Kept") -> None:
        self._kept = kept

    @property
    def name(self) -> str:
        """What the checkpoint was called."""
        return self._kept.name

    @property
    def values(self) -> np.ndarray:
        """The numbers of the sketch, f32 of shape (dimensions,)."""
        return np.array(self._kept.values, np.float32)

    def renamed(self, name: str) -> "Sketch":
        """The same sketch under another name."""
        return Sketch(self._kept.renamed(name))

    def to_dict(self) -> Dict[str, Any]:
        """As a file of sketches holds it."""
        found: Dict[str, Any] = json.loads(self._kept.to_json())
        return found

    @classmethod
    def from_dict(cls, kept: Dict[str, Any]) -> "Sketch":
        """The sketch that :meth:`to_dict` gave."""
        return cls(_modeltrail.Kept.from_json(json.dumps(kept)))

    def __reduce__(self) -> Tuple[Any, ...]:
        return _unpickled, (self._kept.to_json(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sketch) and self._kept.to_json() == other._kept.to_json()

    def __hash__(self) -> int:
        return hash(self._kept.to_json())

    def __repr__(self) -> str:
        return f"Sketch({self.name!r})"


def _unpickled(text: str) -> Sketch:
    return Sketch(_modeltrail.Kept.from_json(text))


class Sketches(Answer):
    """Several sketches, and what was skipped when they were made. A list of :class:`Sketch`."""

    def __init__(self, answer: Any, kept: List["_modeltrail.Kept"]) -> None:
        super().__init__(answer)
        self._sketches = [Sketch(one) for one in kept]

    def __len__(self) -> int:
        return len(self._sketches)

    def __iter__(self) -> Iterator[Sketch]:
        return iter(self._sketches)

    def __getitem__(self, place: Any) -> Any:
        return self._sketches[place]

    def records(self) -> List[Dict[str, Any]]:
        return [{"checkpoint": one.name} for one in self._sketches]

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Writes a file of sketches, which `load_sketches` and the command read; it must not exist."""
        save(self._sketches, path)


def save(sketches: Any, path: Union[str, "os.PathLike[str]"]) -> None:
    """Writes sketches into one new file, whole or not at all."""
    path = os.fspath(path)
    if os.path.exists(path):
        raise ExistsError(f"{path} exists: name a new file", "exists", path)
    text = json.dumps(
        {"schema": _SCHEMA, "checkpoints": [one.to_dict() for one in sketches]}, separators=(",", ":")
    )
    part = f"{path}.{os.getpid()}.part"
    with open(part, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def load_sketches(path: Union[str, "os.PathLike[str]"]) -> List[Sketch]:
    """The sketches of a file that `modeltrail sketch`, `sketch(…, out=…)` or a callback wrote."""
    path = os.fspath(path)
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError) as error:
        raise ReadError(f"{path} is no file of sketches ({error})", "unsuitable", path) from error
    if not isinstance(found, dict) or found.get("schema") not in _READ:
        raise UsageError(f"{path} is no file of sketches: make one with modeltrail.sketch(…, out=…)")
    return [Sketch.from_dict(kept) for kept in found.get("checkpoints", [])]
