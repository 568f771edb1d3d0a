"""What a config that is being written is for: what its file has besides, and which objects of the user it names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Writing(threading.local):
    assets = True
    compile_config = True
    named: dict[str, Any] | None = None


_writing = _Writing()


@contextmanager
def writing(named: dict[str, Any] | None = None, assets: bool = True, compile_config: bool = True) -> Iterator[None]:
    """Write configs for a file.

    Args:
        named: gets the classes and functions of the user that the configs name, as ``custom_objects``.
        assets: whether the file has assets. If not, a config has what a layer would keep in one, such as a learned vocabulary.
        compile_config: whether the arguments of ``compile`` are in the configs.
    """
    before = vars(_writing).copy()
    _writing.named, _writing.assets, _writing.compile_config = named, assets, compile_config
    try:
        yield
    finally:
        vars(_writing).clear()
        vars(_writing).update(before)


def has_assets() -> bool:
    """Whether the config that is being written goes into a file that has assets too."""
    return _writing.assets


def writes_compile_config() -> bool:
    """Whether the arguments of ``compile`` are part of the config that is being written."""
    return _writing.compile_config


def note_named(obj: Any, *names: str) -> None:
    """Note that a config names an object of the user."""
    if _writing.named is not None:
        _writing.named.update(dict.fromkeys(names, obj))
