"""Choose the adapter for the data of ``fit``, ``evaluate`` and ``predict``."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from .array_adapter import ArrayData, is_arrays
from .epoch_iterator import Data
from .iterable_adapter import IterableData


def make_data(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool | str = False,
    class_weight: dict[int, float] | None = None,
    backend: backends.Backend | None = None,
    text: bool = False,
) -> Data:
    """The data as ``ArrayData`` or ``IterableData``. text: whether x may be strings."""
    if is_arrays(x):
        return ArrayData(x, y, sample_weight, batch_size, steps, shuffle, class_weight, backend, text)
    if not (hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))):
        raise TypeError(f"x must be arrays, or an iterable of batches, got {type(x).__name__}")
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(f"x is a {type(x).__name__} of batches: {name} must be in the batches, not an argument")
    if batch_size is not None:
        raise ValueError(f"with a {type(x).__name__} of batches, batch_size is decided by the batches")
    return IterableData(x, backend, shuffle, class_weight, text)
