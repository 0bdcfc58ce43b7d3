"""Answers: the command's document and text, with attributes."""

from __future__ import annotations

import html
import json
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

#: JSON, text, notes, and the exit status of the command.
Said = Tuple[str, str, List[str], int]


class Record(Mapping[str, Any]):
    """A part of an answer: its fields are attributes, and keys."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Dict[str, Any]) -> None:
        object.__setattr__(self, "_fields", fields)

    def __getitem__(self, name: str) -> Any:
        return wrapped(self._fields[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._fields:
            known = ", ".join(self._fields)
            raise AttributeError(f"there is no {name} here; there are {known}")
        return wrapped(self._fields[name])

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("answers do not change")

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *self._fields]

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self._fields,)

    def to_dict(self) -> Dict[str, Any]:
        """The fields as plain dictionaries and lists."""
        found: Dict[str, Any] = json.loads(json.dumps(self._fields))
        return found

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.items())
        return f"{type(self).__name__}({fields})"


def wrapped(value: Any) -> Any:
    """A value of an answer, with attributes where it has fields."""
    if isinstance(value, dict):
        return Record(value)
    if isinstance(value, list):
        return [wrapped(one) for one in value]
    return value


class Answer:
    """What was found. In a notebook it is a table, elsewhere the text that the command prints.

    Every field of the command's JSON document is an attribute; the most important have properties of
    their own.
    """

    def __init__(self, said: Said) -> None:
        text, self._text, self._notes, self._status = said
        self._document: Dict[str, Any] = json.loads(text)

    @property
    def has_findings(self) -> bool:
        """Whether there is something that someone should look at (exit status 1 of the command)."""
        return self._status == 1

    @property
    def is_undecided(self) -> bool:
        """Whether the answer is that nobody can tell, since something could not be read (status 2)."""
        return self._status == 2

    @property
    def problems(self) -> List[Record]:
        """What could not be read, each with `path`, `kind` and `message`; the rest was."""
        found = self._document.get("problems", [])
        return [Record(one) for one in found]

    @property
    def coverage(self) -> Record:
        """How much was read: `weights_read`, `weights_in_all`, `unread` tensors, what was `skipped`."""
        return Record(self._document["coverage"])

    @property
    def notes(self) -> List[str]:
        """What is to be known of how the checkpoints were read."""
        return list(self._notes)

    def to_dict(self) -> Dict[str, Any]:
        """The command's JSON document as dictionaries and lists."""
        found: Dict[str, Any] = json.loads(json.dumps(self._document))
        return found

    def to_json(self, indent: Optional[int] = None) -> str:
        """The command's JSON document."""
        return json.dumps(self._document, indent=indent)

    def records(self) -> List[Dict[str, Any]]:
        """The rows of the table that this is in a notebook."""
        return [{"field": name, "value": _short(value)} for name, value in self._document.items()]

    def to_pandas(self) -> Any:
        """The rows of the table, as a `pandas.DataFrame`; needs pandas."""
        import pandas

        return pandas.DataFrame.from_records(self.records())

    def __getattr__(self, name: str) -> Any:
        document = self.__dict__.get("_document", {})
        if name.startswith("_") or name not in document:
            raise AttributeError(f"{type(self).__name__} has no {name}; its document has {', '.join(document)}")
        return wrapped(document[name])

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *self._document]

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text

    def _heading(self) -> str:
        """The first line of the text: the conclusion."""
        return self._text.split("\n", 1)[0]

    def _repr_html_(self) -> str:
        problems = [str(problem["message"]) for problem in self.problems]
        return table(self._heading(), self.records(), problems)


#: Most rows that a notebook shows.
_MOST_ROWS = 60


def table(heading: str, records: Sequence[Mapping[str, Any]], problems: Sequence[str] = ()) -> str:
    """A table in HTML. Names are anybody's, and are escaped."""
    parts = [f"<p><b>{html.escape(heading)}</b></p>"]
    if records:
        columns = list(records[0])
        head = "".join(f"<th>{html.escape(column.replace('_', ' '))}</th>" for column in columns)
        rows = []
        for record in records[:_MOST_ROWS]:
            cells = "".join(f"<td>{html.escape(_cell(record.get(column)))}</td>" for column in columns)
            rows.append(f"<tr>{cells}</tr>")
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>")
        if len(records) > _MOST_ROWS:
            parts.append(f"<p>{len(records) - _MOST_ROWS:,} more rows: see to_pandas()</p>")
    if problems:
        items = "".join(f"<li>{html.escape(problem)}</li>" for problem in problems)
        parts.append(f"<p>Not read:</p><ul>{items}</ul>")
    return f"<div>{''.join(parts)}</div>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(one) for one in value)
    return str(value)


