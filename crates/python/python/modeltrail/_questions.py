"""The questions: what the command answers, of checkpoints on disk and in memory."""

from __future__ import annotations

import logging
import os
from typing import Any, Iterable, List, Mapping, Optional, Union

from . import _modeltrail
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
    Runs,
    Tree,
    Umap,
)
from ._asked import (
    Checkpoints,
    Inputs,
    Map,
    Memory,
    asked,
    budget_text,
    kept_text,
    number,
    path_of,
    real,
    strings,
    text,
)
from ._errors import UsageError
from ._matrices import is_matrix
from ._progress import Progress, reporting
from ._sketches import Sketch, Sketches

_LOG = logging.getLogger("modeltrail")
#: Most problems that are logged one by one.
_MOST_LOGGED = 20

Path = Union[str, "os.PathLike[str]"]
Limits = Optional[Mapping[str, Memory]]


def _logged(answer: Any) -> Any:
    """Logs what an answer does not rest on."""
    for problem in answer.problems[:_MOST_LOGGED]:
        _LOG.warning("not read: %s", problem["message"])
    more = len(answer.problems) - _MOST_LOGGED
    if more > 0:
        _LOG.warning("not read: %d more", more)
    unread = answer.to_dict().get("coverage", {}).get("unread", [])
    if unread:
        first = unread[0]
        _LOG.warning(
            "not read: %d tensors, the first of them %s in %s (%s: %s); the answer does not rest on them",
            len(unread), first["tensor"], first["checkpoint"], first["dtype"], first["reason"],
        )
    for note in answer.notes:
        _LOG.info("%s", note)
    return answer


def _count(value: Optional[int], what: str) -> Optional[int]:
    return None if value is None else number(value, what, 1)


def runs(
    checkpoints: Checkpoints,
    *,
    runs: Optional[int] = None,
    memory: Memory = "2GiB",
    seed: int = 0,
    match: Optional[str] = None,
    map: Map = "auto",
    limits: Limits = None,
    cache: Optional[Path] = None,
    progress: Progress = None,
) -> Runs:
    """Which checkpoints belong together, which are one run, in which order, and what contradicts it.

    Parameters
    ----------
    checkpoints
        A path, glob or folder; a dictionary of names and networks or state dicts; sketches; or a list of
        these. Integer keys are claimed steps; in a list, checkpoints in memory claim nothing.
    runs
        Number of runs, if you know it.
    memory
        Most memory for weights, in bytes or as ``"2GiB"``. What needs more is sketched: distances to 2.2 %.
    seed
        Seed of the shuffle, and of ties.
    match
        Of what lies in folders, only checkpoints whose file or folder has a name like this: ``"epoch-*.pt"``.
    map
        How tensors are matched: ``"auto"``, ``"exact"``, a file, or a dictionary of names.
    limits
        Limits on reading files to raise, by name: see ``modeltrail limits``.
    cache
        A folder that keeps the sketches of what does not fit `memory`, so that a second question reads only
        what is new.
    progress
        True for a bar of tqdm, or a function of (done, total, what).

    Raises
    ------
    modeltrail.Error
        When nothing could be read; what else could not be is among ``problems``.
    """
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=memory, seed=seed, match=match, limits=limits, map=map, cache=cache)
    with reporting(progress) as hears:
        said = _modeltrail.runs(paths, options, _count(runs, "runs"), hears)
    found: Runs = _logged(Runs(said))
    return found


def report(
    checkpoints: Checkpoints,
    out: Path = "report.html",
    *,
    runs: Optional[int] = None,
    memory: Memory = "2GiB",
    seed: int = 0,
    match: Optional[str] = None,
    map: Map = "auto",
    limits: Limits = None,
    cache: Optional[Path] = None,
    progress: Progress = None,
) -> Page:
    """Writes one self-contained HTML page about checkpoints: runs, pictures, steps, distances.

    Parameters are those of :func:`runs`, and `out`, the file, which is replaced whole.
    """
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=memory, seed=seed, match=match, limits=limits, map=map, cache=cache)
    with reporting(progress) as hears:
        said = _modeltrail.report(paths, options, (path_of(out, "out"), _count(runs, "runs")), hears)
    page: Page = _logged(Page(said))
    return page


def order(
    checkpoints: Checkpoints,
    *,
    runs: Optional[int] = None,
    space: str = "full",
    memory: Memory = "2GiB",
    seed: int = 0,
    match: Optional[str] = None,
    map: Map = "auto",
    limits: Limits = None,
    cache: Optional[Path] = None,
    progress: Progress = None,
) -> Order:
    """In which order checkpoints came, scored where they claim steps. `space`: ``"full"``, or ``"svd-10"``."""
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=memory, seed=seed, match=match, limits=limits, map=map, cache=cache)
    with reporting(progress) as hears:
        said = _modeltrail.order(paths, options, (text(space, "space"), _count(runs, "runs")), hears)
    found: Order = _logged(Order(said))
    return found


