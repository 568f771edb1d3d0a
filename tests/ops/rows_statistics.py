"""The op table: averages, differences, running products, reductions that pass over NaN, special functions."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from dualnet.ops.math import cumulative as running
from dualnet.ops.math import nan, spacing, special, statistics

from .cases import F, Row, call, other, reduction, unary

INDEX = "a position"
HOLES = np.array([[1.0, math.nan, 3.0, -2.0], [math.nan] * 4, [0.5, 2.0, math.nan, math.nan]])


def quiet(function: Any) -> Any:
    """NumPy warns where everything is NaN."""

    def call_it(*args: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **options)

    return call_it


def nan_index(name: str) -> Any:
    def find(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        y = getattr(np, name)(
            np.where(np.isnan(x), -np.inf if "max" in name else np.inf, x), axis=axis, keepdims=keepdims
        )
        return np.where(np.all(np.isnan(x), axis=axis, keepdims=keepdims), -1, y)

    return find


def nan_row(op: Any, reference: Any, **more: Any) -> Row:
    row = reduction(op, quiet(reference), several="arg" not in op.__name__, **more)
    # Gradients at NaN are tested by themselves: finite differences know none.
    if row.gradient:
        row.samples += [call(HOLES), call(HOLES, axis=0), call(HOLES, axis=1, keepdims=True)]
    return row


def erfc(x: Any) -> Any:
    return np.vectorize(math.erfc, otypes=[float])(x)


def erfinv(x: Any) -> Any:
    """By bisection of the standard library's erf."""

    def one(p: float) -> float:
        low, high = -7.0, 7.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if math.erf(middle) < p else (low, middle)
        return low

    return np.vectorize(one, otypes=[float])(x)


def corrcoef(x: Any) -> Any:
    return np.corrcoef(x)


def narrow(window: Any) -> Any:
    return lambda *args: window(*args).astype("float32")


def between(start: Any, stop: Any, num: int, endpoint: bool, retstep: bool, dtype: Any, axis: int) -> Any:
    return np.linspace(start, stop, num, endpoint=endpoint, retstep=retstep, dtype=dtype, axis=axis)


def spaced(name: str) -> Any:
    return lambda start, stop, num=50, **options: getattr(np, name)(start, stop, num, **options)


RUNNING = [
    call(F((3, 4)), axis=1),
    call(F((3, 4)), axis=0),
    call(F((3, 4))),
    call(F((2, 3, 5)), axis=-2),
    call(F((9,)), axis=0),
]
ROWS: list[Row] = [
    other(
        statistics.average,
        np.average,
        call(F((3, 4)), axis=1),
        call(F((3, 4))),
        call(F((3, 4)), 1, F((4,), 0.5)),
        call(F((3, 4)), -2, F((3,), 0.5)),
        call(F((2, 3)), None, F((2, 3), 0.5)),
        empty="the mean of nothing",
    ),
    reduction(
        statistics.ptp,
        lambda x, axis=None, keepdims=False: (
            np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)
        ),
    ),
    other(
        statistics.diff, np.diff, call(F((3, 4))), call(F((3, 4)), n=2), call(F((3, 4)), axis=0), call(F((2, 3)), n=4)
    ),
    other(
        statistics.trapezoid,
        np.trapezoid,
        call(F((3, 4))),
        call(F((3, 4)), axis=0, dx=0.5),
        call(F((3, 4)), F((4,))),
        call(F((3, 4)), F((3, 4)), axis=0),
        call(F((3, 4)), F((3,)), axis=0),
        empty="an axis of 0 has no trapezoids",
    ),
    other(statistics.corrcoef, corrcoef, call(F((2, 5))), call(F((4, 6)))),
    other(running.cumprod, np.cumprod, *RUNNING, call(np.array([1.0, 0.0, 2.0, 0.0, 3.0]))),
    other(running.nancumsum, np.nancumsum, *RUNNING),
    other(running.nancumprod, np.nancumprod, *RUNNING),
    nan_row(nan.nansum, np.nansum),
    nan_row(nan.nanprod, np.nanprod),
    nan_row(nan.nanmax, np.nanmax),
    nan_row(nan.nanmin, np.nanmin),
    nan_row(nan.nanmean, np.nanmean, empty="the mean of nothing"),
    nan_row(nan.nanvar, np.nanvar, empty="the mean of nothing"),
    nan_row(nan.nanstd, np.nanstd, empty="the mean of nothing"),
    nan_row(nan.nanargmax, nan_index("argmax"), gradient=INDEX),
    nan_row(nan.nanargmin, nan_index("argmin"), gradient=INDEX),
    unary(special.erfc, erfc, -7.0, 7.0),
    unary(special.erfinv, erfinv, -0.99, 0.99),
    other(
        special.sinc,
        np.sinc,
        call(F((3, 4))),
        call(F((5,), -0.1, 0.1)),
        call(np.array([0.0, 1e-9, 0.159])),
        scalar=True,
    ),
    unary(special.i0, np.i0, gradient="it would need i1"),
    *(
        other(getattr(special, name), narrow(getattr(np, name)), call(6), call(1), call(0), gradient="made of a number")
        for name in ("bartlett", "blackman", "hamming", "hanning")
    ),
    other(special.kaiser, narrow(np.kaiser), call(6, 8.6), call(1, 2.0), gradient="made of a number"),
    other(
        spacing.logspace,
        spaced("logspace"),
        call(F((3, 2)), F((3, 2)), 4),
        call(F((2,)), F(()), 3, axis=-1, endpoint=False),
        call(F((2,)), 1.5, 5, base=2.0),
        call(F(()), F(()), 1),
    ),
    other(
        spacing.geomspace,
        spaced("geomspace"),
        call(F((3, 2), 0.5), F((3, 2), 0.5), 4),
        call(F((2,), 0.5), F((), 0.5), 3, axis=-1, endpoint=False),
        call(F((2,), -3, -1), F((2,), -3, -1), 5),
        call(F((), 1), F((), 1), 1),
    ),
    other(
        spacing.between,
        between,
        call(F((3, 2)), F((3, 2)), 4, True, False, None, 0),
        call(F((2,)), F(()), 3, False, True, None, -1),
        call(F((2,)), 1.5, 1, True, False, None, 0),
    ),
]
