"""Initial values of weights."""

from __future__ import annotations

from typing import Any

from ..core.hints import module_getattr
from ..core.naming import to_snake_case
from ..serialization.objects import by_identifier, deserialize_keras_object, serialize_keras_object
from .constant import STFT, Constant, Identity, Initializer, Ones, Zeros
from .random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from .random import compute_fans as compute_fans
from .random import with_axes as with_axes

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

_CLASSES = [
    Zeros, Ones, Constant, Identity, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling, GlorotUniform,
    GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal, STFT,
]  # fmt: skip
_BY_NAME: dict[str, type[Initializer]] = {c.__name__: c for c in _CLASSES}
_BY_NAME |= {to_snake_case(c.__name__): c for c in _CLASSES}
_BY_NAME |= {"IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal, "STFTInitializer": STFT}
_BY_NAME |= {"normal": RandomNormal, "uniform": RandomUniform, "zero": Zeros, "one": Ones}

# Keras's lower-case names are the classes themselves.
zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal, lecun_uniform, lecun_normal = HeUniform, HeNormal, LecunUniform, LecunNormal
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT


def get(identifier: Any) -> Any:
    """An initializer from its name, config, class, instance or any callable ``(shape, dtype)``; None stays None.

    An array or tensor gives an initializer of these values.
    """
    if hasattr(identifier, "shape") and hasattr(identifier, "dtype") and not callable(identifier):
        return _from_values(identifier)
    return by_identifier(identifier, _BY_NAME, "initializer", instance_of=Initializer, instantiate=True)


def _from_values(values: Any) -> Any:
    def initializer(shape: Any, dtype: Any = None) -> Any:
        if tuple(shape) != tuple(values.shape):
            raise ValueError(f"Expected `shape` to be {tuple(values.shape)}, that of the values, got {tuple(shape)}")
        return Constant(values)(shape, dtype)

    return initializer


def serialize(initializer: Any) -> Any:
    """The config of an initializer, as ``deserialize`` takes it."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer a config describes."""
    return deserialize_keras_object(config, custom_objects)


__getattr__ = module_getattr(__name__, __all__)