def linkage(
    checkpoints: Checkpoints,
    *,
    clusters: Optional[int] = None,
    space: str = "full",
    memory: Memory = "2GiB",
    seed: int = 0,
    match: Optional[str] = None,
    map: Map = "auto",
    limits: Limits = None,
    cache: Optional[Path] = None,
    progress: Progress = None,
) -> Any:
    """Clusters of checkpoints by single linkage; or, of an array of points, the merges themselves.

    An array of shape (points, dimensions) gives f64 of shape (points − 1, 4): the two nodes that are
    joined, their distance, and how many points lie below, as SciPy's ``linkage`` has them. Checkpoints give
    a :class:`Linkage`; `space` is ``"full"`` or ``"svd-10"``.
    """
    if is_matrix(checkpoints):
        from ._matrices import link

        return link(checkpoints, progress)
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=memory, seed=seed, match=match, limits=limits, map=map, cache=cache)
    with reporting(progress) as hears:
        said = _modeltrail.linkage(paths, options, (text(space, "space"), _count(clusters, "clusters")), hears)
    return _logged(Linkage(said))


def umap(
    checkpoints: Checkpoints,
    *,
    neighbors: int = 15,
    min_dist: float = 0.1,
    space: str = "full",
    memory: Memory = "2GiB",
    seed: int = 0,
    match: Optional[str] = None,
    map: Map = "auto",
    limits: Limits = None,
    cache: Optional[Path] = None,
    progress: Progress = None,
) -> Any:
    """Checkpoints in the plane, by UMAP; or, of an array of points, their places.

    An array of shape (points, dimensions) gives f32 of shape (points, 2). Checkpoints give a :class:`Umap`.
    `neighbors` are the nearest that a point is held to, `min_dist` is how close points may lie.
    """
    if is_matrix(checkpoints):
        from ._matrices import embed

        return embed(checkpoints, neighbors, min_dist, seed, progress)
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=memory, seed=seed, match=match, limits=limits, map=map, cache=cache)
    with reporting(progress) as hears:
        how = (text(space, "space"), number(neighbors, "neighbors", 1), real(min_dist, "min_dist"))
        said = _modeltrail.umap(paths, options, how, hears)
    return _logged(Umap(said))


def inspect(
    checkpoints: Checkpoints,
    *,
    match: Optional[str] = None,
    limits: Limits = None,
    progress: Progress = None,
) -> Inspection:
    """What lies in files, folders and memory: formats, tensors, claims, what is skipped. Reads no weights."""
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=0, match=match, limits=limits)
    with reporting(progress) as hears:
        said = _modeltrail.inspect(paths, options, hears)
    found: Inspection = _logged(Inspection(said))
    return found


def audit(
    checkpoints: Checkpoints,
    *,
    expect_changed: Union[str, Iterable[str]] = (),
    expect_frozen: Union[str, Iterable[str]] = (),
    match: Optional[str] = None,
    limits: Limits = None,
    progress: Progress = None,
) -> Audit:
    """Whether a series of checkpoints is sound: which steps, files and tensors are not what they claim to be.

    Parameters
    ----------
    checkpoints
        As for :func:`runs`; each must claim a step or an epoch, by its name, by what is in it, or as a key.
    expect_changed, expect_frozen
        Globs on names of tensors: one that never changed, or that did, is a finding.
    """
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=0, match=match, limits=limits)
    expected = (strings(expect_changed), strings(expect_frozen))
    with reporting(progress) as hears:
        said, junit, page = _modeltrail.audit(paths, options, expected, hears)
    found: Audit = _logged(Audit(said, junit, page))
    return found


def hash(
    checkpoints: Checkpoints,
    *,
    check: Any = None,
    match: Optional[str] = None,
    limits: Limits = None,
    progress: Progress = None,
) -> Hashes:
    """Digests of models: the same for the same tensors in any container, shard layout or order.

    Parameters
    ----------
    checkpoints
        One or several models, on disk or in memory.
    check
        Digests that were kept, which the models are held against: a file that the command wrote, an earlier
        answer of this function, or its dictionary.
    """
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=0, match=match, limits=limits)
    with reporting(progress) as hears:
        said = _modeltrail.hash(paths, options, kept_text(check), hears)
    found: Hashes = _logged(Hashes(said))
    return found


