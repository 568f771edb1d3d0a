"""Shape rules of ops that rearrange, repeat, pad, join or split axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph.node import Spec
from .products import kron
from .reductions import along
from .sizes import Shape, Shaped, axes_of, axis_of, broadcast, float_dtype, product, same_shape, shape_of


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
        rest = None if None in target else known
        if total is None or rest is None:
            target[i] = None
        elif rest == 0 or total % rest:
            raise ValueError(f"cannot reshape {shape} into {newshape}")
        else:
            target[i] = total // rest
    elif total is not None and None not in target and total != known:
        raise ValueError(f"cannot reshape {shape} into {newshape}")
    return Spec(tuple(target), x.dtype)


def ravel(x: Any) -> Shape:
    return (product(shape_of(x)),)


def transpose(x: Any, axes: Any = None) -> Shape:
    shape = shape_of(x)
    if axes is None:
        return shape[::-1]
    order = [axis_of(a, len(shape)) for a in axes]
    if sorted(order) != list(range(len(shape))):
        raise ValueError(f"{axes} is no permutation of the axes")
    return tuple(shape[a] for a in order)


def swapaxes(x: Any, axis1: int, axis2: int) -> Shape:
    shape = list(shape_of(x))
    i, j = axis_of(axis1, len(shape)), axis_of(axis2, len(shape))
    shape[i], shape[j] = shape[j], shape[i]
    return tuple(shape)


def moveaxis(x: Any, source: Any, destination: Any) -> Shape:
    shape = shape_of(x)
    first, second = (
        [axis_of(a, len(shape)) for a in ([v] if isinstance(v, int) else v)] for v in (source, destination)
    )
    order = [a for a in range(len(shape)) if a not in first]
    for to, a in sorted(zip(second, first)):
        order.insert(to, a)
    return tuple(shape[a] for a in order)


def expand_dims(x: Any, axis: Any) -> Shape:
    shape = list(shape_of(x))
    axes = [axis] if isinstance(axis, int) else axis
    rank = len(shape) + len(axes)
    for a in sorted(axis_of(a, rank) for a in axes):
        shape.insert(a, 1)
    return tuple(shape)


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
    return Spec(kron(x, Shaped((repeats,) if isinstance(repeats, int) else tuple(repeats))), x.dtype)


def pad(x: Any, pad_width: Any, *args: Any, **options: Any) -> Spec:
    shape = shape_of(x)
    widths = [pad_width] if isinstance(pad_width, int) else list(pad_width)
    if len(widths) == 2 and all(isinstance(w, int) for w in widths):
        widths = [widths]
    pairs = [(w, w) if isinstance(w, int) else tuple(w) for w in widths]
    pairs = pairs * len(shape) if len(pairs) == 1 else pairs
    if len(pairs) != len(shape):
        raise ValueError(f"{pad_width} is not for {len(shape)} axes")
    return Spec(tuple(None if n is None else n + sum(w) for n, w in zip(shape, pairs)), x.dtype)


def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Shape:
    shapes = [shape_of(x) if axis is not None else (product(shape_of(x)),) for x in xs]
    at = axis_of(axis or 0, len(shapes[0]))
    rest = same_shape(*(s[:at] + s[at + 1 :] for s in shapes))
    total = None if any(s[at] is None for s in shapes) else sum(s[at] for s in shapes)  # type: ignore[misc]
    return (*rest[:at], total, *rest[at:])


def concatenate_all(*xs: Any, axis: int = -1) -> Shape:
    return concatenate(xs, axis)


def stack(x: Sequence[Any], axis: int = 0) -> Shape:
    shape = same_shape(*map(shape_of, x))
    at = axis_of(axis, len(shape) + 1)
    return (*shape[:at], len(x), *shape[at:])


def stack_all(*xs: Any, axis: int = 0) -> Shape:
    return stack(xs, axis)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Spec]:
    shape = shape_of(x)
    at = axis_of(axis, len(shape))
    n, parts = shape[at], indices_or_sections
    if isinstance(parts, int):
        if n is not None and n % parts:
            raise ValueError(f"{n} is not a multiple of {parts}")
        sizes = [None if n is None else n // parts] * parts
    else:
        stops = [_bound(int(i), n) for i in parts]
        sizes = [_length(a, b) for a, b in zip([0, *stops], [*stops, n])]
    return [Spec((*shape[:at], size, *shape[at + 1 :]), x.dtype) for size in sizes]


def hsplit(x: Any, indices_or_sections: Any) -> list[Spec]:
    return split(x, indices_or_sections, 0 if len(shape_of(x)) == 1 else 1)


def vsplit(x: Any, indices_or_sections: Any) -> list[Spec]:
    return split(x, indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Spec]:
    return split(x, indices_or_sections, 2)


def flip(x: Any, axis: Any = None) -> Spec:
    """The shape of ``x``, which must have the axes."""
    for a in () if axis is None else (axis,) if isinstance(axis, int) else axis:
        axis_of(a, len(shape_of(x)))
    return Spec(shape_of(x), x.dtype)


def roll(x: Any, shift: Any, axis: Any = None) -> Spec:
    return flip(x, axis)


def _bound(i: int, n: int | None) -> int | None:
    """An index of a slice as a number from 0 to n; None where it depends on an unknown size."""
    if n is None:
        return 0 if i == 0 else None
    return min(max(i + n if i < 0 else i, 0), n)


def _length(start: int | None, stop: int | None) -> int | None:
    return None if start is None or stop is None else max(stop - start, 0)


def halved(x: Any, axis: int = -1) -> Spec:
    """The shape of x with an axis halved."""
    shape = list(shape_of(x))
    at = axis_of(axis, len(shape))
    n = shape[at]
    if n is not None and n % 2:
        raise ValueError(f"{n} is odd")
    shape[at] = None if n is None else n // 2
    return Spec(tuple(shape), float_dtype(x))
