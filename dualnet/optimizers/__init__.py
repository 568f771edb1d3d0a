"""Optimizers, one per file."""

from __future__ import annotations

from typing import Any

from .adam import Adam
from .base import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "deserialize", "get", "serialize"]

_CLASSES: dict[str, type[Optimizer]] = {"adam": Adam, "rmsprop": RMSprop, "sgd": SGD}


def get(identifier: Any) -> Any:
    """An optimizer from its name (in any case), config, class or instance."""
    from ..saving.objects import by_identifier

    if isinstance(identifier, str) and identifier.lower() in _CLASSES:
        identifier = identifier.lower()
    return by_identifier(identifier, _CLASSES, "optimizer", instance_of=Optimizer)


def serialize(optimizer: Optimizer) -> Any:
    """The config of an optimizer, as ``deserialize`` takes it."""
    from ..saving.objects import serialize_keras_object

    return serialize_keras_object(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer a config describes."""
    from ..saving.objects import deserialize_keras_object

    if str(config.get("class_name", "")).lower() in _CLASSES:
        cls = _CLASSES[config["class_name"].lower()]
        return cls.from_config(config["config"], custom_objects)
    return deserialize_keras_object(config, custom_objects)
