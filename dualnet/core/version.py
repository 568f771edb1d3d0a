"""A version number of everything that a cached fact about a model, or a captured step, depends on."""

from __future__ import annotations

from typing import Any

from .tracing import state

_version = 0


def version() -> int:
    """A number that changes whenever weights are created, ``trainable`` is set, or a setting that steps depend on changes."""
    return _version


def invalidate() -> None:
    """Invalidate cached facts about models, and captured steps. What an abstract layer does concerns none."""
    global _version
    if state.abstract is None:
        _version += 1


class Invalidating:
    """Base of what takes part in a step without being a layer: setting an attribute anew invalidates captured steps."""

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get(name, value) is not value:
            invalidate()
        object.__setattr__(self, name, value)
