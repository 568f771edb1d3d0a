"""The op table: arithmetic, comparisons, and functions of one or two operands, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.math import arithmetic, comparison, elementwise, exponential, special, trigonometry

from .cases import B, F, I, Row, binary, call, erf, other, unary

STEPS = "constant between its jumps"
TRUTH = "true or false"
SPECIAL = np.array([[0.0, -0.0, 1.0, -2.5], [np.inf, -np.inf, np.nan, 3.0]])


def number(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


def divided(x: Any, y: Any) -> Any:
    y = np.asarray(y)
    return np.where(y == 0, 0, x / np.where(y == 0, 1, y))


POSITIVE = (0.3, 3.0)
ARITHMETIC = [
    binary(arithmetic.add, np.add),
    binary(arithmetic.subtract, np.subtract),
    binary(arithmetic.multiply, np.multiply),
    binary(arithmetic.divide, np.divide, second=POSITIVE),
    binary(arithmetic.divide_no_nan, divided, second=POSITIVE),
    binary(arithmetic.power, np.power, first=POSITIVE),
    binary(arithmetic.mod, np.mod, second=POSITIVE),
    binary(arithmetic.maximum, np.maximum),
    binary(arithmetic.minimum, np.minimum),
    binary(arithmetic.floor_divide, np.floor_divide, second=POSITIVE, gradient=STEPS),
    *(
        binary(getattr(comparison, name), getattr(np, name), gradient=TRUTH)
        for name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal")
    ),
    *(
        other(
            getattr(comparison, name),
            getattr(np, name),
            call(B((3, 4)), B((4,))),
            call(I((3, 4), 2), B((3, 1))),
            gradient=TRUTH,
        )
        for name in ("logical_and", "logical_or", "logical_xor")
    ),
    other(
        comparison.where,
        np.where,
        call(B((3, 4)), F((3, 4)), F((3, 4))),
        call(B((3, 1)), F((4,)), F((3, 4))),
        call(B((3, 4)), F(()), F((1, 4))),
        call(B((3, 4)), F((3, 4)), 0.5),
        call(B((3, 4)), 0.5, F((4,))),
        scalar=True,
    ),
]

ELEMENTWISE = [
    unary(elementwise.negative, np.negative),
    unary(elementwise.absolute, np.abs),
    unary(elementwise.sign, np.sign, gradient=STEPS),
    unary(exponential.square, np.square),
    unary(exponential.sqrt, np.sqrt, *POSITIVE),
    unary(exponential.rsqrt, lambda x: 1 / np.sqrt(x), *POSITIVE),
    unary(exponential.reciprocal, np.reciprocal, *POSITIVE),
    unary(exponential.exp, np.exp),
    unary(exponential.expm1, np.expm1),
    unary(exponential.log, np.log, *POSITIVE),
    unary(exponential.log1p, np.log1p, -0.5),
    unary(exponential.log2, np.log2, *POSITIVE),
    unary(exponential.log10, np.log10, *POSITIVE),
    unary(trigonometry.sin, np.sin),
    unary(trigonometry.cos, np.cos),
    unary(trigonometry.tan, np.tan, -1.2, 1.2),
    unary(trigonometry.arcsin, np.arcsin, -0.9, 0.9),
    unary(trigonometry.arccos, np.arccos, -0.9, 0.9),
    unary(trigonometry.arctan, np.arctan),
    unary(trigonometry.sinh, np.sinh),
    unary(trigonometry.cosh, np.cosh),
    unary(special.erf, erf, -7.0, 7.0),
    other(
        elementwise.clip,
        np.clip,
        call(F((3, 4)), -0.5, 1.2),
        call(F((3, 4)), F((4,), -2, 0), F((3, 1), 0, 2)),
        call(F((1, 4)), F((3, 1), -2, 0), 1.0),
        argnums=(0,),
        scalar=True,
    ),
    unary(elementwise.floor, np.floor, gradient=STEPS),
    unary(elementwise.ceil, np.ceil, gradient=STEPS),
    unary(elementwise.round, np.round, gradient=STEPS, calls=[{}, {"decimals": 1}, {"decimals": -1}]),
    unary(comparison.isnan, np.isnan, gradient=TRUTH),
    unary(comparison.isinf, np.isinf, gradient=TRUTH),
    unary(comparison.isfinite, np.isfinite, gradient=TRUTH),
    other(comparison.logical_not, np.logical_not, call(B((3, 4))), call(I((3, 4), 2)), gradient=TRUTH),
    unary(elementwise.cast, lambda x, dtype: x, calls=[{"dtype": "float64"}]),
    unary(elementwise.stop_gradient, lambda x: x, gradient="that is its purpose"),
    unary(elementwise.copy, np.copy),
    unary(trigonometry.arcsinh, np.arcsinh),
    unary(trigonometry.arccosh, np.arccosh, 1.2, 4.0),
    unary(trigonometry.arctanh, np.arctanh, -0.9, 0.9),
    unary(exponential.cbrt, np.cbrt, 0.2, 3.0),
    unary(exponential.exp2, np.exp2),
    unary(trigonometry.deg2rad, np.deg2rad, -180, 180),
    unary(trigonometry.rad2deg, np.rad2deg),
    unary(elementwise.fabs, np.fabs),
    unary(elementwise.nan_to_num, number, calls=[{}, {"nan": 1.0}]),
    unary(elementwise.trunc, np.trunc, -4, 4, gradient=STEPS),
    other(comparison.signbit, np.signbit, call(F((3, 4))), call(SPECIAL), call(I((3,), 4, -4)), gradient=TRUTH),
    other(comparison.isposinf, np.isposinf, call(F((3, 4))), call(SPECIAL), gradient=TRUTH),
    other(comparison.isneginf, np.isneginf, call(F((3, 4))), call(SPECIAL), gradient=TRUTH),
    binary(trigonometry.arctan2, np.arctan2),
    binary(trigonometry.hypot, np.hypot),
    binary(exponential.logaddexp, np.logaddexp),
    binary(exponential.logaddexp2, np.logaddexp2),
    binary(arithmetic.fmax, np.fmax),
    binary(arithmetic.fmin, np.fmin),
    binary(arithmetic.fmod, np.fmod, second=(0.3, 3.0)),
    binary(arithmetic.nextafter, np.nextafter, gradient=STEPS),
    other(
        arithmetic.heaviside,
        np.heaviside,
        call(F((3, 4)), F((3, 4))),
        call(np.array([[-1.0, 0.0, 2.0]]), F((2, 1))),
        argnums=(1,),
    ),
    other(exponential.ldexp, np.ldexp, call(F((3, 4)), I((4,), 4, -4)), call(F((3, 1)), I((3, 4), 4)), scalar=True),
    *(
        other(
            op,
            reference,
            call(F((3, 4)), F((3, 4))),
            call(F((3, 4)), F((4,)), rtol=0.5, atol=0.1),
            call(SPECIAL, SPECIAL),
            call(SPECIAL, SPECIAL, equal_nan=True),
            call(SPECIAL, 3.0),
            gradient=TRUTH,
        )
        for op, reference in ((comparison.isclose, np.isclose), (comparison.allclose, np.allclose))
    ),
]

ROWS: list[Row] = ARITHMETIC + ELEMENTWISE
