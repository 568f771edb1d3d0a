"""Ops that move elements without changing them: reshape, transpose, join, split, pad."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend

from ...core.conversion import to_array
from ...core.dtypes import result_type, standardize_dtype
from ...core.op import primitive
from ...core.symbolic import KerasTensor
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Axis, Forward, NoGrad, Spec, Xp, along_axis, sum_to
from ..registry import export, op
from .create import _as_tensors
from .indexing import take


@op("numpy", shape=shape_rules.reshape)
def reshape(xp: Xp, x: Array, /, newshape: Sequence[int]) -> Forward:
    """The same elements, in C order, in another shape; one entry may be -1"""
    before = x.shape
    return x.reshape(newshape), lambda dy: dy.reshape(before)


@op("numpy", shape=shape_rules.ravel)
def ravel(xp: Xp, x: Array, /) -> Forward:
    """The elements in C order.  x: any shape -> (size,)"""
    before = x.shape
    return x.reshape(-1), lambda dy: dy.reshape(before)


@op("numpy", shape=shape_rules.transpose)
def transpose(xp: Xp, x: Array, /, axes: Sequence[int] | None = None) -> Forward:
    """Axes in another order, reversed by default"""
    order = tuple(a % x.ndim for a in axes) if axes is not None else tuple(reversed(range(x.ndim)))
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"transpose: expected a permutation of the {x.ndim} axes, got axes={axes}")
    back = tuple(order.index(a) for a in range(x.ndim))
    return xp.transpose(x, order), lambda dy: xp.transpose(dy, back)


@op("numpy", shape=shape_rules.swapaxes)
def swapaxes(xp: Xp, x: Array, /, axis1: int, axis2: int) -> Forward:
    """Two axes exchanged"""
    return xp.swapaxes(x, axis1, axis2), lambda dy: xp.swapaxes(dy, axis1, axis2)


@op("numpy", shape=shape_rules.moveaxis)
def moveaxis(xp: Xp, x: Array, /, source: int | Sequence[int], destination: int | Sequence[int]) -> Forward:
    """Axes moved to other positions, the others keep their order"""
    return xp.moveaxis(x, source, destination), lambda dy: xp.moveaxis(dy, destination, source)


@op("numpy", shape=shape_rules.expand_dims)
def expand_dims(xp: Xp, x: Array, /, axis: int | tuple[int, ...]) -> Forward:
    """A new axis of length 1 (or several)"""
    before = x.shape
    return xp.expand_dims(x, axis), lambda dy: dy.reshape(before)


@op("numpy", shape=shape_rules.squeeze)
def squeeze(xp: Xp, x: Array, /, axis: Axis = None) -> Forward:
    """Axes of length 1 removed: all of them, or those given"""
    before = x.shape
    return xp.squeeze(x, axis), lambda dy: dy.reshape(before)


@op("numpy", shape=shape_rules.broadcast_to)
def broadcast_to(xp: Xp, x: Array, /, shape: Sequence[int]) -> Forward:
    """x repeated along axes of length 1 and along new leading axes"""
    return xp.broadcast_to(x, tuple(shape)), lambda dy: sum_to(xp, dy, x)


@op("numpy", shape=shape_rules.flip)
def flip(xp: Xp, x: Array, /, axis: Axis = None) -> Forward:
    """The order of elements reversed along an axis (all of them by default)"""
    return xp.flip(x, axis), lambda dy: xp.flip(dy, axis)


@op("numpy", shape=lambda x, shift, axis=None: shape_rules.flip(x, axis))
def roll(xp: Xp, x: Array, /, shift: int | tuple[int, ...], axis: Axis = None) -> Forward:
    """Elements shifted along an axis; those shifted out re-enter at the other end"""
    back = tuple(-s for s in shift) if isinstance(shift, tuple) else -shift
    return xp.roll(x, shift, axis), lambda dy: xp.roll(dy, back, axis)


@primitive(shape=shape_rules.repeat)
def _repeat(xp: Xp, x: Array, /, repeats: int, axis: int | None = None) -> Forward:
    source, at = along_axis(x, axis)
    at %= source.ndim

    def backward(dy: Array) -> Array:
        n = source.shape
        return xp.sum(dy.reshape((*n[: at + 1], repeats, *n[at + 1 :])), axis=at + 1).reshape(x.shape)

    return xp.repeat(source, repeats, axis=at), backward


@op("numpy", shape=shape_rules.repeat)
def repeat(x: Any, /, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Every element ``repeats`` times along an axis (None: of the flattened tensor), or a number of times for each"""
    if isinstance(repeats, int) or ndim(repeats) == 0:
        return _repeat(x, operator.index(repeats), axis)  # type: ignore[arg-type]
    times = [operator.index(n) for n in repeats]
    if len(times) == 1:
        return _repeat(x, times[0], axis)
    n = size(x) if axis is None else shape(x)[axis]
    if n is not None and len(times) != n:
        raise ValueError(f"repeat: expected one number, or one for each of {n} elements, got {len(times)}")
    return take(x, [i for i, count in enumerate(times) for _ in range(count)], axis=axis)


