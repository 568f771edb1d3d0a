"""LearningRateScheduler: set the learning rate of every epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any

from ..core.tensor import Tensor
from ..utils.io_utils import print_msg
from .callback import Callback
from .learning_rates import by_log_name, rate_of, rates


class LearningRateScheduler(Callback):
    """Sets the learning rate before every epoch.

    Args:
        schedule: a function of the epoch, counted from 0, and the current learning rate, or of the epoch alone. It
            returns the new learning rate.
        verbose: 1 prints the new rate.

    The rate of every epoch is in the logs as ``learning_rate``. For a rate that changes from step to step, pass a
    ``LearningRateSchedule`` to the optimizer instead.
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(
                f"LearningRateScheduler needs a function of the epoch and the learning rate, got {schedule!r}"
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        optimizers = by_log_name(self.model.optimizer)
        for optimizer in optimizers.values():
            rate = self._new_rate(epoch, rate_of(optimizer))
            optimizer.learning_rate = rate
            if self.verbose > 0:
                name = f"{optimizer.name} " if len(optimizers) > 1 else ""
                print_msg(f"\nEpoch {epoch + 1}: LearningRateScheduler setting {name}learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs.update(rates(self.model))

    def _new_rate(self, epoch: int, rate: float) -> float:
        new_rate = self.schedule(epoch, rate) if _takes_rate(self.schedule) else self.schedule(epoch)
        if isinstance(new_rate, Tensor) or hasattr(new_rate, "dtype"):
            new_rate = new_rate.item()
        if isinstance(new_rate, bool) or not isinstance(new_rate, Real):
            raise ValueError(f"the output of the schedule function should be a float, got {new_rate!r}")
        return float(new_rate)


def _takes_rate(schedule: Callable[..., Any]) -> bool:
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a C function without a signature
        return True
    return True
