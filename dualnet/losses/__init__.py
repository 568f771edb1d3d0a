"""Losses, as classes (reduced over the batch) and as functions (one value per sample)."""

from __future__ import annotations

from typing import Any

from ..core.hints import module_getattr
from ..legacy.arguments import LOSSES
from ..legacy.arguments import Reduction as Reduction
from ..serialization.objects import by_identifier, deserialize_keras_object, serialize_keras_object
from .crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from .focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from .generalized import CategoricalGeneralizedCrossEntropy, categorical_generalized_cross_entropy
from .loss import FUNCTIONS as FUNCTIONS
from .loss import Loss, LossFunctionWrapper
from .margin import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from .overlap import Dice, Tversky, dice, tversky
from .probabilistic import KLDivergence, Poisson, kl_divergence, poisson
from .regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PseudoHuber,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    pseudo_huber,
)
from .sequence import CTC, ctc
from .similarity import Circle, CosineSimilarity, circle, cosine_similarity

__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "PseudoHuber",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "pseudo_huber",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

# The classes and functions that ``get`` knows, by name. A new one needs its import, its name above and a row in tests/losses.
_PUBLIC = {name: globals()[name] for name in __all__ if name not in ("deserialize", "get", "serialize")}
_BY_NAME: dict[str, Any] = dict(_PUBLIC)
FUNCTIONS |= {name: f for name, f in _PUBLIC.items() if not isinstance(f, type)}
CLASSES = tuple(c for c in _PUBLIC.values() if isinstance(c, type) and c not in (Loss, LossFunctionWrapper))
# The short names are those of the functions, in either case.
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
_SHORT = {"mse": mse, "mae": mae, "mape": mape, "msle": msle, "bce": bce, "kld": kld}
_BY_NAME |= _SHORT | {name.upper(): function for name, function in _SHORT.items()}
_BY_NAME |= {old: _BY_NAME[new] for old, new in LOSSES.items()}


def get(identifier: Any) -> Any:
    """A loss from its name, config, class, instance or function; None stays None.

    A name in snake_case gives the function, the name of a class an instance. Raises ``ValueError`` for an unknown name.
    """
    return by_identifier(identifier, _BY_NAME, "loss", instance_of=Loss)


def serialize(loss: Any) -> Any:
    """The config of a loss, as ``deserialize`` takes it."""
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss a config describes; a name gives what ``get`` gives."""
    return get(name) if isinstance(name, str) else deserialize_keras_object(name, custom_objects)


__getattr__ = module_getattr(__name__, __all__)
