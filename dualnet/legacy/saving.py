"""Configs as Keras 2 wrote them: ``{"class_name": ..., "config": ...}`` without a module (``keras.legacy.saving``)."""

from __future__ import annotations

import inspect
from typing import Any

from ..serialization.objects import custom_object_scope, get_registered_name, get_registered_object, public_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]

_OBJECT = "__passive_serialization__"  # marks what stands for an object among the values of a config


def serialize_keras_object(instance: Any) -> Any:
    """The config of an object, or the name of a class or function.

    Raises:
        ValueError: it has neither a ``get_config`` nor a name.
    """
    if instance is None:
        return None
    instance = inspect.unwrap(instance) if callable(instance) else instance
    if hasattr(instance, "get_config") and not inspect.isclass(instance):
        config = {key: _plain(value) for key, value in instance.get_config().items()}
        return {"class_name": get_registered_name(type(instance)), "config": config}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(f"Cannot serialize {instance} because it doesn't implement `get_config()`.")


def _plain(value: Any) -> Any:
    """A value of a config: objects as their configs, marked, functions as their names; other values as they are."""
    try:
        plain = value if isinstance(value, str) else serialize_keras_object(value)
    except ValueError:
        return value
    return {**plain, _OBJECT: True} if isinstance(plain, dict) else plain


def deserialize_keras_object(
    identifier: Any,
    module_objects: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """The object of a config, or of the name of a class (made without arguments) or function. A function stays as it is.

    Args:
        identifier: what ``serialize_keras_object`` returned.
        module_objects: the classes and functions it may name, by default all of dualnet.
        custom_objects: your own classes and functions by name.
        printable_module_name: what the object is called in messages.

    Raises:
        ValueError: a name that is none of these, or something else than a config or a name.
    """
    if identifier is None or inspect.isfunction(identifier):
        return identifier
    if isinstance(identifier, str):
        found = _find(identifier, module_objects, custom_objects, printable_module_name)
        return found() if inspect.isclass(found) else found
    if not isinstance(identifier, dict):
        raise ValueError(f"Could not interpret serialized {printable_module_name}: {identifier}")
    if "class_name" not in identifier or not isinstance(identifier.get("config"), dict):
        raise ValueError(
            f"Improper config format for {identifier}. Expecting python dict contains `class_name` and `config` as keys, the second "
            "with a dictionary"
        )
    cls = _find(identifier["class_name"], module_objects, custom_objects, printable_module_name)
    config = {
        key: value if key == "name" else _value(value, module_objects, custom_objects)
        for key, value in identifier["config"].items()
    }
    with custom_object_scope(custom_objects):
        return cls.from_config(config) if hasattr(cls, "from_config") else cls(**config)


def _value(value: Any, module_objects: Any, custom_objects: Any) -> Any:
    """A value of a config as the constructor takes it: marked configs as objects, names of functions as these."""
    if isinstance(value, dict) and _OBJECT in value:
        return deserialize_keras_object(value, module_objects, custom_objects, "config_item")
    if isinstance(value, str):
        found = get_registered_object(value, custom_objects, module_objects)
        return found if inspect.isfunction(found) else value
    return value


def _find(name: str, module_objects: Any, custom_objects: Any, what: str) -> Any:
    found = get_registered_object(name, custom_objects, module_objects)
    if found is None and module_objects is None:
        found = public_object(name)
    if found is None:
        raise ValueError(
            f"Unknown {what}: {name!r}. If it is yours, pass custom_objects={{{name!r}: ...}}, or use "
            "`dualnet.utils.custom_object_scope`"
        )
    return found
