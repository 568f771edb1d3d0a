"""Penalties on weights, added to the loss."""

from __future__ import annotations

from typing import Any

from . import ops
from .saving.objects import by_identifier, deserialize_keras_object, serialize_keras_object
from .tensor import Tensor

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "serialize",
]


class Regularizer:
    """Base of all regularizers: a callable ``weight -> scalar tensor``."""

    def __call__(self, x: Any) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(x)")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        return cls(**config)


def _factor(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a finite number that is not negative, got {value!r}")
    return float(value)


class L1L2(Regularizer):
    """l1 sum|w| + l2 sum(w^2)."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = _factor("l1", 0.0 if l1 is None else l1), _factor("l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Tensor:
        penalty: Any = 0.0
        if self.l1:
            penalty = penalty + self.l1 * ops.sum(ops.abs(x))
        if self.l2:
            penalty = penalty + self.l2 * ops.sum(ops.square(x))
        return ops.convert_to_tensor(penalty)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """l1 sum|w|."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Tensor:
        return self.l1 * ops.sum(ops.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """l2 sum(w^2), without the factor one half."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Tensor:
        return self.l2 * ops.sum(ops.square(x))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


l1, l2, l1_l2 = L1, L2, L1L2
_BY_NAME = {"L1": L1, "L2": L2, "L1L2": L1L2, "l1": L1, "l2": L2, "l1_l2": L1L2}
# As a name, l1l2 means both at 0.01, where the class defaults to neither.
_BY_NAME["l1l2"] = _BY_NAME["l1_l2"]


def get(identifier: Any) -> Any:
    """A regularizer from its name, config or any callable ``weight -> scalar``; None stays None."""
    if identifier in ("l1l2", "l1_l2", "L1L2"):
        return L1L2(l1=0.01, l2=0.01)
    return by_identifier(identifier, _BY_NAME, "regularizer", instance_of=Regularizer)


def serialize(regularizer: Any) -> Any:
    """The config of a regularizer, as ``deserialize`` takes it."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The regularizer a config describes."""
    return deserialize_keras_object(config, custom_objects)