def _short(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        text = json.dumps(value)
        return text if len(text) <= 120 else f"{text[:119]}…"
    return value


class Run:
    """Checkpoints of one run, in order.

    Attributes that are not properties are the fields of the run in the document: `events`, `gaps`,
    `origin`, `agreement`, …
    """

    def __init__(self, fields: Dict[str, Any], group: int) -> None:
        self._fields = fields
        self._group = group

    @property
    def order(self) -> List[str]:
        """Names of its different checkpoints, from the likelier first to the last."""
        return [place["name"] for place in self._fields["checkpoints"]]

    @property
    def direction(self) -> str:
        """``"forward"`` if the weights show which end came first, else ``"undirected"``."""
        return str(self._fields["direction"])

    @property
    def direction_confidence(self) -> float:
        """How sure the weights are of the likelier start, 0.5 to 1."""
        return float(self._fields["direction_confidence"])

    @property
    def claimed_run(self) -> Optional[str]:
        """The run that most of its checkpoints claim to be of, if any claims one."""
        return self._fields["claimed_run"]  # type: ignore[no-any-return]

    @property
    def checkpoints(self) -> List[Record]:
        """Its checkpoints in order, with `name`, `path`, `next_confidence`, `copies`, `contradictions`, …"""
        return [Record(place) for place in self._fields["checkpoints"]]

    @property
    def group(self) -> int:
        """Which of the groups of equal tensors it is in, from 0."""
        return self._group

    def to_dict(self) -> Dict[str, Any]:
        """The run in the command's document."""
        found: Dict[str, Any] = json.loads(json.dumps(self._fields))
        return found

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__.get("_fields", {})
        if name.startswith("_") or name not in fields:
            raise AttributeError(f"a run has no {name}; it has {', '.join(fields)}")
        return wrapped(fields[name])

    def __len__(self) -> int:
        return len(self._fields["checkpoints"])

    def __iter__(self) -> Iterator[Record]:
        return iter(self.checkpoints)

    def __repr__(self) -> str:
        name = f"claimed: {self.claimed_run}, " if self.claimed_run else ""
        return f"Run({name}{len(self)} checkpoints, {self.direction}: {' → '.join(self.order)})"


class Runs(Answer, Sequence[Run]):
    """Which checkpoints belong together, which are one run, and in which order: a list of :class:`Run`."""

    def __init__(self, said: Said) -> None:
        super().__init__(said)
        groups = enumerate(self._document["groups"])
        self._runs = [Run(run, place) for place, group in groups for run in group["runs"]]

    def __len__(self) -> int:
        return len(self._runs)

    def __getitem__(self, place: Any) -> Any:
        return self._runs[place]

    def records(self) -> List[Dict[str, Any]]:
        """One row a checkpoint: group, run, place, name, what it claims, how sure the next is, remarks."""
        rows = []
        for number, run in enumerate(self._runs):
            for place, one in enumerate(run.to_dict()["checkpoints"]):
                claim = one["claimed_position"]
                rows.append(
                    {
                        "group": run.group,
                        "run": number,
                        "place": place,
                        "checkpoint": one["name"],
                        "claims": f"{claim['unit']} {claim['value']}" if claim else None,
                        "sure_of_next": one["next_confidence"],
                        "copies": ", ".join(one["copies"]) or None,
                        "contradicted": bool(one["contradictions"]),
                    }
                )
        return rows


class Audit(Answer):
    """Whether a series of checkpoints is sound."""

    def __init__(self, said: Said, junit: str, page: str) -> None:
        super().__init__(said)
        self._junit, self._page = junit, page

    @property
    def verdict(self) -> str:
        """``"sound"``, ``"defects"`` or ``"cannot_tell"``."""
        return str(self._document["verdict"])

    @property
    def is_sound(self) -> bool:
        """Whether everything was read, and nothing was found."""
        return self.verdict == "sound"

    @property
    def findings(self) -> List[Record]:
        """What is wrong, each with `kind`, `step` or `steps`, `tensors`, `shards`, `equals`, `confidence`, …"""
        return [Record(one) for one in self._document["findings"]]

    def to_junit(self) -> str:
        """The answer as JUnit XML, one failure per finding."""
        return self._junit

    def to_html(self) -> str:
        """The answer as a page."""
        return self._page

    def records(self) -> List[Dict[str, Any]]:
        """One row a finding."""
        return [
            {
                "kind": one["kind"],
                "steps": one["steps"] if "steps" in one else [one["step"]],
                "tensors": one["tensors"],
                "shards": one["shards"],
                "equals": one["equals"],
                "nearest": one["nearest"],
                "confidence": one["confidence"],
                "evidence": one["evidence"],
            }
            for one in self._document["findings"]
        ]


class Diff(Answer):
    """What changed from one checkpoint to another, tensor by tensor."""

    @property
    def kind(self) -> Optional[str]:
        """The kind of change: ``"identical"``, ``"low_rank"``, ``"quantised"``, …; none if it is no special
        one, as after training.
        """
        verdict = self._document.get("verdict")
        return verdict["kind"] if isinstance(verdict, dict) else verdict

    @property
    def verdict(self) -> Any:
        """The kind with its evidence."""
        return wrapped(self._document.get("verdict"))

    @property
    def tensors(self) -> List[Record]:
        """Each tensor, with `name`, `shape`, `relative_distance`, `angle_degrees`, `norm_change`,
        `share_changed` (0 to 1) and `frozen`.
        """
        return [Record(tensor) for tensor in self._document["tensors"]]

    @property
    def relative_distance(self) -> Optional[float]:
        """‖b − a‖ / ‖a‖ over all weights that both have."""
        total = self._document.get("total") or {}
        return total.get("relative_distance")

    def records(self) -> List[Dict[str, Any]]:
        """One row a tensor."""
        columns = ("name", "shape", "relative_distance", "angle_degrees", "norm_change", "share_changed", "frozen")
        return [{column: tensor.get(column) for column in columns} for tensor in self._document["tensors"]]

    def _heading(self) -> str:
        lines = self._text.splitlines()
        return next((line for line in lines if line.startswith("verdict:")), lines[0])


class Gate(Answer):
    """Whether a candidate is within a budget of change."""

    def __init__(self, said: Said, junit: str) -> None:
        super().__init__(said)
        self._junit = junit

    @property
    def verdict(self) -> str:
        """``"within"``, ``"retest"`` or ``"cannot_tell"``."""
        return str(self._document["verdict"])

    @property
    def is_within(self) -> bool:
        """Whether it is within every limit."""
        return self.verdict == "within"

    @property
    def limits(self) -> List[Record]:
        """Each limit, with what was `measured`, the `limit` and the `status`."""
        return [Record(limit) for limit in self._document["limits"]]

    def to_junit(self) -> str:
        """The answer as JUnit XML, one test case a limit."""
        return self._junit

    def records(self) -> List[Dict[str, Any]]:
        """One row a limit."""
        columns = ("of", "unit", "measured", "limit", "status", "worst")
        return [{column: limit.get(column) for column in columns} for limit in self._document["limits"]]


class Lineage(Answer):
    """From which checkpoint a model is derived."""

    @property
    def verdict(self) -> str:
        """``"identical"``, ``"derived"``, ``"shared_start"``, ``"none"`` or ``"cannot_tell"``."""
        return str(self._document["verdict"])

    @property
    def nearest(self) -> Optional[str]:
        """The checkpoint that it is nearest to, of those that it may come from."""
        groups = self._document["groups"]
        near = groups[0]["nearest"] if groups else []
        apart = self._document.get("apart")
        if apart and apart["is_related"]:
            return str(apart["with"])
        return near[0]["name"] if near else None

    def records(self) -> List[Dict[str, Any]]:
        """One row a near checkpoint: its distance ÷ its norm, ÷ the distance of unrelated weights."""
        return [
            {
                "checkpoint": near["name"],
                "verdict": group["verdict"],
                "relative": near["relative"],
                "relative_to_unrelated": near["relative_to_unrelated"],
                "log10_p": near.get("log10_p"),
            }
            for group in self._document["groups"]
            for near in group["nearest"]
        ]


class Hashes(Answer):
    """Digests of models and of their tensors."""

    @property
    def root(self) -> Optional[str]:
        """The BLAKE3 root of the model, if it is one; none if a tensor of it could not be read."""
        models = self._document["models"]
        root = models[0]["root"] if len(models) == 1 else None
        return root["blake3"] if root else None

    @property
    def verdict(self) -> Optional[str]:
        """``"same"``, ``"differs"`` or ``"cannot_tell"``; none if they were held against nothing."""
        check = self._document["check"]
        return check["verdict"] if check else None

    def records(self) -> List[Dict[str, Any]]:
        """One row a tensor."""
        return [
            {"model": model["name"], "tensor": tensor["name"], **{key: tensor[key] for key in _OF_TENSORS}}
            for model in self._document["models"]
            for tensor in model["tensors"]
        ]


_OF_TENSORS = ("dtype", "shape", "blake3", "sha256")


class Tree(Answer):
    """Families of models: who is whose parent, and how each was made."""

    def __init__(self, said: Said, dot: str, svg: str) -> None:
        super().__init__(said)
        self._dot = dot
        self._svg = svg

    def to_dot(self) -> str:
        """The trees in Graphviz's DOT language."""
        return self._dot

    def to_svg(self) -> str:
        """The trees as a picture."""
        return self._svg

    def parents(self, name: str) -> List[str]:
        """The parents of a model that are known to be such, by names: several of a merge."""
        found = []
        for family in self._document["families"]:
            names = [model["name"] for model in family["models"]]
            found += [
                names[edge["from"]]
                for edge in family["edges"]
                if names[edge["to"]] == name and edge["is_directed"]
            ]
        return found

    def records(self) -> List[Dict[str, Any]]:
        """One row an edge."""
        return [
            {
                "family": number,
                "from": family["models"][edge["from"]]["name"],
                "to": family["models"][edge["to"]]["name"],
                "made": edge["made"]["detail"],
                "directed": edge["is_directed"],
                "confidence": edge["confidence"],
                "relative": edge["relative"],
                "share": edge["share"],
            }
            for number, family in enumerate(self._document["families"])
            for edge in family["edges"]
        ]


class Inspection(Answer):
    """What lies in files and in memory: formats, tensors, claims, what is skipped."""

    def records(self) -> List[Dict[str, Any]]:
        """One row a tensor."""
        return [
            {
                "checkpoint": one["path"],
                "format": one["format"],
                "tensor": tensor["name"],
                "dtype": tensor["dtype"],
                "shape": tensor["shape"],
                "role": tensor["role"],
            }
            for one in self._document["checkpoints"]
            for tensor in one["tensors"]
        ]


class Order(Answer):
    """Checkpoints in order, scored by what they claim."""

    @property
    def orders(self) -> List[List[str]]:
        """Names of the checkpoints of each order."""
        return [
            [one["name"] for one in order["checkpoints"]]
            for group in self._document["groups"]
            for order in group.get("orders", group.get("runs", []))
        ]

    def records(self) -> List[Dict[str, Any]]:
        """One row a checkpoint."""
        return [
            {"order": number, "place": place, "checkpoint": name}
            for number, order in enumerate(self.orders)
            for place, name in enumerate(order)
        ]


class Linkage(Answer):
    """Clusters of checkpoints, by single linkage."""

    @property
    def clusters(self) -> List[List[str]]:
        """Names of the checkpoints of each cluster."""
        return [
            [one["name"] for one in cluster] for group in self._document["groups"] for cluster in group["clusters"]
        ]

    def records(self) -> List[Dict[str, Any]]:
        """One row a checkpoint."""
        return [
            {"group": place, "cluster": number, "checkpoint": one["name"], "height": one["first_merge_height"]}
            for place, group in enumerate(self._document["groups"])
            for number, cluster in enumerate(group["clusters"])
            for one in cluster
        ]


class Umap(Answer):
    """Checkpoints in the plane."""

    @property
    def positions(self) -> Any:
        """Their places, f32 of shape (checkpoints, 2), in the order of `names`."""
        import numpy as np

        points = [[point["x"], point["y"]] for point in self.records()]
        return np.array(points, np.float32).reshape(len(points), 2)

    @property
    def names(self) -> List[str]:
        """Names of the checkpoints."""
        return [point["checkpoint"] for point in self.records()]

    def records(self) -> List[Dict[str, Any]]:
        """One row a checkpoint."""
        return [
            {"group": place, "checkpoint": point["name"], "run": point["run"], "x": point["x"], "y": point["y"]}
            for place, group in enumerate(self._document["groups"])
            for point in group["points"]
        ]


class Page(Answer):
    """A page that was written."""

    @property
    def out(self) -> str:
        """Its file."""
        return str(self._document["out"])

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._text)}</p>"
