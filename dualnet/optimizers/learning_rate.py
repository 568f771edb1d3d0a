"""The learning rate of an optimizer: a number that can be set, a schedule, or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import dualnet_backends as backends

from .. import config
from ..core.tensor import Tensor
from ..core.variables import Variable
from ..serialization.objects import serialize_keras_object
from .schedules import Formula, LearningRateSchedule


class LearningRate:
    """What an optimizer was given as ``learning_rate``, and its value at a step.

    ``variable`` is the number in a variable on the host, or None when a schedule or function decides. The value is
    worked out on the host at every step: it is an argument of the update.
    """

    def __init__(self, value: Any, owner: str) -> None:
        self.owner = owner
        self.variable: Variable | None = None
        self.function: Callable[..., Any] | None = None
        self.set(value)

    def set(self, value: Any) -> None:
        """Take another number, schedule or function."""
        if callable(value) and not isinstance(value, Tensor):
            self.variable, self.function = None, value
            return
        if self.function is not None:
            description = "`LearningRateSchedule`" if isinstance(self.function, LearningRateSchedule) else "function"
            raise TypeError(
                f"This optimizer was created with a {description} as its learning rate, which decides it at every step, so it "
                "cannot be set. Give the optimizer a number as learning_rate if a callback or you are to change it"
            )
        if self.variable is None and isinstance(value, Variable):
            self.variable = value  # the caller's own: to assign to it changes the rate
            return
        try:
            rate = float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"{self.owner}: learning_rate must be a number, a LearningRateSchedule or a function, got {value!r}"
            ) from None
        if not rate >= 0:
            raise ValueError(f"{self.owner}: learning_rate must not be negative, got {value!r}")
        if self.variable is None:
            host = backends.get("cpu")
            self.variable = Variable(rate, dtype=config.floatx(), trainable=False, name="learning_rate", backend=host)
        else:
            self.variable.assign(rate)

    def at(self, iterations: Variable) -> float:
        """The rate after so many updates. ``iterations`` is a variable on the host."""
        if self.variable is not None:
            return float(self.variable.data)
        function = self.function
        assert function is not None
        if isinstance(function, Formula):
            return function.at(int(iterations.data))
        with backends.device("cpu"):  # a schedule of the user's, written with ops, stays on the host too
            # A schedule is asked for a step; Keras calls any other function without an argument.
            return float(function(iterations) if _takes_step(function) else function())

    def config(self) -> Any:
        """For ``get_config``: a number, or the config of the schedule or function."""
        return serialize_keras_object(self.function) if self.variable is None else float(self.variable)


def _takes_step(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return True
    return False
