"""What a layer inherits from the call or the build it is in: training or not, the path of names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from ...core import variables

__all__ = ["at_path", "context", "name_scope", "nothing"]


class Context(threading.local):
    """The call that this thread is in."""

    training: bool | None = None
    inside = False  # whether a layer is being called: others it calls belong to the same call
    scope: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.holding: WeakSet[Any] = WeakSet()  # layers on which add_loss left something
        self.arguments: dict[str, Any] = {}  # what outer calls hand on, beside training
        self._outer: list[dict[str, Any]] = []

    def enter(self, arguments: dict[str, Any]) -> None:
        """Hand these on from now on, until ``leave``."""
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


@contextmanager
def nothing() -> Iterator[None]:
    """A block like any other."""
    yield
