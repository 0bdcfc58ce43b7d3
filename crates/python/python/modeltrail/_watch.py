"""A training in memory, followed step by step."""

from __future__ import annotations

import threading
from typing import Any, Dict, Iterable, List, Mapping, Optional, Union

from . import _modeltrail
from ._answers import Answer, Record
from ._arrays import arrays_of
from ._asked import Inputs, Memory, asked, number, real
from ._errors import UsageError

_TRAINER: Dict[str, Any] = {
    "learning_rates": [],
    "base_rates": [],
    "scheduled_rates": [],
    "weight_decays": [],
    "optimiser_steps": None,
    "batch_size": None,
}


class Event(Answer):
    """How a training moved to a checkpoint, and whether that is an alarm.

    Lengths are in the units of the weights, angles in degrees.
    """

    @property
    def is_alarm(self) -> bool:
        """Whether the step is unlike the training's own last steps."""
        return bool(self._document["alarm"])

    @property
    def is_judged(self) -> bool:
        """Whether enough steps lie behind for a verdict: ten before the first."""
        return bool(self._document["judged"])

    @property
    def cause(self) -> Optional[str]:
        """The likely cause of an alarm: ``"data"``, ``"rate_up"``, …"""
        return self._document["cause"]  # type: ignore[no-any-return]

    @property
    def step(self) -> int:
        """The step that was pushed."""
        return int(self._document["position"]["value"])

    @property
    def step_length(self) -> Optional[float]:
        """Distance from the checkpoint before; none for the first."""
        return self._document["step_length"]  # type: ignore[no-any-return]

    @property
    def turn(self) -> Optional[float]:
        """Angle to the step before, 0 to 180 degrees; none for the first two."""
        return self._document["turn_degrees"]  # type: ignore[no-any-return]

    @property
    def outside_share(self) -> Optional[float]:
        """Share of the step outside the span of the last ten, 0 to 1."""
        return self._document["outside_share"]  # type: ignore[no-any-return]

    @property
    def evidence(self) -> str:
        """The evidence for an event, in words."""
        return str(self._document["evidence"])

    def metrics(self, prefix: str = "modeltrail/") -> Dict[str, float]:
        """The numbers that a trainer logs: step length, turn, outside share, and 1 for an alarm."""
        found: Dict[str, Optional[float]] = {
            "step_length": self.step_length,
            "turn_degrees": self.turn,
            "outside_share": self.outside_share,
            "since_accredited_steps": self._document["since_accredited_steps"],
            "alarm": float(self.is_alarm) if self.is_judged else None,
        }
        return {prefix + name: float(value) for name, value in found.items() if value is not None}

    def records(self) -> List[Dict[str, Any]]:
        columns = ("step_length", "turn_degrees", "outside_share", "alarm", "cause", "evidence")
        return [{"step": self.step, **{column: self._document[column] for column in columns}}]

    @property
    def facts(self) -> List[Record]:
        """What the trainer says happened since the step before."""
        return [Record(fact) for fact in self._document["facts"]]


class Watch:
    """Judges each checkpoint of a training by how it moved from the one before. No file is written.

    Parameters
    ----------
    accredited
        Says how far the training is from this checkpoint, in recent steps.
    memory
        Memory for weights, 52 bytes each; what needs more is followed by its sketch: lengths to 2.2 %.

    Examples
    --------
    >>> import numpy, modeltrail
    >>> watch = modeltrail.Watch()
    >>> for step in range(3):
    ...     event = watch.push({"weight": numpy.full((2, 2), step, "f4")}, step=step)
    >>> event.step_length
    2.0
    """

    def __init__(self, *, accredited: Any = None, memory: Memory = "256MiB") -> None:
        self._settings = (accredited, memory)
        self._restore(None)

    def _restore(self, state: Optional[bytes]) -> None:
        accredited, memory = self._settings
        inputs = Inputs()
        path = None if accredited is None else inputs.one(accredited, "accredited")
        self._watcher = _modeltrail.Watcher(asked(inputs, memory=memory), path, state)
        self._lock = threading.Lock()

    def push(self, model: Any, step: int, *, trainer: Optional[Mapping[str, Any]] = None) -> Event:
        """Judges the weights of a network, or a dictionary of arrays, at a step.

        Steps over longer intervals are taken to be longer. A step before the newest one means that the
        training went back, and is judged anew from there; the newest one again is an error.

        Parameters
        ----------
        trainer
            What the trainer knows: `learning_rates`, `base_rates`, `scheduled_rates`, `weight_decays` (one
            a group of parameters), `optimiser_steps`, `batch_size`. What its own schedule brings about is
            then no alarm.
        """
        known = None
        if trainer is not None:
            unknown = set(trainer) - set(_TRAINER)
            if unknown:
                raise UsageError(f"a trainer says nothing of {', '.join(sorted(unknown))}")
            known = {**_TRAINER, **{name: _known(value, name) for name, value in trainer.items()}}
        arrays = arrays_of(model)
        with self._lock:
            return Event(self._watcher.push(number(step, "step"), arrays, known))

    @property
    def newest(self) -> Optional[int]:
        """The step that was pushed last."""
        return self._watcher.newest

    @property
    def is_sketched(self) -> bool:
        """Whether the training is followed by sketches, since its weights need more memory."""
        return self._watcher.sketched is not None

    def state(self) -> bytes:
        """All that is known, to go on from with :meth:`load_state`."""
        return self._watcher.state()

    def load_state(self, state: bytes) -> None:
        """Goes on from what :meth:`state` gave, as if the training had not stopped."""
        self._restore(bytes(state))

    def __getstate__(self) -> Dict[str, Any]:
        known = self.state() if self.newest is not None else None
        return {"settings": self._settings, "state": known}

    def __setstate__(self, kept: Dict[str, Any]) -> None:
        self._settings = kept["settings"]
        self._restore(kept["state"])


def _known(value: Any, name: str) -> Any:
    """A number, or a list of them, that a trainer says."""
    if _TRAINER[name] is None:
        return None if value is None else number(value, name)
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise UsageError(f"{name} is {value!r}: give a list, one number a group of parameters")
    return [real(one, name) for one in value]


def follow(checkpoints: Union[Iterable[Any], Mapping[int, Any]], **options: Any) -> List[Event]:
    """Judges a series that is in memory already, as :class:`Watch` would: a dictionary of steps and models,
    or a list, whose places are the steps.
    """
    series = checkpoints.items() if isinstance(checkpoints, Mapping) else enumerate(checkpoints)
    watch = Watch(**options)
    return [watch.push(model, step) for step, model in series]


__all__ = ["Event", "Watch", "follow"]