@op("numpy", shape=shape_rules.tile)
def tile(xp: Xp, x: Array, /, repeats: int | Sequence[int]) -> Forward:
    """The whole tensor repeated along each axis"""
    times = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    rank = max(len(times), x.ndim)
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - x.ndim) + x.shape

    def backward(dy: Array) -> Array:
        split = tuple(v for pair in zip(times, shape) for v in pair)
        return xp.sum(dy.reshape(split), axis=tuple(range(0, 2 * rank, 2))).reshape(x.shape)

    return xp.tile(x, times), backward


@primitive(shape=lambda *xs, axis=-1: shape_rules.concatenate(xs, axis))
def _concatenate(backend: Backend, *xs: Array, axis: int = -1) -> Forward:
    dtype = result_type(*(x.dtype for x in xs))
    at = axis % xs[0].ndim

    def backward(dy: Array) -> tuple[Array, ...]:
        stops = itertools.accumulate(x.shape[at] for x in xs)
        return tuple(dy[(slice(None),) * at + (slice(stop - x.shape[at], stop),)] for x, stop in zip(xs, stops))

    return backend.concatenate([x.astype(dtype, copy=False) for x in xs], at), backward


@op("numpy", shape=shape_rules.concatenate)
def concatenate(xs: Sequence[Any], /, axis: int | None = 0) -> Tensor:
    """Tensors joined along an axis (None: flattened); all other axes must agree"""
    if len(xs) == 0:
        raise ValueError("concatenate: expected at least one tensor, got none")
    xs = _as_tensors(xs)
    if axis is None:
        return _concatenate(*map(ravel, xs), axis=0)
    shapes = [shape(x) for x in xs]
    n = len(shapes[0])
    if n == 0:
        raise ValueError("concatenate: expected tensors with at least one axis, got a number; stack() joins numbers")
    if not -n <= axis < n:
        raise ValueError(f"concatenate: axis {axis} is out of bounds for tensors with {n} axes")
    at = axis % n
    if len({(*s[:at], *s[at + 1 :]) for s in shapes}) > 1 or any(len(s) != n for s in shapes):
        raise ValueError(f"concatenate: expected shapes that differ along axis {axis} only, got {_listed(shapes)}")
    return _concatenate(*xs, axis=axis)


def _listed(shapes: Sequence[Any]) -> str:
    return " and ".join(map(str, dict.fromkeys(shapes)))


@primitive(shape=lambda *xs, axis=0: shape_rules.stack(xs, axis))
def _stack(backend: Backend, *xs: Array, axis: int = 0) -> Forward:
    dtype = result_type(*(x.dtype for x in xs))
    y = backend.stack([x.astype(dtype, copy=False) for x in xs], axis)
    return y, lambda dy: tuple(backend.xp.moveaxis(dy, axis, 0))


