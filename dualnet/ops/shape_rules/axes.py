"""Shape rules of ops that rearrange, repeat, pad, join or split axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...graph.node import Spec
from .products import kron
from .reductions import along
from .sizes import Shape, axes_of, axis_of, broadcast, float_dtype, product, same_shape, shape_of


def reshape(x: Any, newshape: Any) -> Spec:
    """-1 is unknown if the number of elements or another entry is."""
    shape = shape_of(x)
    target: list[int | None]
    target = [newshape] if isinstance(newshape, int) else [None if n is None else int(n) for n in newshape]
    total, known = product(shape), product(n for n in target if n not in (None, -1))
    if target.count(-1) > 1 or any(n is not None and n < -1 for n in target):
        raise ValueError(f"the shape {newshape} has more than one unknown entry")
    if -1 in target:
        i = target.index(-1)
        if total is None or known is None or None in target:
            target[i] = None
        elif known == 0 or total % known:
            raise ValueError(f"cannot reshape {shape} into {newshape}")
        else:
            target[i] = total // known
    elif total is not None and None not in target and total != known:
        raise ValueError(f"cannot reshape {shape} into {newshape}")
    return Spec(tuple(target), x.dtype)


def ravel(x: Any) -> Shape:
    return (product(shape_of(x)),)


def _as_numpy(function: Callable[..., Any]) -> Callable[..., Shape]:
    """The rule of a NumPy function that permutes axes or inserts axes of length 1: run on an array whose sizes number its axes."""

    def rule(x: Any, *args: Any, **options: Any) -> Shape:
        shape = shape_of(x)
        numbered = np.broadcast_to(0, range(2, len(shape) + 2))  # takes no memory
        return tuple(1 if n == 1 else shape[n - 2] for n in function(numbered, *args, **options).shape)

    return rule


transpose = _as_numpy(np.transpose)
swapaxes = _as_numpy(np.swapaxes)
moveaxis = _as_numpy(np.moveaxis)
expand_dims = _as_numpy(np.expand_dims)


def squeeze(x: Any, axis: Any = None) -> Spec:
    """Without an axis all sizes of 1 are removed; an unknown size counts as larger, as in Keras."""
    shape = shape_of(x)
    axes = {i for i, n in enumerate(shape) if n == 1} if axis is None else axes_of(axis, len(shape))
    if any(shape[a] not in (1, None) for a in axes):
        raise ValueError(f"cannot squeeze axis {axis} of shape {shape}")
    return Spec(tuple(n for i, n in enumerate(shape) if i not in axes), x.dtype)


def broadcast_to(x: Any, shape: Sequence[int]) -> Spec:
    broadcast(shape_of(x), tuple(shape))
    return Spec(tuple(shape), x.dtype)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Spec:
    shape = list(along(x, axis))
    at = 0 if axis is None else axis_of(axis, len(shape))
    counts = [int(repeats)] if isinstance(repeats, int) or not shape_of(repeats) else [int(n) for n in repeats]
    shape[at] = product((shape[at], counts[0])) if len(counts) == 1 else sum(counts)
    return Spec(tuple(shape), x.dtype)


def tile(x: Any, repeats: Any) -> Spec:
    return Spec(kron(x, Spec((repeats,) if isinstance(repeats, int) else repeats, x.dtype)), x.dtype)


def pad_pairs(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    """A number, a pair, or a pair for each axis as a pair for each axis."""
    widths = [pad_width] if isinstance(pad_width, int) else list(pad_width)
    if len(widths) == 2 and all(isinstance(w, int) for w in widths):
        widths = [tuple(widths)]
    pairs = [(w, w) if isinstance(w, int) else tuple(w) for w in widths]
    return pairs * rank if len(pairs) == 1 else pairs


def pad(x: Any, pad_width: Any, *args: Any, **options: Any) -> Spec:
    shape = shape_of(x)
    pairs = pad_pairs(pad_width, len(shape))
    if len(pairs) != len(shape):
        raise ValueError(f"{pad_width} is not for {len(shape)} axes")
    return Spec(tuple(None if n is None else n + sum(w) for n, w in zip(shape, pairs)), x.dtype)


def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Shape:
    shapes = [shape_of(x) if axis is not None else (product(shape_of(x)),) for x in xs]
    at = axis_of(axis or 0, len(shapes[0]))
    rest = same_shape(*(s[:at] + s[at + 1 :] for s in shapes))
    total = None if any(s[at] is None for s in shapes) else sum(s[at] for s in shapes)  # type: ignore[misc]
    return (*rest[:at], total, *rest[at:])


def stack(x: Sequence[Any], axis: int = 0) -> Shape:
    shape = same_shape(*map(shape_of, x))
    at = axis_of(axis, len(shape) + 1)
    return (*shape[:at], len(x), *shape[at:])


def split(x: Any, indices_or_sections: Any, axis: int = 0, even: bool = True) -> list[Spec]:
    shape = shape_of(x)
    at = axis_of(axis, len(shape))
    n, parts = shape[at], indices_or_sections
    if isinstance(parts, int):
        if even and n is not None and n % parts:
            raise ValueError(f"{n} is not a multiple of {parts}")
        sizes = [None if n is None else n // parts + (i < n % parts) for i in range(parts)]
    else:
        edges = [int(i) for i in parts]
        sizes = [None if n is None else len(range(n)[a:b]) for a, b in zip([0, *edges], [*edges, n])]
    return [Spec((*shape[:at], size, *shape[at + 1 :]), x.dtype) for size in sizes]


def flip(x: Any, axis: Any = None) -> Spec:
    """The shape of ``x``, which must have the axes."""
    axes_of(axis, len(shape_of(x)))
    return Spec(shape_of(x), x.dtype)


def halved(x: Any, axis: int = -1) -> Spec:
    """The shape of x with an axis halved."""
    shape = list(shape_of(x))
    at = axis_of(axis, len(shape))
    n = shape[at]
    if n is not None and n % 2:
        raise ValueError(f"{n} is odd")
    shape[at] = None if n is None else n // 2
    return Spec(tuple(shape), float_dtype(x))
