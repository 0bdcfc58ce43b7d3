"""What the callbacks of trainers have in common: look, log, keep, go on."""

from __future__ import annotations

import base64
import logging
import os
import time
from typing import Any, Dict, List, Mapping, Optional, Union

from ._arrays import state_of
from ._errors import Error
from ._questions import sketch
from ._sketches import Sketch, load_sketches, save
from ._watch import Event, Watch

_LOG = logging.getLogger("modeltrail")

#: What the callbacks write into the folder of a checkpoint.
STATE_FILE = "modeltrail.state"
SKETCH_FILE = "modeltrail.sketches.json"

Path = Union[str, "os.PathLike[str]"]


class Following:
    """Follows a training for a callback.

    Parameters
    ----------
    every
        Steps from one look at the weights to the next; 0 looks only where a checkpoint is saved.
    sketches
        Whether a sketch is kept beside each checkpoint, so that `modeltrail.runs` works when the weights are
        gone.
    accredited, memory
        As for :class:`modeltrail.Watch`.
    """

    def __init__(
        self, every: int = 100, sketches: bool = True, accredited: Any = None, memory: Union[int, str] = "256MiB"
    ) -> None:
        self.every = int(every)
        self.sketches = sketches
        self.watch = Watch(accredited=accredited, memory=memory)
        self.events: List[Event] = []
        self.seconds: List[float] = []

    def is_due(self, step: int) -> bool:
        """Whether a look is due at this step."""
        return self.every > 0 and step % self.every == 0

    def look(self, model: Any, step: int, trainer: Optional[Mapping[str, Any]] = None) -> Optional[Event]:
        """Judges the weights at a step, once. What cannot be judged is logged, and ends no training."""
        if self.watch.newest == step:
            return None
        began = time.perf_counter()
        try:
            event = self.watch.push(state_of(model), step, trainer=trainer)
        except Exception as error:  # whatever it is, it ends no training
            _LOG.warning("step %d is not judged: %s", step, error, exc_info=not isinstance(error, Error))
            return None
        self.seconds.append(time.perf_counter() - began)
        if event.is_alarm:
            self.events.append(event)
            _LOG.warning("step %d: %s (%s)", step, event.cause, event.evidence)
        return event

    def keep(self, model: Any, step: int, folder: Path, sketch_file: str = SKETCH_FILE) -> None:
        """Writes what is known beside a checkpoint, and a sketch of the weights; a failure ends no training."""
        if not os.path.isdir(folder):
            return
        try:
            self._keep(model, step, folder, sketch_file)
        except Exception as error:
            _LOG.warning("step %d is not kept: %s", step, error, exc_info=not isinstance(error, Error))

    def _keep(self, model: Any, step: int, folder: Path, sketch_file: str) -> None:
        if self.watch.newest is not None:
            path = os.path.join(os.fspath(folder), STATE_FILE)
            part = f"{path}.part"
            with open(part, "wb") as file:
                file.write(self.watch.state())
            os.replace(part, path)
        if self.sketches:
            path = os.path.join(os.fspath(folder), sketch_file)
            kept = self.sketch(model, step)
            if os.path.exists(path):
                os.remove(path)
            save([kept], path)

    def sketch(self, model: Any, step: int) -> Sketch:
        """The sketch of the weights, named by the step."""
        from ._asked import Checkpoint

        kept: Sketch = sketch(Checkpoint(state_of(model), name=f"step-{step}", step=step))
        return kept

    def go_on(self, folder: Path) -> bool:
        """Goes on from what was kept beside a checkpoint; whether anything was."""
        path = os.path.join(os.fspath(folder), STATE_FILE)
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return self.load(file.read())

    def load(self, state: bytes) -> bool:
        """Goes on from a state; one that cannot be read is logged, and the watch begins anew."""
        try:
            self.watch.load_state(state)
        except Error as error:
            _LOG.warning("the watch begins anew: %s", error)
            return False
        return True

    def to_text(self) -> str:
        """All that is known, for a trainer's own checkpoint; empty before the first look."""
        if self.watch.newest is None:
            return ""
        return base64.b64encode(self.watch.state()).decode("ascii")

    def load_text(self, text: str) -> None:
        """Goes on from what :meth:`to_text` gave."""
        if text:
            self.load(base64.b64decode(text))


def sketches_of(folder: Path) -> List[Sketch]:
    """The sketches that a callback kept in the folders of checkpoints below this one, for `modeltrail.runs`."""
    found: List[Sketch] = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        if SKETCH_FILE in files:
            found.extend(load_sketches(os.path.join(place, SKETCH_FILE)))
    return found


def facts_of_torch(optimizer: Any, scheduler: Any = None, batch_size: Optional[int] = None) -> Dict[str, Any]:
    """What an optimiser of PyTorch and its schedule say."""
    groups = list(getattr(optimizer, "param_groups", None) or [])
    rates = [float(group["lr"]) for group in groups if "lr" in group]
    last = getattr(scheduler, "get_last_lr", None)
    try:
        scheduled = [float(rate) for rate in last()] if callable(last) else []
    except Exception:  # of schedules that have taken no step
        scheduled = []
    return {
        "learning_rates": rates,
        "base_rates": [float(rate) for rate in getattr(scheduler, "base_lrs", None) or []],
        "scheduled_rates": scheduled,
        "weight_decays": [float(group["weight_decay"]) for group in groups if group.get("weight_decay") is not None],
        "batch_size": batch_size,
    }
