"""Helpers of the ops: dtype promotion of operands, and undoing a broadcast in the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from dualnet_backends import Backend

from ..core import settings
from ..core.dtypes import result_type
from ..core.tensor import Array, Xp
from ..graph.node import Spec
from ._sums import exact_sum

Backward = Callable[..., Any]
Forward = tuple[Array, Backward]  # what an op's function returns: the value, and its ``backward``
NoGrad = tuple[Array, None]  # the same for an op without a gradient
Axis = int | tuple[int, ...] | None

__all__ = [
    "Array",
    "Axis",
    "Backward",
    "Forward",
    "NoGrad",
    "Spec",
    "Xp",
    "along_axis",
    "as_array",
    "class_ids",
    "fitting",
    "floating",
    "is_whole",
    "label_error",
    "promote",
    "promote_floating",
    "range_error",
    "refuse_gradient",
    "sum_to",
    "whole_numbers",
]


def promote(x: Array, y: Any) -> tuple[Array, Any]:
    """Both operands in the dtype of their result. y: array or Python number, which stays one (numbers are weak)."""
    dx, dy = x.dtype, getattr(y, "dtype", None)
    if dx == dy:
        return x, y
    dtype = result_type(dx, y if dy is None else dy)
    x = x if dx == dtype else x.astype(dtype)
    if dy is None and dtype == "bfloat16":
        return x, x.dtype.type(y)  # NumPy promotes a Python number and an array of a dtype unknown to it to float32
    return x, (y if dy is None or dy == dtype else y.astype(dtype))


def fitting(x: Array, number: Any) -> Any:
    """A limit of x: a Python number that the integers of x cannot hold as the nearest that they can; anything else as it is."""
    if type(number) is not int or x.dtype.kind not in "iu":
        return number
    unsigned, bits = x.dtype.kind == "u", 8 * x.dtype.itemsize
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return min(max(number, low), high)


def floating(x: Array) -> Array:
    """``x`` itself when it is floating point (or complex), else converted to ``floatx()``."""
    return x if x.dtype.kind in "fcV" else x.astype(settings.floatx())


def promote_floating(x: Array, y: Any) -> tuple[Array, Any]:
    """As ``promote``, with a floating point result."""
    x, y = promote(x, y)
    return floating(x), (floating(y) if hasattr(y, "dtype") else float(y))


def along_axis(x: Array, axis: int | None) -> tuple[Array, int]:
    """x and the axis to work along; without an axis, x flattened.

    Raises:
        TypeError: there is more than one axis.
    """
    if axis is not None and not hasattr(axis, "__index__"):
        raise TypeError(f"axis must be one axis, or None for the flattened tensor, got {axis!r}")
    return (x.reshape(-1), 0) if axis is None else (x, axis)


def as_array(xp: Xp, y: Any, x: Array) -> Array:
    """``y`` as an array; a Python number in the dtype of ``x``."""
    return y if hasattr(y, "dtype") else xp.full((), y, dtype=x.dtype)


def class_ids(xp: Xp, x: Array) -> Array:
    """Class labels or ids as int32 or int64. What was out of range stays so: nothing wraps around, and a float that is no whole
    number becomes -1.
    """
    if x.dtype in ("int32", "int64"):
        return x
    if x.dtype.kind in "fV":
        return xp.where(is_whole(xp, x), x, -1).astype("int32")
    return x.view("int64") if x.dtype == "uint64" else x.astype("int32")


def is_whole(xp: Xp, x: Array) -> Array:
    """Whether each float is a whole number; NaN is none."""
    return xp.trunc(x) == x


def whole_numbers(backend: Backend, x: Array, name: str, what: str = "indices") -> Array:
    """Integers as they are, floats as int64; name: of the op, for the error.

    Raises:
        ValueError: there are floats that are no whole numbers. On a device that cannot raise, they become the least int64.
    """
    if x.dtype.kind not in "fV":
        return x
    try:
        valid = backend.require(is_whole(backend.xp, x), what)
    except IndexError:
        raise ValueError(
            f"{name}: expected whole numbers as {what}, got {_wrong_id(x, None)}: round them first"
        ) from None
    return backend.xp.where(valid, x.astype("int64"), -(2**63))


def _wrong_id(x: Array, n: int | None) -> int | float | None:
    """The first number on the host that is not whole, or else one outside of 0 to n - 1; None: there is neither."""
    if x.dtype.kind in "fV":
        x = x.astype("float64").reshape(-1)
        fractions = x != x.round()
        if fractions.any():
            return float(x[fractions.argmax()])
    low, high = x.min().item(), x.max().item()
    wrong = low if low < 0 else high
    return None if n is None or 0 <= wrong < n else int(wrong) if abs(wrong) < math.inf else wrong


def range_error(what: str, ids: Array, n: int, hint: str) -> IndexError:
    """What is wrong with ids on the host, some of which are outside of 0 to n - 1 or no whole numbers."""
    return IndexError(f"expected {what} from 0 to {n - 1}, whole numbers, got {_wrong_id(ids, n)}: {hint}")


def label_error(name: str, labels: Array, classes: int) -> ValueError:
    """What is wrong with labels on the host, some of which are outside the classes or no whole numbers."""
    wrong = _wrong_id(labels, classes)
    if isinstance(wrong, float) and abs(wrong) < math.inf:
        return ValueError(
            f"{name}: there is the label {wrong}, but labels are classes, whole numbers from 0 to {classes - 1}: targets that are "
            "numbers go with a loss of regression, such as mean_squared_error"
        )
    return ValueError(
        f"{name}: there is the label {wrong}, but there are {classes} classes, so labels go from 0 to "
        f"{classes - 1}: number the classes from 0, give the output more classes, or, for a label that counts for nothing, use "
        "ignore_class where there is such an argument"
    )


def refuse_gradient(what: str, out: Sequence[Any]) -> None:
    """Raise ``NotImplementedError`` when a gradient that is not known is requested. out: see ``in_place_grads`` of ``primitive``"""
    if any(requested is not False for requested in out):
        raise NotImplementedError(
            f"the gradient of {what} is not known here: write this part of the computation with other ops, or, where no gradient "
            "should flow, pass ops.stop_gradient(...) of the tensor"
        )


def sum_to(xp: Xp, dy: Array, x: Any) -> Any:
    """Undo a broadcast: ``dy`` summed to the shape of the operand ``x``; None when that was a Python number."""
    shape = getattr(x, "shape", None)
    if shape is None or dy.shape == shape:
        return None if shape is None else dy
    extra = dy.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 and dy.shape[extra + i] != 1))
    return exact_sum(xp, dy, axes).astype(dy.dtype, copy=False).reshape(shape)
