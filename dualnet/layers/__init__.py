"""Layers, one family per file."""

from .base import Layer
from .core import Activation, Dense, Identity, Input, InputLayer
from .regularization import Dropout
from .reshaping import Flatten, Reshape

__all__ = [
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "Identity",
    "Input",
    "InputLayer",
    "Layer",
    "Reshape",
    "deserialize",
    "serialize",
]


def serialize(layer: Layer) -> object:
    """The config of a layer, as ``deserialize`` takes it."""
    from ..saving.objects import serialize_keras_object

    return serialize_keras_object(layer)


def deserialize(config: dict[str, object], custom_objects: dict[str, object] | None = None) -> object:
    """The layer a config describes."""
    from ..saving.objects import deserialize_keras_object

    return deserialize_keras_object(config, custom_objects)
