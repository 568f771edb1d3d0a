"""Evenly spaced numbers, on linear and logarithmic scales."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from ...core import settings
from ...core.dtypes import is_float, result_type, standardize_dtype
from ...core.op import composite
from ...core.tensor import Tensor
from ...core.tracing import trace_constant
from .._common import Array
from ..core.create import arange, convert_to_tensor, full
from ..core.shape import moveaxis, ndim, reshape
from ..registry import op
from .arithmetic import add, divide, multiply, power, subtract
from .elementwise import cast, floor


def _steps(start: Array, stop: Array, num: int, endpoint: bool) -> Array:
    """``num`` numbers from start to stop along a new first axis."""
    if num < 0:
        raise ValueError(f"expected num >= 0, got {num}")
    intervals = max(num - 1 if endpoint else num, 1)
    fractions = multiply(arange(num, dtype=str(start.dtype)), 1 / intervals)
    fractions = reshape(fractions, (num, *(1,) * ndim(subtract(start, stop))))
    return add(multiply(start, subtract(1, fractions)), multiply(stop, fractions))


def _ends(start: Any, stop: Any) -> tuple[Array, Array]:
    dtype = result_type(
        *(getattr(v, "dtype", type(v)) if not isinstance(v, (list, tuple)) else float for v in (start, stop))
    )
    dtype = dtype if is_float(dtype) else settings.floatx()

    def tensor(x: Any) -> Array:
        # A number is filled in on the device; only lists and host arrays are copied to it.
        return full((), x, dtype) if isinstance(x, (int, float)) else cast(convert_to_tensor(x), dtype)

    return tensor(start), tensor(stop)


@op("numpy")
def logspace(
    start: Array,
    stop: Array,
    /,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """``num`` powers of ``base`` with exponents from start to stop, evenly spaced, along a new axis.

    Args:
        endpoint: whether stop is the last; else one step before it is.
        dtype: of the result (default: that of start and stop, floating point).
        start, stop: numbers or tensors that broadcast.
    """
    start, stop = _ends(start, stop)
    y = moveaxis(power(base, _steps(start, stop, num, endpoint)), 0, axis)
    return cast(y, start.dtype if dtype is None else dtype)


@op("numpy")
def geomspace(
    start: Array, stop: Array, /, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Tensor:
    """``num`` numbers from start to stop, each the same multiple of the previous one, along a new axis.

    Args:
        endpoint: whether stop is the last; else one step before it is.
        dtype: of the result (default: that of start and stop, floating point).
        start, stop: numbers of the same sign, not 0, or tensors of such that broadcast.
    """
    start, stop = _ends(start, stop)
    size = divide(stop, start)
    y = multiply(start, power(size, _steps(multiply(size, 0), add(multiply(size, 0), 1), num, endpoint)))
    return cast(moveaxis(y, 0, axis), start.dtype if dtype is None else dtype)


@composite
def between(start: Array, /, stop: Array, num: int, endpoint: bool, retstep: bool, dtype: Any, axis: int) -> Any:
    """``linspace`` of tensors, with a gradient; integers are rounded down."""
    start, stop = _ends(start, stop)
    y = moveaxis(_steps(start, stop, num, endpoint), 0, axis)
    y = cast(y if dtype is None or is_float(dtype) else floor(y), start.dtype if dtype is None else dtype)
    intervals = num - 1 if endpoint else num
    return (y, multiply(subtract(stop, start), 1 / intervals if intervals > 0 else float("nan"))) if retstep else y


@op("numpy")
def linspace(
    start: Any,
    stop: Any,
    /,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """``num`` numbers from start to stop, evenly spaced, along a new axis.

    Args:
        start, stop: numbers, or tensors that broadcast.
        endpoint: whether stop is the last; else one step before it is.
        retstep: return (the numbers, the step) instead.
        dtype: of the result (default: that of start and stop, floating point).
    """
    if isinstance(start, (int, float)) and isinstance(stop, (int, float)) and not retstep:
        xp = backends.current().xp
        y = Tensor(xp.linspace(float(start), float(stop), num, endpoint=endpoint).astype(standardize_dtype(dtype)))
        trace_constant(y)
        return y
    return between(start, stop, num, endpoint, retstep, dtype, axis)
