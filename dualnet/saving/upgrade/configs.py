"""Walks through a config and translates each object in it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...core.warning import warn
from ...serialization.objects import get_registered_object, look_up
from . import keras1, keras2, lambdas, training
from .unknown import without_unknown

# Objects that are values, whose config is not looked into.
_VALUES = (
    "__bytes__",
    "__ellipsis__",
    "__keras_tensor__",
    "__lambda__",
    "__numpy__",
    "__slice__",
    "__tensor__",
    "function",
    "type",
)
_LISTS = ("__tuple__", "TensorShape")  # {"class_name": "TensorShape", "items": [None, 28]}


def version_of(text: Any) -> int | None:
    """The first number of a version of Keras, such as "2.2.4-tf"; None where there is none."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    number = text.partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() else None


def upgraded(config: Any, version: int | None = None, custom_objects: dict[str, Any] | None = None) -> Any:
    """A config as Keras 3 writes it.

    Args:
        config: of an object, or a structure with configs in it; it is not changed.
        version: the Keras that wrote it, 1, 2 or 3; by default as the config looks.
        custom_objects: classes and functions of the user by name. The config of an object of theirs is left as it is, except
            for the configs in it.

    Raises:
        ValueError: a layer or an option that cannot be translated.
    """
    if version is None:
        version = _apparent_version(config)
    notes: list[str] = []
    result = _Upgrade(version, custom_objects or {}, notes.append).value(config)
    if notes:
        warn("the config was written by another version of Keras: " + "; ".join(dict.fromkeys(notes)))
    return result


class _Upgrade:
    """Translates what one version wrote.

    note: takes what a user should know, for one warning at the end.
    """

    def __init__(self, version: int, custom_objects: dict[str, Any], note: Callable[[str], None]) -> None:
        self.version, self.custom_objects, self.note = version, custom_objects, note

    def value(self, value: Any) -> Any:
        """A value of a config."""
        if isinstance(value, (list, tuple)):
            return [self.value(v) for v in value]
        if not isinstance(value, dict):
            return value
        name = value.get("class_name")
        if name in _LISTS and isinstance(value.get("items"), list):
            return self.value(value["items"])
        if value.get("type") == "ndarray" and "value" in value:  # a NumPy number among the arguments
            return value["value"]
        if self.version <= 2 and (function := training.function_name(value, self.custom_objects)) is not None:
            return function
        if name in _VALUES or ("class_name" in value and not isinstance(name, str)):
            return value
        if name is None or "config" not in value:
            return {key: self.value(v) for key, v in value.items()}
        return self.object(value)

    def object(self, entry: dict[str, Any]) -> dict[str, Any]:
        """``{"class_name": ..., "config": ...}``"""
        own = any(
            get_registered_object(entry.get(key), self.custom_objects) for key in ("registered_name", "class_name")
        )
        if own:
            return {key: self.value(v) for key, v in entry.items()}
        if isinstance(entry["config"], list) and entry["class_name"] == "Sequential":
            entry = {**entry, "config": {"layers": entry["config"]}}
        if not isinstance(entry["config"], dict):
            return entry
        if self.version == 1:
            entry = keras1.upgraded(entry, self.note)
        if self.version <= 2:
            entry = keras2.upgraded(entry)
        if entry["class_name"] == "Lambda":
            entry = lambdas.upgraded(entry, self.custom_objects)
        entry = training.upgraded(entry, self.note)
        entry = {key: v if key == "inbound_nodes" else self.value(v) for key, v in entry.items()}
        try:
            cls = look_up(entry, entry["class_name"], self.custom_objects)
        except ValueError:  # the reader says that it is unknown
            return entry
        if inspect.isclass(cls) and isinstance(entry["config"], dict):
            entry["config"] = without_unknown(cls, entry["config"], self.note)
        return entry


def _apparent_version(config: Any) -> int:
    """Which version wrote a config that does not say so."""
    version = 2
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if "module" in value and "registered_name" in value:
                return 3
            if keras1.is_old(value):
                version = 1
            stack += value.values()
        elif isinstance(value, (list, tuple)):
            stack += value
    return version
