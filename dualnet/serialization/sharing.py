"""Layers that occur several times in a config: ``shared_layer`` is one number for one layer.

A layer may be in a model and in a model inside it. Its config is then written at each place, and read back as one layer.
The numbers count inside one config. Keras has ``shared_object_id`` for the same purpose, but cannot read a layer of a graph
from it; it reads our configs as it reads its own, as separate layers.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_KEY = "shared_layer"
_KERAS_KEY = "shared_object_id"


class _Tables(threading.local):
    """What the config that is being written, and the one that is being read, have had so far."""

    written: dict[int, tuple[int, Any]] | None = (
        None  # id of a layer -> its number, and the layer, which keeps the id taken
    )
    read: dict[tuple[str, int], Any] | None = None  # (key, number) -> layer


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
    number = _number(config)
    return None if number is None or _tables.read is None else _tables.read.get(number)


def add_layer(config: dict[str, Any], layer: Any) -> None:
    """Note the layer that was made from its config."""
    number = _number(config)
    if number is not None and _tables.read is not None:
        _tables.read[number] = layer


def _number(config: dict[str, Any]) -> tuple[str, int] | None:
    return next(((key, config[key]) for key in (_KEY, _KERAS_KEY) if isinstance(config.get(key), int)), None)


@contextmanager
def copying() -> Iterator[None]:
    """Copy layers one by one, by their configs, as parts of one model."""
    before = _tables.written
    _tables.written = {}
    try:
        with reading(fresh=True):
            yield
    finally:
        _tables.written = before


def copied(layer: Any, copy: Callable[[], Any]) -> Any:
    """``copy()``, unless a copy of the layer has come with another layer that it is inside of."""
    entry = number_of(layer)
    if find_layer(entry) is None:
        add_layer(entry, copy())
    return find_layer(entry)


def _dictionaries(config: Any) -> Iterator[dict[str, Any]]:
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack += reversed(value.values())
        elif isinstance(value, (list, tuple)):
            stack += reversed(value)
