"""The op table: integers and complex numbers."""

from __future__ import annotations

import numpy as np

from dualnet.ops.math import complex, integer

from .cases import B, I, Row, call, other, unary

STEPS = "constant between its jumps"
TRUTH = "true or false"
WHOLE = [call(I((3, 4), 9, -9), I((3, 4), 9, -9)), call(I((3, 4), 9), I((4,), 9)), call(I((3, 4), 9), 5)]
SHIFTS = [call(I((3, 4), 90, -90), I((4,), 6)), call(I((3, 4), 90), 2)]


ROWS: list[Row] = [
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
