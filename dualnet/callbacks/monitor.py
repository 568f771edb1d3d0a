"""The base of callbacks that monitor one result: whether lower or higher is better, and what counts as an improvement."""

from __future__ import annotations

import difflib
import math
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends

from .. import ops
from ..config import floatx
from ..core.variables import fixed_number
from ..core.warning import warn
from .callback import Callback


class MonitorCallback(Callback):
    """Base class of callbacks that act when a result improves, or no longer improves.

    Args:
        monitor: name of the result, as in the logs: "loss", "val_accuracy".
        mode: whether lower ("min") or higher ("max") is better; "auto": lower for a loss, and as a compiled metric says.
        baseline: value to beat from the start; None: the first value counts as an improvement.
        min_delta: least difference that counts as an improvement.
    """

    _condition = "Monitoring is"  # the beginning of the warning that the result is missing

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warn(f"{type(self).__name__} mode {mode!r} is unknown: expected 'auto', 'min' or 'max'; using 'auto'")
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = fixed_number(baseline, f"{type(self).__name__}: the value to improve on")
        self.min_delta = abs(
            fixed_number(min_delta, f"{type(self).__name__}: min_delta")
        )  # negative once the direction is known to be "min"
        self.monitor_op: Callable[[Any, Any], Any] | None = None
        self._warned = False

    def on_train_begin(self, logs: Any = None) -> None:
        self._warned = False

    def _set_monitor_op(self, logs: Any = None) -> None:
        """Determine the direction of improvement; only after a step, when the model's metrics exist."""
        if self.monitor_op is not None:
            return
        direction = {"min": "down", "max": "up"}.get(self.mode) or self._direction()
        if direction is None:
            raise ValueError(
                f"{type(self).__name__}: cannot tell whether a high or a low {self.monitor!r} is better. "
                f"Pass mode='max' or mode='min', or check the name{_available(self.monitor, logs)}"
            )
        self.monitor_op = ops.greater if direction == "up" else ops.less
        if direction == "down":
            self.min_delta = -self.min_delta

    def _direction(self) -> str | None:
        name = self.monitor.removeprefix("val_")
        # The results of a model with several outputs are named <output>_<metric>.
        outputs = getattr(self.model, "output_names", None) or ()
        names = [name, *(name.removeprefix(f"{o}_") for o in outputs if name.startswith(f"{o}_"))]
        for metric in _leaves(getattr(self.model, "metrics", None) or ()):
            if metric.name in names and getattr(metric, "_direction", None) in ("up", "down"):
                return str(metric._direction)
        return "down" if "loss" in names else None

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        assert self.monitor_op is not None
        if math.isnan(reference):
            # Otherwise a run that starts with NaN would never improve.
            return not math.isnan(value)
        # Losses and metrics are float32: more digits would let the rounding of min_delta decide.
        with backends.device("cpu"):
            return bool(self.monitor_op(_rounded(value - self.min_delta), _rounded(reference)))

    def get_monitor_value(self, logs: Any) -> float | None:
        """The monitored result as a number; None, with a warning, when the logs do not have it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            self._warn_once(
                f"{self._condition} conditioned on metric `{self.monitor}` which is not available"
                f"{_available(self.monitor, logs)}"
            )
            return None
        try:
            return one_number(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"{type(self).__name__}: expected one number as {self.monitor!r}, got {value!r}. "
                "Monitor another result, or give the metric an average"
            ) from None

    def _warn_once(self, message: str) -> None:
        """Warn once per fit, not in every epoch."""
        if not self._warned:
            self._warned = True
            warn(message)


def one_number(value: Any) -> float:
    """A result as a number, also from a list with one entry, such as the F1 score of a single output.

    Raises ``TypeError`` or ``ValueError`` for anything else.
    """
    while isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    return float(value)


def _leaves(metrics: Any) -> Iterator[Any]:
    for metric in metrics:
        yield metric
        yield from _leaves(getattr(metric, "metrics", None) or ())


def _rounded(value: float) -> float:
    return value if floatx() == "float64" else array("f", [value])[0]


def _available(monitor: str, logs: Any) -> str:
    """'. Available metrics are: accuracy,loss; did you mean 'accuracy'?'"""
    keys = sorted(logs or {})
    close = difflib.get_close_matches(monitor, keys, 1)
    return f". Available metrics are: {','.join(keys)}" + (f"; did you mean {close[0]!r}?" if close else "")
