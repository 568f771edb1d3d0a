"""Penalties on weights, added to the loss."""

from __future__ import annotations

from typing import Any

from . import ops
from .core.hints import module_getattr
from .core.tensor import Tensor
from .core.version import Invalidating
from .serialization.configurable import Configurable
from .serialization.objects import by_identifier, deserialize_keras_object, serialize_keras_object

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer(Configurable, Invalidating):
    """Base of all regularizers: a callable ``weight -> scalar tensor``."""

    def __call__(self, x: Any) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(x)")


def _factor(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float, got {value!r}")
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


class L1(Regularizer):
    """l1 sum|w|."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Tensor:
        return self.l1 * ops.sum(ops.abs(x))


class L2(Regularizer):
    """l2 sum(w^2), without the factor one half."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Tensor:
        return self.l2 * ops.sum(ops.square(x))


class OrthogonalRegularizer(Regularizer):
    """factor * the mean of abs(cosine) over all pairs of rows (or columns) of a matrix: small when they are orthogonal.

    Args:
        mode: "rows" or "columns".

    Raises:
        ValueError: for weights that are no matrix.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("factor", factor)
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}'
            )
        self.mode = mode

    def __call__(self, x: Any) -> Tensor:
        if len(x.shape) != 2:
            raise ValueError(
                f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={tuple(x.shape)}"
            )
        vectors = ops.normalize(x if self.mode == "rows" else ops.transpose(x), axis=1)
        n = vectors.shape[0]
        cosines = ops.matmul(vectors, ops.transpose(vectors)) * (1.0 - ops.eye(n, dtype=vectors.dtype))
        return self.factor * 0.5 * ops.sum(ops.abs(cosines)) / (n * (n - 1) / 2)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
_BY_NAME = {
    "L1": L1, "L2": L2, "L1L2": L1L2, "OrthogonalRegularizer": OrthogonalRegularizer,
    "l1": L1, "l2": L2, "l1_l2": L1L2, "l1l2": L1L2, "orthogonal_regularizer": OrthogonalRegularizer,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """A regularizer from its name, config or any callable ``weight -> scalar``; None stays None."""
    # As a name it means both at 0.01, where the class defaults to neither.
    if identifier in ("l1l2", "l1_l2", "L1L2"):
        return L1L2(l1=0.01, l2=0.01)
    return by_identifier(identifier, _BY_NAME, "regularizer", instance_of=Regularizer)


def serialize(regularizer: Any) -> Any:
    """The config of a regularizer, as ``deserialize`` takes it."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The regularizer a config describes."""
    return deserialize_keras_object(config, custom_objects)


__getattr__ = module_getattr(__name__, __all__)