@op("numpy", shape=shape_rules.stack)
def stack(x: Sequence[Any], /, axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis"""
    if len(x) == 0:
        raise ValueError("stack: expected at least one tensor, got none")
    x = _as_tensors(x)
    shapes = [shape(part) for part in x]
    if len(set(shapes)) > 1:
        raise ValueError(f"stack: expected tensors of one shape, got {_listed(shapes)}")
    return _stack(*x, axis=axis)


@primitive
def _split(
    backend: Backend, x: Array, /, indices_or_sections: int | Sequence[int] = 1, axis: int = 0, even: bool = True
) -> tuple[tuple[Array, ...], Any]:
    """A number of parts, which need not be even, or those between the given indices"""
    xp = backend.xp
    parts = tuple((xp.split if even else xp.array_split)(x, indices_or_sections, axis))
    return parts, lambda dys: backend.concatenate(list(dys), axis)


@op("numpy", shape=shape_rules.split)
def split(x: Any, /, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Parts along an axis, as a list: a number of equal ones, or those between the given indices"""
    if not isinstance(indices_or_sections, int):
        indices_or_sections = tuple(int(i) for i in indices_or_sections)
    return list(_split(x, indices_or_sections=indices_or_sections, axis=axis))


def _unstack_shape(x: Any, num: int | None = None, axis: int = 0) -> tuple[Spec, ...]:
    n = x.shape[axis] if num is None else num
    if n is None:
        raise ValueError(f"unstack: axis {axis} of shape {x.shape} is open; give num=, the number of slices")
    return (Spec(tuple(m for i, m in enumerate(x.shape) if i != axis % x.ndim), x.dtype),) * n


@op("core", shape=_unstack_shape)
def unstack(x: Any, /, num: int | None = None, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis, which is removed, as a tuple. num: their number, if the shape does not tell"""
    if not -ndim(x) <= axis < ndim(x):
        raise ValueError(f"unstack: axis {axis} is out of bounds for a tensor with {ndim(x)} axes")
    return _unstack(x, axis=axis)  # type: ignore[return-value]


@primitive
def _unstack(backend: Backend, x: Array, /, axis: int = 0) -> tuple[tuple[Array, ...], Any]:
    return tuple(backend.xp.moveaxis(x, axis, 0)), lambda dys: backend.stack(list(dys), axis)


@op("numpy", call=("x", "constant_values"), shape=shape_rules.pad)
def pad(
    xp: Xp, x: Array, /, pad_width: int | Sequence[Any], mode: str = "constant", constant_values: float | None = None
) -> Forward:
    """Elements added at both ends of axes.

    Args:
        pad_width: a number, a pair, or a pair for each axis.
        mode: "constant" (0, or ``constant_values``), "reflect" or "symmetric".
    """
    if mode not in ("constant", "reflect", "symmetric"):
        raise ValueError(f'pad: mode {mode!r} is not known; expected "constant", "reflect" or "symmetric"')
    pairs = shape_rules.pad_pairs(pad_width, x.ndim)
    if mode != "constant" and constant_values is not None:
        raise ValueError(f'pad: constant_values is of mode "constant", got it with mode {mode!r}; leave it out')
    inner = tuple(slice(a, n + a) for (a, _), n in zip(pairs, x.shape))
    value = 0 if constant_values is None else constant_values

    def backward(dy: Array) -> Array:
        if mode == "constant":
            return dy[inner]
        for axis, ((a, b), n) in enumerate(zip(pairs, x.shape)):
            dy = _fold(xp, dy, axis, a, b, n, 1 if mode == "reflect" else 0)
        return dy

    if mode != "constant":
        return xp.pad(x, pairs, mode=mode), backward
    if hasattr(value, "shape"):  # a number on the device, which the host does not read
        y = xp.empty(tuple(a + n + b for (a, b), n in zip(pairs, x.shape)), dtype=x.dtype)
        y[...] = value
        y[inner] = x
        return y, backward
    if isinstance(value, (int, float)) and x.dtype.kind in "biu":
        # In the dtype of x as the host converts it: 255 for -1 in uint8.
        value = backends.get("cpu").asarray(value).astype(x.dtype).item()
    return xp.pad(x, pairs, mode=mode, constant_values=value), backward


def _fold(xp: Xp, dy: Array, axis: int, a: int, b: int, n: int, skip: int) -> Array:
    """Add the gradient of mirrored ends to the elements they mirror. skip: 1 when the edge itself is not repeated."""
    if a == b == 0:
        return dy
    if a > n - skip or b > n - skip:
        raise ValueError(f"pad: the gradient of {a} and {b} mirrored elements needs an axis longer than {n}")
    dy = xp.moveaxis(dy, axis, 0)
    dx = dy[a : a + n].copy()
    if a:
        dx[skip : skip + a] += dy[:a][::-1]
    if b:
        dx[n - skip - b : n - skip] += dy[a + n :][::-1]
    return xp.moveaxis(dx, 0, axis)


@export("core")
def shape(x: Any) -> tuple[int, ...]:
    """The shape, as a tuple of numbers"""
    if isinstance(x, KerasTensor):
        known: Any = x.shape  # which may be traced
        return known
    # A list or number stays on the host: its shape needs no transfer to the device.
    return tuple(x.shape if hasattr(x, "shape") else to_array(x, backends.get("cpu")).shape)


@export("numpy")
def size(x: Any) -> int | None:
    """The number of elements; None for a symbolic tensor with an open axis"""
    return None if None in shape(x) else math.prod(shape(x))


@export("numpy")
def ndim(x: Any) -> int:
    """The number of axes"""
    return len(shape(x))


@export("core")
def dtype(x: Any) -> str:
    """The name of the dtype of a tensor, variable or array"""
    return standardize_dtype(x.dtype)


@op("numpy")
def view(xp: Xp, x: Array, /, dtype: str | None = None) -> NoGrad:
    """The same bytes read as another dtype. The last axis grows or shrinks when the item sizes differ"""
    x = x if x.flags.c_contiguous else xp.ascontiguousarray(x)
    return x.view(standardize_dtype(dtype or x.dtype)), None
