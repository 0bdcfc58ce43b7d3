"""What is asked about: paths, and checkpoints in memory under names that paths can have."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from . import _modeltrail
from ._arrays import arrays_of, is_array, is_checkpoint
from ._errors import UsageError
from ._sketches import Sketch, Sketches

#: What may stand for checkpoints: paths and globs, networks and dictionaries of arrays, sketches, and
#: dictionaries and lists of these.
Checkpoints = Any
#: Bytes, or a text such as ``"2GiB"``.
Memory = Union[int, str]
#: How tensors are matched: ``"auto"``, ``"exact"``, a file of names, or a dictionary of names.
Map = Union[str, "os.PathLike[str]", Mapping[str, Union[str, Sequence[str]]]]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory, with what it claims to be.

    Parameters
    ----------
    model
        A network, or a dictionary of names and arrays.
    name
        What answers call it.
    step, epoch, run
        What it claims, to be compared with what its weights show.
    """

    model: Any
    name: Optional[str] = None
    step: Optional[int] = None
    epoch: Optional[int] = None
    run: Optional[str] = None


class Inputs:
    """Paths, with what lies in memory under some of them."""

    def __init__(self) -> None:
        self.held: Dict[str, Any] = {}
        self._kept: List[Any] = []

    def many(self, checkpoints: Checkpoints) -> List[str]:
        """The paths of one or several checkpoints."""
        if isinstance(checkpoints, Mapping) and not is_checkpoint(checkpoints):
            return self._named(checkpoints)
        if isinstance(checkpoints, (list, tuple, Sketches)) or _is_lazy(checkpoints):
            paths: List[str] = []
            for place, one in enumerate(checkpoints):
                if isinstance(one, Mapping) and not is_checkpoint(one):
                    paths.extend(self._named(one))
                else:
                    paths.append(self.one(one, f"[{place}]"))
            if not paths:
                raise UsageError("there is nothing here: give at least one checkpoint")
            return paths
        return [self.one(checkpoints)]

    def _named(self, checkpoints: Mapping[Any, Any]) -> List[str]:
        if not checkpoints:
            raise UsageError("this dictionary is empty: give at least one checkpoint")
        paths = []
        for key, one in checkpoints.items():
            if isinstance(one, (str, os.PathLike)):
                raise UsageError(
                    f"{key!r} stands for a path: give paths by themselves, and names only to what is in memory"
                )
            if isinstance(one, Checkpoint):
                own = one
            else:
                own = Checkpoint(one, step=key if isinstance(key, int) and not isinstance(key, bool) else None)
            paths.append(self.one(own, str(key), named=True))
        return paths

    def one(self, checkpoint: Any, name: str = "model", named: bool = False) -> str:
        """The path of one checkpoint."""
        if isinstance(checkpoint, bytes):
            return os.fsdecode(checkpoint)
        if isinstance(checkpoint, (str, os.PathLike)):
            return os.fsdecode(os.fspath(checkpoint))
        if isinstance(checkpoint, Sketches):
            if len(checkpoint) != 1:
                raise UsageError(f"these are {len(checkpoint)} sketches, and one is needed: give one of them")
            checkpoint = checkpoint[0]
        if isinstance(checkpoint, Sketch):
            name = self._free(name if named else checkpoint.name or name)
            self.held[name] = checkpoint._kept.renamed(name)
            return name
        claims = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
        if isinstance(claims.model, (str, os.PathLike, Sketch)):
            raise UsageError("a Checkpoint is one in memory: give paths and sketches by themselves")
        if is_array(claims.model):
            raise UsageError(
                "one array is no checkpoint: give a dictionary of names and arrays, or rows of points to "
                "umap, svd and linkage"
            )
        given = claims.name if claims.name is not None else name
        name = self._free(given)
        self._kept.append(claims.model)
        self.held[name] = arrays_of(
            claims.model,
            step=claims.step,
            epoch=claims.epoch,
            run=claims.run,
            named=named or claims.name is not None,
        )
        return name

    def _free(self, name: str) -> str:
        if not name or "\0" in name:
            raise UsageError(f"{name!r} is no name of a checkpoint")
        free, count = name, 2
        while free in self.held:
            free, count = f"{name} ({count})", count + 1
        return free


def _is_lazy(value: Any) -> bool:
    is_iterator = hasattr(value, "__iter__") and hasattr(value, "__next__")
    return is_iterator or isinstance(value, (set, frozenset))


