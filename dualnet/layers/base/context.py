"""What a layer inherits from the call or the build it is in: training or not, the path of names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from weakref import WeakSet

from ...core import variables

__all__ = ["at_path", "context", "layer_scope", "name_scope"]


class Context(threading.local):
    """The call that this thread is in."""

    training: bool | None = None
    inside = False  # whether a layer is being called: others it calls belong to the same call
    scope: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.layers_with_losses: WeakSet[Any] = WeakSet()  # those on which add_loss was called
        self.arguments: dict[str, Any] = {}  # keyword arguments that outer calls pass on, besides training
        self._outer: list[dict[str, Any]] = []

    def enter(self, arguments: dict[str, Any]) -> None:
        """Pass these arguments on until ``leave``."""
        self._outer.append(self.arguments)
        self.arguments = arguments

    def leave(self) -> None:
        self.arguments = self._outer.pop()


context = Context()
variables.scope = lambda: context.scope


@contextmanager
def name_scope(name: str) -> Iterator[None]:
    """Put ``name/`` before the path of every variable made inside the block."""
    before = context.scope
    context.scope = (*before, name)
    try:
        yield
    finally:
        context.scope = before


@contextmanager
def at_path(path: str) -> Iterator[None]:
    """Put ``path/`` before the names of every variable made inside the block, whatever is around it."""
    before = context.scope
    context.scope = tuple(path.split("/"))
    try:
        yield
    finally:
        context.scope = before


def layer_scope(name: str) -> AbstractContextManager[None]:
    """The ``name_scope`` of a layer, unless it is the innermost one already."""
    return nullcontext() if context.scope[-1:] == (name,) else name_scope(name)
