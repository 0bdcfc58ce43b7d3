"""A callback for Lightning.

>>> from modeltrail.lightning import Callback                # doctest: +SKIP
>>> trainer = L.Trainer(callbacks=[Callback(every=100)])     # doctest: +SKIP

Length of the step, turn, share outside the span of the last steps, and alarms go to the trainer's loggers.
What the callback knows is part of Lightning's checkpoints, with a sketch of the weights, so that a training
that is resumed goes on from there.
"""

from __future__ import annotations

from typing import Any, Dict, List, Union

try:
    from lightning.pytorch import Callback as _Base
except ImportError:
    from pytorch_lightning import Callback as _Base  # type: ignore[assignment,no-redef,unused-ignore]

from ._following import Following, facts_of_torch
from ._sketches import Sketch
from ._watch import Event

__all__ = ["Callback", "sketch_in"]

_KEY = "modeltrail_sketch"


class Callback(_Base):  # type: ignore[misc,unused-ignore]
    """Judges the weights every `every` optimiser steps and at each save.

    Parameters are those of :class:`modeltrail._following.Following`. `events` are the alarms so far.
    """

    def __init__(
        self, every: int = 100, sketches: bool = True, accredited: Any = None, memory: Union[int, str] = "256MiB"
    ) -> None:
        self._following = Following(every, sketches, accredited, memory)

    @property
    def events(self) -> List[Event]:
        """The alarms so far."""
        return self._following.events

    @property
    def seconds(self) -> List[float]:
        """What each look took, in seconds."""
        return self._following.seconds

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        if trainer.is_global_zero and self._following.is_due(trainer.global_step):
            self._look(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Dict[str, Any]) -> None:
        if trainer.is_global_zero and trainer.global_step > 0:
            self._look(trainer, pl_module)
            if self._following.sketches:
                checkpoint[_KEY] = self._following.sketch(pl_module, trainer.global_step).to_dict()

    def state_dict(self) -> Dict[str, Any]:
        return {"watch": self._following.to_text()}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        self._following.load_text(state_dict.get("watch", ""))

    def _look(self, trainer: Any, pl_module: Any) -> None:
        if trainer.global_step < 1:
            return
        optimizers = trainer.optimizers
        schedules = trainer.lr_scheduler_configs
        facts = facts_of_torch(
            optimizers[0] if optimizers else None, schedules[0].scheduler if schedules else None
        )
        event = self._following.look(pl_module, trainer.global_step, facts)
        metrics = event.metrics() if event is not None else {}
        for logger in trainer.loggers if metrics else []:
            logger.log_metrics(metrics, step=trainer.global_step)


def sketch_in(checkpoint: Dict[str, Any]) -> Sketch:
    """The sketch in a checkpoint of Lightning that was loaded with `torch.load`."""
    return Sketch.from_dict(checkpoint[_KEY])
