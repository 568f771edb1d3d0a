"""Logs: names and numbers for callbacks, read from the device when they are accessed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

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
    """Results as Python numbers (lists for those with axes), sorted by name; dictionaries among them are opened."""
    numbers: dict[str, Any] = {}
    for name in sorted(results):
        value = results[name]
        if isinstance(value, dict):
            numbers |= to_numbers(value)
            continue
        if isinstance(value, Tensor):
            value = value.numpy()
        if hasattr(value, "tolist"):
            value = value.tolist()
        numbers[name] = value
    return dict(sorted(numbers.items()))