def diff(
    a: Any,
    b: Any,
    *,
    expect_frozen: Union[str, Iterable[str]] = (),
    parents: Iterable[Any] = (),
    memory: Memory = "2GiB",
    map: Map = "auto",
    limits: Limits = None,
    progress: Progress = None,
) -> Diff:
    """What changed from checkpoint `a` to `b`, tensor by tensor, and what kind of change it is.

    Parameters
    ----------
    a, b
        One checkpoint each: a path, a network, a state dict, or a sketch.
    expect_frozen
        Globs on names of tensors that must not have changed in a single bit.
    parents
        Other checkpoints that `b` may be a merge of, together with `a`.
    memory
        Most memory for weights, in bytes or as ``"2GiB"``; what needs more is read again.
    """
    inputs = Inputs()
    first, second = inputs.one(a, "a"), inputs.one(b, "b")
    others = [inputs.one(parent, f"parent [{place}]") for place, parent in enumerate(_several(parents))]
    options = asked(inputs, memory=memory, limits=limits, map=map)
    with reporting(progress) as hears:
        said = _modeltrail.diff((first, second, others), options, strings(expect_frozen), hears)
    found: Diff = _logged(Diff(said))
    return found


def gate(
    accredited: Any,
    candidate: Any,
    *,
    budget: Any = None,
    history: Checkpoints = None,
    memory: Memory = "2GiB",
    map: Map = "auto",
    limits: Limits = None,
    progress: Progress = None,
) -> Gate:
    """Whether a candidate is within a budget of change since the tested checkpoint, or must be tested again.

    Parameters
    ----------
    accredited, candidate
        One checkpoint each.
    budget
        A file in TOML, or a dictionary of the same: ``{"relative": 0.05}`` limits all weights together,
        ``{"tensor": [{"name": "head.*", "relative": 0.2}]}`` single ones. Not given: the usual one.
    history
        Checkpoints of the accredited one's run up to it: what a step is.
    memory
        Most memory for weights, in bytes or as ``"2GiB"``; what needs more is read again.
    """
    inputs = Inputs()
    first, second = inputs.one(accredited, "accredited"), inputs.one(candidate, "candidate")
    paths = [] if history is None else inputs.many(history)
    options = asked(inputs, memory=memory, limits=limits, map=map)
    with reporting(progress) as hears:
        said, junit = _modeltrail.gate((first, second, paths), options, budget_text(budget), hears)
    found: Gate = _logged(Gate(said, junit))
    return found


def lineage(
    suspect: Any,
    against: Checkpoints,
    *,
    runs: Optional[int] = None,
    memory: Memory = "2GiB",
    seed: int = 0,
    map: Map = "auto",
    match: Optional[str] = None,
    limits: Limits = None,
    cache: Optional[Path] = None,
    progress: Progress = None,
) -> Lineage:
    """Which of many checkpoints one comes from, how sure that is, and how far it has gone since."""
    inputs = Inputs()
    one, paths = inputs.one(suspect, "suspect"), inputs.many(against)
    options = asked(inputs, memory=memory, seed=seed, match=match, limits=limits, map=map, cache=cache)
    with reporting(progress) as hears:
        said = _modeltrail.lineage((one, paths), options, _count(runs, "runs"), hears)
    found: Lineage = _logged(Lineage(said))
    return found


def tree(
    checkpoints: Checkpoints,
    *,
    memory: Memory = "2GiB",
    seed: int = 0,
    match: Optional[str] = None,
    map: Map = "auto",
    limits: Limits = None,
    progress: Progress = None,
) -> Tree:
    """Which of many models descends from which, and how each was made; parameters are those of :func:`runs`."""
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=memory, seed=seed, match=match, limits=limits, map=map)
    with reporting(progress) as hears:
        said, dot, svg = _modeltrail.tree(paths, options, hears)
    found: Tree = _logged(Tree(said, dot, svg))
    return found


def sketch(
    checkpoints: Checkpoints,
    out: Optional[Path] = None,
    *,
    allow_unread: bool = False,
    match: Optional[str] = None,
    limits: Limits = None,
    progress: Progress = None,
) -> Any:
    """Some kilobytes that stand for the weights of a checkpoint.

    Of one checkpoint in memory it is a :class:`Sketch`; of paths, and of several, :class:`Sketches`. `out`
    is a new file to keep them in. `allow_unread` sketches checkpoints without the tensors that cannot be
    read.
    """
    inputs = Inputs()
    paths = inputs.many(checkpoints)
    options = asked(inputs, memory=0, match=match, limits=limits)
    name = None if out is None else path_of(out, "out")
    with reporting(progress) as hears:
        said, kept = _modeltrail.sketch(paths, options, (name, bool(allow_unread)), hears)
    sketches: Sketches = _logged(Sketches(said, kept))
    is_one = len(inputs.held) == 1 and len(paths) == 1 and not isinstance(checkpoints, (list, tuple))
    return sketches[0] if is_one else sketches


def _several(checkpoints: Any) -> List[Any]:
    if isinstance(checkpoints, (str, os.PathLike, Sketch)) or isinstance(checkpoints, Mapping):
        return [checkpoints]
    if not isinstance(checkpoints, Iterable):
        raise UsageError(f"{checkpoints!r} is no list of checkpoints")
    return list(checkpoints)


__all__ = [
    "Answer", "audit", "diff", "gate", "hash", "inspect", "lineage", "linkage", "order", "report", "runs", "sketch",
    "tree", "umap",
]