_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def bytes_of(memory: Memory) -> int:
    """An amount of memory in bytes: a number, or a text such as ``"512M"`` or ``"2GiB"``."""
    if isinstance(memory, int) and not isinstance(memory, bool) and 0 <= memory < 2**63:
        return memory
    found = re.fullmatch(r"(\d+)\s*([kmgt]?)(?:i?b)?", memory.strip().lower()) if isinstance(memory, str) else None
    if found is None or int(found[1]) << 10 * _UNITS[found[2]] >= 2**63:
        raise UsageError(f"{memory!r} is no amount of memory: give bytes, or a text such as '512M' or '2GiB'")
    return int(found[1]) << 10 * _UNITS[found[2]]


def asked(
    inputs: Inputs,
    *,
    memory: Memory,
    seed: int = 0,
    match: Optional[str] = None,
    limits: Optional[Mapping[str, Memory]] = None,
    map: Map = "auto",
    cache: Any = None,
) -> Dict[str, Any]:
    """How checkpoints are read, for the compiled part."""
    return {
        "held": list(inputs.held.items()),
        "memory": bytes_of(memory),
        "seed": number(seed, "seed"),
        "only": None if match is None else text(match, "match"),
        "cache": None if cache is None else path_of(cache, "cache"),
        "limits": [(text(name, "a limit"), bytes_of(value)) for name, value in _limits(limits).items()],
        "map": _map(map),
    }


def _limits(limits: Optional[Mapping[str, Memory]]) -> Mapping[str, Memory]:
    if limits is not None and not isinstance(limits, Mapping):
        raise UsageError(f"limits is {limits!r}: give a dictionary of names and amounts")
    return limits or {}


def _map(map: Map) -> Dict[str, Optional[str]]:
    if isinstance(map, Mapping):
        return {"named": None, "table": toml(map)}
    return {"named": path_of(map, "map"), "table": None}


def text(value: Any, what: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise UsageError(f"{what} is {value!r}: give a text")
    return value


def path_of(value: Any, what: str) -> str:
    """A path."""
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise UsageError(f"{what} is {value!r}: give a path")
    return os.fsdecode(os.fspath(value))


def real(value: Any, what: str) -> float:
    """A number."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} is {value!r}: give a number") from error


def number(value: Any, what: str, least: int = 0) -> int:
    """A whole number."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not least <= value.__index__() < 2**63:
        raise UsageError(f"{what} is {value!r}: give a whole number, {least} or more")
    return int(value.__index__())


def toml(value: Mapping[str, Any]) -> str:
    """A dictionary of names, numbers, lists and dictionaries as TOML."""
    plain = {key: one for key, one in value.items() if not _is_table(one)}
    lines = [f"{_quoted(key)} = {_value(one)}" for key, one in plain.items()]
    for key, one in value.items():
        if isinstance(one, Mapping):
            lines.append(f"[{_quoted(key)}]\n{toml(one)}")
        elif _is_table(one):
            lines.extend(f"[[{_quoted(key)}]]\n{toml(each)}" for each in one)
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    is_list = isinstance(value, (list, tuple)) and bool(value) and all(isinstance(one, Mapping) for one in value)
    return isinstance(value, Mapping) or is_list


def _quoted(text: Any) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c for c in escaped) + '"'


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        raise UsageError(f"{value!r} is neither a name nor a number")
    if isinstance(value, (int, float)):
        return repr(float(value)) if isinstance(value, float) else str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return _quoted(value)


def strings(values: Union[str, Iterable[str]]) -> List[str]:
    """One text or several."""
    if isinstance(values, str):
        return [values]
    if not isinstance(values, Iterable):
        raise UsageError(f"{values!r} is neither a text nor a list of texts")
    return [text(value, "each of these") for value in values]


def kept_text(kept: Any) -> Tuple[Optional[str], Optional[str]]:
    """The file of kept digests, or their document."""
    if kept is None:
        return None, None
    if isinstance(kept, (str, os.PathLike)):
        return os.fsdecode(os.fspath(kept)), None
    if hasattr(kept, "to_json"):
        return None, str(kept.to_json())
    if not isinstance(kept, Mapping):
        raise UsageError(f"{kept!r} is no document of digests: give a file, or what hash() answered")
    return None, json.dumps(kept)


def budget_text(budget: Any) -> Tuple[Optional[str], Optional[str]]:
    """The file of a budget, or its text."""
    if budget is None:
        return None, None
    if isinstance(budget, (str, os.PathLike)):
        return os.fsdecode(os.fspath(budget)), None
    if not isinstance(budget, Mapping):
        raise UsageError(f"{budget!r} is no budget: give a file, or a dictionary such as {{'relative': 0.05}}")
    totals = {key: value for key, value in budget.items() if key in ("relative", "steps", "unrelated")}
    rest = {key: value for key, value in budget.items() if key not in totals}
    if totals:
        rest["total"] = {**totals, **rest.get("total", {})}
    return None, toml(rest)
