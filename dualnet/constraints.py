"""Conditions a weight is brought back to after every update."""

from __future__ import annotations

from typing import Any

from . import config, ops
from .core.hints import module_getattr
from .core.tensor import Tensor
from .serialization.configurable import Configurable
from .serialization.objects import by_identifier, deserialize_keras_object, serialize_keras_object

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

Axis = int | list[int] | tuple[int, ...]


class Constraint(Configurable):
    """Base of all constraints: a callable ``weight -> weight``; this one leaves the weight as it is."""

    def __call__(self, w: Any) -> Tensor:
        return ops.convert_to_tensor(w)


def _norm(w: Any, axis: Axis) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Norms along ``axis`` at most ``max_value``."""

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Tensor:
        norms = _norm(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (config.epsilon() + norms))


class NonNeg(Constraint):
    """No weight below 0."""

    def __call__(self, w: Any) -> Tensor:
        return ops.maximum(w, 0)


class UnitNorm(Constraint):
    """Norms along ``axis`` equal to 1."""

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        return w / (config.epsilon() + _norm(w, self.axis))


class MinMaxNorm(Constraint):
    """Norms along ``axis`` between two values, approached by a fraction ``rate`` of the way at each update."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Tensor:
        norms = _norm(w, self.axis)
        desired = self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (config.epsilon() + norms))


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
_BY_NAME = {
    "MaxNorm": MaxNorm, "NonNeg": NonNeg, "UnitNorm": UnitNorm, "MinMaxNorm": MinMaxNorm,
    "max_norm": MaxNorm, "non_neg": NonNeg, "unit_norm": UnitNorm, "min_max_norm": MinMaxNorm,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """A constraint from its name, config or any callable ``weight -> weight``; None stays None."""
    return by_identifier(identifier, _BY_NAME, "constraint", instance_of=Constraint)


def serialize(constraint: Any) -> Any:
    """The config of a constraint, as ``deserialize`` takes it."""
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The constraint a config describes."""
    return deserialize_keras_object(config, custom_objects)


__getattr__ = module_getattr(__name__, __all__)
