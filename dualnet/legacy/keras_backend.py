"""Functions of ``keras.backend`` in Keras 2 whose arguments or defaults differ from those of the ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..core import settings
from ..core.tensor import Tensor


def argmax_last(x: Any, axis: int = -1) -> Any:
    """The index of the largest value, along the last axis by default."""
    return ops.argmax(x, axis=axis)


def argmin_last(x: Any, axis: int = -1) -> Any:
    """The index of the smallest value, along the last axis by default."""
    return ops.argmin(x, axis=axis)


def concat_last(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Tensors joined along an axis, by default the last."""
    return ops.concatenate(tensors, axis=axis)


def set_value(x: Any, value: Any) -> None:
    """Assign to a variable, or to a learning rate."""
    x.assign(value)


def cast_to_floatx(x: Any) -> Any:
    """Cast to the default float type; an array stays an array."""
    return (
        ops.cast(x, settings.floatx()) if isinstance(x, Tensor) else ops.convert_to_numpy(x).astype(settings.floatx())
    )


def batch_flatten(x: Any) -> Any:
    """x: (batch, ...) -> (batch, values)"""
    return ops.reshape(x, (ops.shape(x)[0], -1))


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """Elementwise one of two expressions (or of the results of two functions without arguments), by a condition."""
    first, second = (e() if callable(e) else e for e in (then_expression, else_expression))
    return ops.where(condition, first, second)
