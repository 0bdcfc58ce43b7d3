"""A callback for Keras.

>>> from modeltrail.keras import Callback                                      # doctest: +SKIP
>>> model.fit(x, y, callbacks=[Callback(every=100, folder="checkpoints")])     # doctest: +SKIP

Length of the step, turn, share outside the span of the last steps, and alarms are in the logs of each epoch:
give this callback before those that write them, such as `TensorBoard`. With a folder, sketches of the
weights and what the callback knows are kept there after each epoch, and a training goes on from them.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Union

from keras.callbacks import Callback as _Base

from ._following import Following
from ._watch import Event

__all__ = ["Callback"]


class Callback(_Base):  # type: ignore[misc,unused-ignore]
    """Judges the weights every `every` steps of the optimiser and after each epoch.

    Parameters are those of :class:`modeltrail._following.Following`, and `folder`: where sketches and what is
    known are kept. `events` are the alarms so far.
    """

    def __init__(
        self,
        every: int = 100,
        folder: Union[None, str, "os.PathLike[str]"] = None,
        sketches: bool = True,
        accredited: Any = None,
        memory: Union[int, str] = "256MiB",
    ) -> None:
        super().__init__()
        self._following = Following(every, sketches, accredited, memory)
        self._folder = None if folder is None else os.fspath(folder)
        self._metrics: Dict[str, float] = {}
        self._alarms = 0

    @property
    def events(self) -> List[Event]:
        """The alarms so far."""
        return self._following.events

    @property
    def seconds(self) -> List[float]:
        """What each look took, in seconds."""
        return self._following.seconds

    def on_train_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        # Iterations that the optimiser has taken tell a training that is resumed.
        if self._folder is not None:
            os.makedirs(self._folder, exist_ok=True)
            if self._step() > 0 and self._following.watch.newest is None:
                self._following.go_on(self._folder)

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        if self._following.every > 0 and self._following.is_due(self._step()):
            self._look()

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        self._look()
        if logs is not None:
            alarms = len(self.events)
            logs.update(self._metrics)
            logs["modeltrail/alarm"] = float(alarms - self._alarms)
            self._alarms = alarms
        if self._folder is None:
            return
        # One file of sketches a step: they have no folders of their own.
        self._following.keep(self.model, self._step(), self._folder, f"step-{self._step()}.sketches.json")

    def _step(self) -> int:
        optimizer = getattr(self.model, "optimizer", None)
        return int(optimizer.iterations) if optimizer is not None else 0

    def _look(self) -> None:
        facts: Dict[str, Any] = {}
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if rate is not None:
            facts["learning_rates"] = [float(rate)]
        event = self._following.look(self.model, self._step(), facts)
        if event is not None:
            self._metrics = event.metrics()
