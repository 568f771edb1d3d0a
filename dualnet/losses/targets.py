"""Targets outside what a loss is defined for: classes numbered -1 and 1, or 1 and 2, where 0 and 1 are meant.

Such a loss has a value, and training goes on with it. The check looks at values, so it is made on the host alone: when a loss is
called as a function, and for every batch that comes from an iterable (``training/data_adapters/batch_checks.py``). A captured
step, which only repeats ops, does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dualnet_backends as backends

from ..core.tensor import Tensor


def takes_targets(low: float, high: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator for loss functions: their targets go from ``low`` to ``high``."""

    def mark(fn: Callable[..., Any]) -> Callable[..., Any]:
        fn._target_range = (low, high)  # type: ignore[attr-defined]
        return fn

    return mark


def check_targets(fn: Callable[..., Any], y: Any) -> None:
    """Raise ``ValueError`` for a target that is off the range of a loss by 1 or more; noise at its ends may leave it a little.

    Args:
        fn: the loss function; one without a range is not checked, but for integer labels that are no whole numbers.
        y: an array or tensor; nothing is checked on a device that would have to be waited for.
    """
    array: Any = y.data if isinstance(y, Tensor) else y
    on_host = isinstance(array, backends.get("cpu").array_type)
    if not on_host or not array.size or array.dtype.kind not in "iuf":
        return
    if getattr(fn, "_keeps_labels", False):
        if array.dtype.kind == "f" and (array != array.round()).any():
            wrong = array[array != array.round()]
            raise ValueError(f"{fn.__name__} takes integer labels, got {wrong[0].item()!r}: {_HINT}")
        return
    limits = getattr(fn, "_target_range", None)
    if limits is None:
        return
    low, high = limits
    for value in (array.min(), array.max()):
        if value <= low - 1 or value >= high + 1:
            raise ValueError(f"{fn.__name__} takes targets from {low:g} to {high:g}, got {value.item()!r}: {_HINT}")


_HINT = "number two classes 0 and 1, make several one-hot, or choose the loss that goes with such targets"
