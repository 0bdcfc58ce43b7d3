"""A callback for the Trainer of Hugging Face.

>>> from modeltrail.transformers import Callback                      # doctest: +SKIP
>>> trainer = Trainer(model, args, callbacks=[Callback(every=100)])   # doctest: +SKIP

Length of the step, turn, share outside the span of the last steps, and alarms are logged by the trainer, so
that they appear in TensorBoard, W&B and MLflow. Beside each checkpoint lie a sketch of its weights and what
the callback knows; a training that is resumed goes on from there.
"""

from __future__ import annotations

import os
import sys
import weakref
from typing import Any, List, Optional, Union

from transformers import Trainer, TrainerCallback

from ._following import Following, facts_of_torch
from ._watch import Event

__all__ = ["Callback"]


class Callback(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Judges the weights every `every` steps and at each save.

    Parameters are those of :class:`modeltrail._following.Following`. `events` are the alarms so far.
    """

    def __init__(
        self, every: int = 100, sketches: bool = True, accredited: Any = None, memory: Union[int, str] = "256MiB"
    ) -> None:
        self._following = Following(every, sketches, accredited, memory)
        self._trainer: Any = lambda: None

    @property
    def events(self) -> List[Event]:
        """The alarms so far."""
        return self._following.events

    @property
    def seconds(self) -> List[float]:
        """What each look took, in seconds."""
        return self._following.seconds

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        trainer = _caller()
        self._trainer = weakref.ref(trainer) if trainer is not None else lambda: None
        if state.global_step > 0:
            self._following.go_on(_folder(args, state))

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if state.is_world_process_zero and self._following.is_due(state.global_step):
            self._look(args, state, control, model, kwargs)

    def on_save(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self._look(args, state, control, model, kwargs)
            self._following.keep(model, state.global_step, _folder(args, state))

    def _look(self, args: Any, state: Any, control: Any, model: Any, kwargs: Any) -> None:
        batch = args.per_device_train_batch_size * args.gradient_accumulation_steps
        facts = facts_of_torch(kwargs.get("optimizer"), kwargs.get("lr_scheduler"), batch)
        event = self._following.look(model, state.global_step, facts)
        trainer = self._trainer()
        if event is None or trainer is None:
            return
        metrics = event.metrics()
        if metrics:
            # Logging tells the trainer that what it meant to log is logged.
            should_log = control.should_log
            trainer.log(metrics)
            control.should_log = trainer.control.should_log = should_log


def _folder(args: Any, state: Any) -> str:
    return os.path.join(args.output_dir, f"checkpoint-{state.global_step}")


def _caller() -> Optional[Any]:
    """The trainer that calls a callback, which is told everything but that."""
    frame = sys._getframe(1)
    while frame is not None:
        one = frame.f_locals.get("self")
        if isinstance(one, Trainer):
            return one
        frame = frame.f_back  # type: ignore[assignment]
    return None
