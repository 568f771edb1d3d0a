"""The op table: more functions of one or two operands, whole numbers, complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.math import complex, integer, pointwise

from .cases import B, F, I, Row, binary, call, other, unary

STEPS = "constant between its jumps"
TRUTH = "true or false"
SPECIAL = np.array([[0.0, -0.0, 1.0, -2.5], [np.inf, -np.inf, np.nan, 3.0]])
WHOLE = [call(I((3, 4), 9, -9), I((3, 4), 9, -9)), call(I((3, 4), 9), I((4,), 9)), call(I((3, 4), 9), 5)]
SHIFTS = [call(I((3, 4), 90, -90), I((4,), 6)), call(I((3, 4), 90), 2)]


def number(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


ROWS: list[Row] = [
    unary(pointwise.arcsinh, np.arcsinh),
    unary(pointwise.arccosh, np.arccosh, 1.2, 4.0),
    unary(pointwise.arctanh, np.arctanh, -0.9, 0.9),
    unary(pointwise.cbrt, np.cbrt, 0.2, 3.0),
    unary(pointwise.exp2, np.exp2),
    unary(pointwise.deg2rad, np.deg2rad, -180, 180),
    unary(pointwise.rad2deg, np.rad2deg),
    unary(pointwise.fabs, np.fabs),
    unary(pointwise.nan_to_num, number, calls=[{}, {"nan": 1.0}]),
    unary(pointwise.trunc, np.trunc, -4, 4, gradient=STEPS),
    other(pointwise.signbit, np.signbit, call(F((3, 4))), call(SPECIAL), call(I((3,), 4, -4)), gradient=TRUTH),
    other(pointwise.isposinf, np.isposinf, call(F((3, 4))), call(SPECIAL), gradient=TRUTH),
    other(pointwise.isneginf, np.isneginf, call(F((3, 4))), call(SPECIAL), gradient=TRUTH),
    binary(pointwise.arctan2, np.arctan2),
    binary(pointwise.hypot, np.hypot),
    binary(pointwise.logaddexp, np.logaddexp),
    binary(pointwise.logaddexp2, np.logaddexp2),
    binary(pointwise.fmax, np.fmax),
    binary(pointwise.fmin, np.fmin),
    binary(pointwise.fmod, np.fmod, second=(0.3, 3.0)),
    binary(pointwise.nextafter, np.nextafter, gradient=STEPS),
    other(
        pointwise.heaviside,
        np.heaviside,
        call(F((3, 4)), F((3, 4))),
        call(np.array([[-1.0, 0.0, 2.0]]), F((2, 1))),
        argnums=(1,),
    ),
    other(pointwise.ldexp, np.ldexp, call(F((3, 4)), I((4,), 4, -4)), call(F((3, 1)), I((3, 4), 4)), scalar=True),
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
        for op, reference in ((pointwise.isclose, np.isclose), (pointwise.allclose, np.allclose))
    ),
    *(
        other(getattr(integer, name), getattr(np, name), *WHOLE, call(B((3, 4)), B((4,))), gradient="whole numbers")
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
    ),
    other(integer.bitwise_not, np.bitwise_not, call(I((3, 4), 9, -9)), call(B((3,))), gradient="whole numbers"),
    other(integer.bitwise_left_shift, np.left_shift, *SHIFTS, gradient="whole numbers"),
    other(integer.bitwise_right_shift, np.right_shift, *SHIFTS, gradient="whole numbers"),
    other(integer.gcd, np.gcd, *WHOLE, gradient="whole numbers"),
    other(integer.lcm, np.lcm, *WHOLE, gradient="whole numbers"),
    unary(complex.real, np.real),
    unary(complex.imag, np.imag, gradient="0 everywhere"),
    unary(complex.conjugate, np.conj),
    unary(complex.angle, np.angle, gradient=STEPS),
    unary(complex.isreal, np.isreal, gradient=TRUTH),
]
