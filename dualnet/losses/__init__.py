"""Losses, as classes (reduced over the batch) and as functions (one value per sample)."""

from __future__ import annotations

from typing import Any

from .crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from .loss import Loss, LossFunctionWrapper
from .regression import MeanAbsoluteError, MeanSquaredError, mean_absolute_error, mean_squared_error

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "serialize",
    "sparse_categorical_crossentropy",
]

# What ``get`` knows. A new loss needs a line here, one above, and one in the parity test.
CLASSES: tuple[type[Loss], ...] = (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        binary_crossentropy,
        categorical_crossentropy,
        mean_absolute_error,
        mean_squared_error,
        sparse_categorical_crossentropy,
    )
}
# The short names are those of the functions, in either case.
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
bce = BCE = binary_crossentropy
_BY_NAME: dict[str, Any] = {c.__name__: c for c in CLASSES} | FUNCTIONS
_BY_NAME |= {"mse": mse, "MSE": mse, "mae": mae, "MAE": mae, "bce": bce, "BCE": bce}


def get(identifier: Any) -> Any:
    """A loss from its name, config, class, instance or function; None stays None.

    A name in snake_case gives the function, the name of a class an instance. Raises ``ValueError`` for an unknown name.
    """
    from ..saving.objects import by_identifier

    return by_identifier(identifier, _BY_NAME, "loss", instance_of=Loss)


def serialize(loss: Any) -> Any:
    """The config of a loss, as ``deserialize`` takes it."""
    from ..saving.objects import serialize_keras_object

    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss a config describes; a name gives what ``get`` gives."""
    from ..saving.objects import deserialize_keras_object

    return get(name) if isinstance(name, str) else deserialize_keras_object(name, custom_objects)
