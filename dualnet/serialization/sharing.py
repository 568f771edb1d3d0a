"""Layers that occur several times in a config: ``shared_object_id`` is one number for one layer, as in Keras's configs.

A layer may be in a model and in a model inside it. Its config is then written at each place, and read back as one layer.
The numbers count inside one config; ids of Keras are addresses, which serve as well.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_KEY = "shared_object_id"


class _Tables(threading.local):
    """What the config that is being written, and the one that is being read, have had so far."""

    written: dict[int, tuple[int, Any]] | None = None  # id of a layer -> its number, and the layer, which keeps the id taken
    read: dict[tuple[int, str], Any] | None = None  # (number, class name) -> layer


_tables = _Tables()


def write_config(write: Callable[[], Any]) -> Any:
    """The config that ``write()`` returns, where a layer that occurs once has no number."""
    if _tables.written is not None:
        return write()
    _tables.written = {}
    try:
        config = write()
    finally:
        _tables.written = None
    entries = [entry for entry in _dictionaries(config) if _KEY in entry]
    counts = Counter(entry[_KEY] for entry in entries)
    numbers: dict[int, int] = {}
    for entry in entries:
        number = entry.pop(_KEY)
        if counts[number] > 1:
            entry[_KEY] = numbers.setdefault(number, len(numbers) + 1)
    return config


def number_of(layer: Any) -> dict[str, int]:
    """The entry of a layer's config that says which layer it is."""
    assert _tables.written is not None
    number, _ = _tables.written.setdefault(id(layer), (len(_tables.written) + 1, layer))
    return {_KEY: number}


@contextmanager
def reading(fresh: bool = False) -> Iterator[None]:
    """Read configs as parts of one: that of the surrounding block, if there is one. fresh: of a config on its own."""
    before = _tables.read
    if before is None or fresh:
        _tables.read = {}
    try:
        yield
    finally:
        _tables.read = before


def find_layer(config: dict[str, Any]) -> Any:
    """The layer that was read from another place of the config, or None."""
    key = _key(config)
    return None if key is None or _tables.read is None else _tables.read.get(key)


def add_layer(config: dict[str, Any], layer: Any) -> None:
    """Note the layer that was made from its config."""
    key = _key(config)
    if key is not None and _tables.read is not None:
        _tables.read[key] = layer


def _key(config: dict[str, Any]) -> tuple[int, str] | None:
    number = config.get(_KEY)
    return (number, str(config.get("class_name"))) if isinstance(number, int) else None


def _dictionaries(config: Any) -> Iterator[dict[str, Any]]:
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack += reversed(value.values())
        elif isinstance(value, (list, tuple)):
            stack += reversed(value)
