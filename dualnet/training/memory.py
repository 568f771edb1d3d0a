"""What ``fit``, ``evaluate`` and ``predict`` say when the memory of the device is not enough."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import dualnet_backends as backends

F = TypeVar("F", bound=Callable[..., Any])


def explains_memory(method: F) -> F:
    """A method of a model that raises ``OutOfMemoryError`` for whatever the array library raises when it finds no memory."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with backends.explaining_memory(self._backend()):
            return method(self, *args, **kwargs)

    return call  # type: ignore[return-value]
