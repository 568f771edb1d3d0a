"""Normal numbers from random words: the same bits on every device.

The Box-Muller transform (1958), with logarithm, sine and cosine as polynomials, since the math libraries of two devices
differ in the last bit. The remaining operations, + - * / sqrt, are defined to the bit by IEEE 754. The coefficients are
Chebyshev fits computed for this project with 40 digits; the results are accurate to about 1e-13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# 2 atanh(s) / s over s^2 in [0, 0.0295]
_LOG = (
    1.9999999999999472,
    0.6666666667957926,
    0.3999999489183238,
    0.28572166145875727,
    0.2217424991007749,
    0.19608095639753054,
)
# sqrt(1/2) sin(pi t / 2) / t and sqrt(1/2) cos(pi t / 2) over t^2 in [0, 1/4]
_SIN = (
    1.1107207345395869,
    -0.45676559374834513,
    0.05635119636529245,
    -0.0033104990052577913,
    0.00011344062121406245,
    -2.514744841463022e-06,
)
_COS = (
    0.7071067811865475,
    -0.8723580249548468,
    0.17937142921624885,
    -0.014752708706835612,
    0.0006500149443476654,
    -1.7819186532194025e-05,
    3.291791502603771e-07,
)
_LOG_2 = 0.6931471805599453
_SQRT_HALF = 0.7071067811865476


def normal(xp: Any, words: Any) -> Any:
    """Two normal numbers from each uint64 word.  words: (n,) -> (2 n,) of float64, none beyond 6.8

    The upper half of a word determines the radius of a point, the lower half its direction: two bits are the signs of
    both coordinates, the others the angle within a quadrant.
    """
    u64 = xp.uint64
    low = words & u64(0xFFFFFFFF)
    radius = _radius(xp, ((words >> u64(32)).astype(xp.float64) + 0.5) * 2.0**-32)
    t = ((low & u64(0x3FFFFFFF)).astype(xp.float64) + 0.5) * 2.0**-30 - 0.5  # 0 is the middle of the quadrant
    square = t * t
    cos, sin = _polynomial(_COS, square), _polynomial(_SIN, square) * t
    x = (cos - sin) * radius * (1.0 - (low >> u64(31)).astype(xp.float64) * 2.0)
    y = (cos + sin) * radius * (1.0 - ((low >> u64(30)) & u64(1)).astype(xp.float64) * 2.0)
    return xp.stack([x, y], axis=1).reshape(-1)


def _radius(xp: Any, u: Any) -> Any:
    """sqrt(-2 log(u)) for u in (0, 1)."""
    m, exponent = xp.frexp(u)
    below = m < _SQRT_HALF
    m = xp.where(below, m + m, m)  # from sqrt(1/2) to sqrt(2), so that log(m) is exact where u is near 1
    s = (m - 1.0) / (m + 1.0)
    log = s * _polynomial(_LOG, s * s) + (exponent - below).astype(xp.float64) * _LOG_2
    return xp.sqrt(log * -2.0)


def _polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """The sum of c_j x^j, by Horner's rule."""
    y = x * coefficients[-1]
    for c in coefficients[-2:0:-1]:
        y += c
        y *= x
    y += coefficients[0]
    return y
