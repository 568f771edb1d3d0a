"""Noticing that the loss is no longer finite, and after which step.

The losses of the last steps are kept where they were computed, as arrays on the device. They are read when there are ``PERIOD`` of
them, and where the logs are read anyway, at the end of an epoch. So no step waits for the device, and the first bad one is known.
"""

from __future__ import annotations

import math
from typing import Any

import dualnet_backends as backends

from ...capture.changing import Changing, State
from ...capture.executors.graph import LOSSES
from ...core.version import version
from ..steps import StepMixin
from .observation import Finding
from .replay import MAX_BYTES, Position, origin

PERIOD = LOSSES  # steps between two looks at the loss: so many are kept on the device
BETWEEN_COPIES = 128  # steps between two copies of the state, at least


class LossWatch:
    """Follows the losses of one run of ``fit``.

    Args:
        source: the ``EpochIterator`` of the run.
    """

    def __init__(self, model: Any, source: Any) -> None:
        self.model, self._source = model, source
        self.losses: list[Any] = []  # those of the last steps, which the model appends
        self._first_step: tuple[int, int, str] | None = None  # as from ``origin``
        self._reported = False
        self._epoch = self._first = 0  # the epoch, and the batch that the first of the losses is of
        self._start: tuple[Position, State] | None = None  # from which steps can be run again
        self._copied_at = -BETWEEN_COPIES
        self._changing: Changing | None = None  # as it was at this version of the model
        self._version: Any = None

    def begin_epoch(self, epoch: int, batch: int) -> None:
        """Before the first step of an epoch, or of what is left of it."""
        self._epoch, self._first = epoch, batch
        self.losses.clear()
        self.copy_state(batch)

    def first_step_was(self, description: str | None) -> None:
        """What was not finite in the first step of the epoch, which was observed."""
        self._first_step = None if description is None else (self._epoch, self._first, description)

    def copy_state(self, batch: int) -> None:
        """Copy the state before a step, unless that was done a few steps ago."""
        model = self.model
        if self._reported or model.optimizer is None or type(model).train_step is not StepMixin.train_step:
            return
        updates = model.optimizer.step_count()
        if abs(updates - self._copied_at) < BETWEEN_COPIES or not model.optimizer.built:
            return
        if self._changing is None or self._version != version():
            self._version, self._changing = version(), Changing.of(model)
        if self._changing.nbytes <= MAX_BYTES:
            self._copied_at = updates
            self._start = Position(self._epoch, batch, self._source.position()), State(self._changing)

    def look(self, batch: int) -> Finding | None:
        """Look at the mean loss so far, and forget the losses it is of. batch: the next one."""
        loss = float(self.model._loss_tracker.result())
        if not math.isfinite(loss):
            return self._report(loss)
        self.losses.clear()
        self._first = batch
        self.copy_state(batch)
        return None

    def end_epoch(self, logs: dict[str, Any]) -> Finding | None:
        """Look at the logs of an epoch."""
        loss = logs.get("loss")
        return None if self._reported or not isinstance(loss, float) or math.isfinite(loss) else self._report(loss)

    def _report(self, loss: float) -> Finding:
        """What is known about the first loss that was not finite."""
        values = [float(backends.of(x).to_numpy(x)) for x in self.losses]
        bad = next((i for i, value in enumerate(values) if not math.isfinite(value)), None)
        where, description = f"epoch {self._epoch + 1}", None
        if bad is not None:
            loss, batch = values[bad], self._first + bad
            where += f", batch {batch + 1}"
            description = self._origin(batch)
        self._reported, self._start, self.model._step_losses = True, None, None
        self.losses.clear()
        return (
            "loss_not_finite",
            f"the loss became {loss} in {where}{': ' + description if description else ''}",
            f"Use a smaller learning rate{_learning_rate(self.model.optimizer)}, limit the gradients (clipnorm=1.0 in the "
            "optimizer) or scale the inputs and targets; in functions of your own, keep logarithms, roots and divisions away "
            "from 0",
        )

    def _origin(self, batch: int) -> str | None:
        first = self._first_step
        if first is None and self._start is not None:
            stop = Position(self._epoch, batch, None)
            first = origin(self.model, self._source.data, self._source.steps, *self._start, stop)
        if first is None:
            return None
        epoch, number, words = first
        same = (epoch, number) == (self._epoch, batch)
        return words if same else f"{words} (in epoch {epoch + 1}, batch {number + 1})"


def _learning_rate(optimizer: Any) -> str:
    try:
        return f" (it is {float(optimizer.learning_rate):.3g})"
    except (AttributeError, TypeError, ValueError):  # several optimizers
        return ""
