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
    """Raise ``ValueError`` for targets that a loss is not defined for.

    Args:
        fn: the loss function; one without a range is not checked, but for integer labels that are no whole numbers.
        y: an array or tensor; nothing is checked on a device that would have to be waited for.
    """
    limits = getattr(fn, "_target_range", None)
    if limits is not None:
        check_range(fn.__name__, y, *limits)
    elif getattr(fn, "_keeps_labels", False):
        array = _on_host(y)
        if array is not None and array.dtype.kind == "f" and (array != array.round()).any():
            wrong = array[array != array.round()]
            raise ValueError(f"{fn.__name__} takes integer labels, got {wrong[0].item()!r}: {_HINT}")


def check_range(name: str, y: Any, low: float, high: float) -> None:
    """Raise ``ValueError`` for a target that is off a range by 1 or more; noise at its ends may leave it a little."""
    array = _on_host(y)
    if array is None:
        return
    for value in (array.min(), array.max()):
        if value <= low - 1 or value >= high + 1:
            raise ValueError(f"{name} takes targets from {low:g} to {high:g}, got {value.item()!r}: {_HINT}")


def _on_host(y: Any) -> Any:
    """The numbers of an array or tensor, if there are some and they are on the host."""
    array: Any = y.data if isinstance(y, Tensor) else y
    on_host = isinstance(array, backends.get("cpu").array_type)
    return array if on_host and array.size and array.dtype.kind in "iuf" else None


_HINT = (
    "number two classes 0 and 1, make several one-hot, or choose the loss that goes with such targets. Padding with a weight of 0 "
    "needs targets in the range, too"
)
