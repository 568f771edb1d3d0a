"""References that keep nothing alive, for parts that know what they are a part of: without a cycle, memory is free at once."""

from __future__ import annotations

import weakref
from typing import Any


class Owner:
    """An attribute for the object that an object belongs to, such as the model of a captured step; None once that is gone."""

    def __set_name__(self, cls: type, name: str) -> None:
        self._key = f"_{name}_reference"

    def __get__(self, obj: Any, cls: Any = None) -> Any:
        if obj is None:
            return self
        reference = obj.__dict__.get(self._key)
        return None if reference is None else reference()

    def __set__(self, obj: Any, value: Any) -> None:
        obj.__dict__[self._key] = None if value is None else weakref.ref(value)


class Remembered:
    """An object that knows its owner, kept by this owner: the attributes are, and the object itself as long as others keep it.

    Args:
        obj: the object.
        owner: the name of its attribute for the owner.
    """

    def __init__(self, obj: Any, owner: str) -> None:
        self._cls, self._owner = type(obj), owner
        self._attributes = {key: value for key, value in vars(obj).items() if key != owner}
        self._reference: Any = weakref.ref(obj)

    def get(self, owner: Any) -> Any:
        """The object, or one like it if nobody has kept it."""
        obj = None if self._reference is None else self._reference()
        if obj is None:
            obj = object.__new__(self._cls)
            vars(obj).update(self._attributes, **{self._owner: owner})
            self._reference = weakref.ref(obj)
        return obj

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_reference": None}
