"""Logs: names and numbers for callbacks, read from the device when they are accessed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import dualnet_backends as backends

from ..core.tensor import Tensor


class Logs(MutableMapping[str, Any]):
    """The results of a step by name, as Python floats. ``read`` is called at the first access only."""

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        self._read: Callable[[], dict[str, Any]] | None = read
        self._values: dict[str, Any] = {}
        self.edited = False  # whether an entry was set or deleted

    def _ready(self) -> dict[str, Any]:
        if self._read is not None:
            read, self._read = self._read, None
            self._values = to_numbers(read())
        return self._values

    def __getitem__(self, key: str) -> Any:
        return self._ready()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.edited = True
        self._ready()[key] = value

    def __delitem__(self, key: str) -> None:
        self.edited = True
        del self._ready()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ready())

    def __len__(self) -> int:
        return len(self._ready())

    def copy(self) -> dict[str, Any]:
        """The values in a new dictionary."""
        return dict(self._ready())

    def __repr__(self) -> str:
        return repr(self._ready())


def materialize(logs: weakref.ref[Logs]) -> None:
    """Read logs that a callback has kept now, before the next step changes the results."""
    if (live_logs := logs()) is not None:
        live_logs.copy()


def to_numbers(results: MutableMapping[str, Any] | dict[str, Any]) -> dict[str, Any]:
    """Results as Python numbers (lists for those with axes), sorted by name; dictionaries among them are opened.

    Raises ``ValueError`` for NaN that comes from labels or ids outside their range.
    """
    numbers: dict[str, Any] = {}
    for name in sorted(results):
        value = results[name]
        if isinstance(value, dict):
            numbers |= to_numbers(value)
            continue
        if isinstance(value, Tensor):
            backend, value = backends.of(value.data), value.numpy()
            if value.dtype.kind == "f" and (value != value).any():
                raise_for_invalid_ids(backend)
        if hasattr(value, "tolist"):
            value = value.tolist()
        numbers[name] = value
    return dict(sorted(numbers.items()))


def raise_for_invalid_ids(backend: backends.Backend) -> None:
    """Raise ``ValueError`` if a step met labels or ids outside their range, on a device that could not stop it."""
    try:
        backend.raise_for_invalid_ids()
    except IndexError as error:
        raise ValueError(
            f"the result is NaN or wrong because a step got {error} outside the range: labels go from 0 to classes - 1, ids of an "
            "Embedding from 0 to input_dim - 1, and all are whole numbers. In a training step the weights have become NaN, too: "
            "make the model anew, or load its weights. On the CPU (`with dualnet.device('cpu')`) the step itself raises, and says "
            "which label or id it was"
        ) from None
