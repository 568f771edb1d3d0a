"""The parts of complex numbers. Real numbers, with which layers and gradients work, have the imaginary part 0.

Complex tensors come from ``linalg.eig`` and from complex arrays; the ops here read them. Gradients are those of real x.
"""

from __future__ import annotations

from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp, floating
from ..registry import alias, op


@op("numpy", shape=shape_rules.unchanged)
def real(xp: Xp, x: Array, /) -> Forward:
    """The real part: of real x, x itself"""
    return (xp.real(x) if x.dtype.kind == "c" else x), lambda dy: dy


@op("numpy", shape=shape_rules.unchanged)
def imag(xp: Xp, x: Array, /) -> NoGrad:
    """The imaginary part: of real x, 0"""
    return (xp.imag(x) if x.dtype.kind == "c" else xp.zeros_like(x)), None


@op("numpy", shape=shape_rules.unchanged)
def conjugate(xp: Xp, x: Array, /) -> Forward:
    """The complex conjugate: of real x, x itself"""
    return (xp.conj(x) if x.dtype.kind == "c" else x), lambda dy: dy


conj = alias("conj", conjugate)


@op("numpy", shape=shape_rules.unchanged)
def angle(xp: Xp, x: Array, /) -> NoGrad:
    """The angle in the complex plane, in radians: of real x, 0, or pi where x is negative"""
    x = floating(x)
    return xp.angle(x).astype(xp.real(x).dtype, copy=False), None


@op("numpy", shape=shape_rules.unchanged)
def isreal(xp: Xp, x: Array, /) -> NoGrad:
    """Whether the imaginary part is 0: of real x, always"""
    return (xp.imag(x) == 0 if x.dtype.kind == "c" else xp.ones(x.shape, dtype=bool)), None
