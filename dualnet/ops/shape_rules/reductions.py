"""Shape rules of reductions, ops along an axis, and losses."""

from __future__ import annotations

from typing import Any

from ...graph.node import Spec
from .sizes import Shape, axes_of, axis_of, broadcast, float_dtype, product, same_shape, shape_of


def reduction(x: Any, axis: Any = None, keepdims: bool = False, *args: Any, **options: Any) -> Shape:
    shape = shape_of(x)
    axes = axes_of(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)


def moments(x: Any, axes: Any, keepdims: bool = False, *args: Any, **options: Any) -> tuple[Spec, Spec]:
    spec = Spec(reduction(x, axes, keepdims), float_dtype(x))
    return spec, spec


def along(x: Any, axis: int | None = None, *args: Any, **options: Any) -> Shape:
    """The shape of x; flattened if there is no axis."""
    shape = shape_of(x)
    if axis is None:
        return (product(shape),)
    if not hasattr(axis, "__index__"):
        raise TypeError(f"axis must be one axis, or None for the flattened tensor, got {axis!r}")
    axis_of(axis, len(shape))
    return shape


def along_last(x: Any, axis: int | None = -1, *args: Any, **options: Any) -> Shape:
    """The same, by default along the last axis."""
    return along(x, axis)


def loss(target: Any, output: Any, *args: Any, **options: Any) -> Shape:
    """A loss of each sample: the last axis is reduced."""
    return broadcast(shape_of(target), shape_of(output))[:-1]


def crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Shape:
    return reduction(Spec(same_shape(shape_of(target), shape_of(output)), output.dtype), axis)


def crossentropy_along(target: Any, output: Any, axis: int = -1) -> Shape:
    return crossentropy(target, output, axis=axis)


def sparse_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Shape:
    return reduction(output, axis)


def sparse_crossentropy_along(target: Any, output: Any, axis: int = -1) -> Shape:
    return reduction(output, axis)


def scalar(*args: Any, **options: Any) -> Shape:
    return ()
