"""Shape rules: the shape of an op's result, from the shapes of its arguments, in which an unknown size is None.

A rule is called like its op (``@op("numpy", shape=reduction)``), where tensors may be symbolic. It returns a shape, to which inference adds the
dtype by running the op on tensors with one element each, or a ``Spec`` (several for several outputs) where the op cannot do that.
What does not fit raises ``ValueError``; inference then lets the op itself say what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ..core.dtypes import result_type, standardize_dtype
from ..core.settings import floatx, image_data_format
from ..graph.node import Spec

Shape = tuple[int | None, ...]


def shape_of(x: Any) -> Shape:
    """The shape of a tensor, array, number or nested list."""
    if hasattr(x, "shape"):
        return tuple(x.shape)
    return (len(x), *shape_of(x[0])) if isinstance(x, (list, tuple)) and len(x) else (0,) if x in ([], ()) else ()


def product(sizes: Iterable[int | None]) -> int | None:
    """The number of elements; None if a size is unknown (and none is 0)."""
    sizes = list(sizes)
    return 0 if 0 in sizes else None if None in sizes else math.prod(sizes)  # type: ignore[arg-type]


def axis_of(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of bounds for a tensor with {rank} axes")
    return axis % rank


def axes_of(axis: Any, rank: int) -> set[int]:
    """The axes that an ``axis`` argument names; None for all."""
    if axis is None:
        return set(range(rank))
    return {axis_of(a, rank) for a in (axis if isinstance(axis, (tuple, list)) else [axis])}


def same_size(a: int | None, b: int | None) -> int | None:
    """What is known of a size that must be both."""
    if None not in (a, b) and a != b:
        raise ValueError(f"the sizes {a} and {b} do not agree")
    return b if a is None else a


def same_shape(*shapes: Shape) -> Shape:
    if len({len(s) for s in shapes}) != 1:
        raise ValueError("the numbers of axes do not agree")
    out = shapes[0]
    for shape in shapes[1:]:
        out = tuple(map(same_size, out, shape))
    return out


def broadcast(*shapes: Shape) -> Shape:
    """1 gives way to any size, an unknown size to a known one that is not 1."""
    out: list[int | None] = []
    for sizes in zip(*((1,) * (max(map(len, shapes)) - len(s)) + tuple(s) for s in shapes)):
        known = {n for n in sizes if n not in (None, 1)}
        if len(known) > 1:
            raise ValueError(f"the sizes {sorted(known)} of an axis cannot be broadcast")
        out.append(known.pop() if known else None if None in sizes else 1)
    return tuple(out)


# -- element by element ------------------------------------------------------------------------------------------------


def elementwise(*args: Any, **options: Any) -> Shape:
    """All arguments broadcast."""
    return broadcast(*map(shape_of, args))


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """All arguments broadcast; of the condition alone an unknown number of indices for each axis."""
    if x1 is None and x2 is None:
        return tuple(Spec((None,), "int32") for _ in shape_of(condition))
    return elementwise(condition, x1, x2)


def unchanged(x: Any, *args: Any, **options: Any) -> Shape:
    """The shape of the first argument."""
    return shape_of(x)


def unchanged_dtype(x: Any, *args: Any, **options: Any) -> Spec:
    """The shape and the dtype of the first argument."""
    return Spec(shape_of(x), x.dtype)


def unchanged_float(x: Any, *args: Any, **options: Any) -> Spec:
    """The shape of the first argument, in floating point."""
    return Spec(shape_of(x), float_dtype(x))


def of_second(x: Any, y: Any, *args: Any, **options: Any) -> Shape:
    """The shape of the second argument."""
    return shape_of(y)


# -- reductions --------------------------------------------------------------------------------------------------------


def reduction(x: Any, axis: Any = None, keepdims: bool = False, *args: Any, **options: Any) -> Shape:
    shape = shape_of(x)
    axes = axes_of(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)


def moments(x: Any, axes: Any, keepdims: bool = False, *args: Any, **options: Any) -> tuple[Spec, Spec]:
    spec = Spec(reduction(x, axes, keepdims), float_dtype(x))
    return spec, spec


def float_dtype(x: Any) -> str:
    """The dtype of x, ``floatx()`` for integers and booleans."""
    dtype = str(x.dtype)
    return dtype if dtype.startswith(("float", "bfloat", "complex")) else floatx()


def along(x: Any, axis: int | None = None, *args: Any, **options: Any) -> Shape:
    """The shape of x; flattened if there is no axis."""
    shape = shape_of(x)
    if axis is None:
        return (product(shape),)
    axis_of(axis, len(shape))
    return shape


def along_last(x: Any, axis: int | None = -1, *args: Any, **options: Any) -> Shape:
    """The same, by default along the last axis."""
    return along(x, axis)


def loss(target: Any, output: Any, *args: Any, **options: Any) -> Shape:
    """A loss of each sample: the last axis is reduced."""
    return broadcast(shape_of(target), shape_of(output))[:-1]


def crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Shape:
    return reduction(_Like(same_shape(shape_of(target), shape_of(output))), axis)


def crossentropy_along(target: Any, output: Any, axis: int = -1) -> Shape:
    return crossentropy(target, output, axis=axis)


def sparse_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Shape:
    return reduction(output, axis)


def sparse_crossentropy_along(target: Any, output: Any, axis: int = -1) -> Shape:
    return reduction(output, axis)


class _Like:
    def __init__(self, shape: Shape) -> None:
        self.shape = shape


# -- products ----------------------------------------------------------------------------------------------------------


def matmul(x1: Any, x2: Any) -> Shape:
    a, b = shape_of(x1), shape_of(x2)
    if not a or not b:
        raise ValueError("a scalar has no axis to sum over")
    row, column = len(a) == 1, len(b) == 1
    a, b = (1, *a) if row else a, (*b, 1) if column else b
    same_size(a[-1], b[-2])
    return (*broadcast(a[:-2], b[:-2]), *(() if row else (a[-2],)), *(() if column else (b[-1],)))


def dot(x1: Any, x2: Any) -> Shape:
    a, b = shape_of(x1), shape_of(x2)
    if not a or not b:
        return a or b
    same_size(a[-1], b[-1] if len(b) == 1 else b[-2])
    return (*a[:-1], *b[:-2], *(b[-1:] if len(b) > 1 else ()))


def dense(x: Any, kernel: Any, bias: Any = None, *args: Any, **options: Any) -> Shape:
    return matmul(x, kernel)


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Shape:
    a, b = shape_of(x1), shape_of(x2)
    first, second = (range(len(a) - axes, len(a)), range(axes)) if isinstance(axes, int) else axes
    left, right = (
        [axis_of(i, len(s)) for i in ([n] if isinstance(n, int) else n)] for n, s in ((first, a), (second, b))
    )
    if len(left) != len(right):
        raise ValueError(f"expected as many axes of x1 as of x2, got {axes}")
    for i, j in zip(left, right):
        same_size(a[i], b[j])
    return (*(n for i, n in enumerate(a) if i not in left), *(n for j, n in enumerate(b) if j not in right))


def inner(x1: Any, x2: Any) -> Shape:
    return tensordot(x1, x2, (-1, -1)) if shape_of(x1) and shape_of(x2) else elementwise(x1, x2)


def outer(x1: Any, x2: Any) -> Shape:
    return product(shape_of(x1)), product(shape_of(x2))


def labelled(terms: Sequence[Sequence[str]], shapes: Sequence[Shape], output: Sequence[str]) -> Shape:
    """An einsum: the size of every label, where 1 broadcasts."""
    sizes: dict[str, int | None] = {}
    for term, shape in zip(terms, shapes):
        for label, n in zip(term, shape):
            (sizes[label],) = broadcast((sizes.get(label, 1),), (n,))
    if missing := [label for label in output if label not in sizes]:
        raise ValueError(f"{missing[0]!r} is in the result and in no operand")
    return tuple(sizes[label] for label in output)


def scalar(*args: Any, **options: Any) -> Shape:
    return ()


def kron(x1: Any, x2: Any) -> Shape:
    a, b = shape_of(x1), shape_of(x2)
    rank = max(len(a), len(b))
    return tuple(map(lambda m, n: product((m, n)), (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b))


def cdist(x: Any, y: Any) -> Shape:
    a, b = shape_of(x), shape_of(y)
    same_size(a[-1], b[-1])
    return (*broadcast(a[:-2], b[:-2]), a[-2], b[-2])


def attention(query: Any, key: Any, value: Any, *args: Any, **options: Any) -> Spec:
    """(batch, queries, heads, size of a value)"""
    q, k, v = map(shape_of, (query, key, value))
    if not len(q) == len(k) == len(v) == 4:
        raise ValueError("expected four axes")
    same_size(q[3], k[3])
    same_size(k[1], v[1])
    return Spec(
        (same_size(q[0], same_size(k[0], v[0])), q[1], q[2], v[3]), result_type(float_dtype(query), float_dtype(value))
    )


# -- matrices ----------------------------------------------------------------------------------------------------------


def square(x: Any, *args: Any, **options: Any) -> Shape:
    """The shape of square matrices."""
    shape = shape_of(x)
    if len(shape) < 2:
        raise ValueError("expected matrices")
    same_size(shape[-1], shape[-2])
    return shape


def determinant(x: Any) -> Shape:
    return square(x)[:-2]


def sign_and_logdet(x: Any) -> tuple[Spec, Spec]:
    spec = Spec(square(x)[:-2], float_dtype(x))
    return spec, spec


def eigh(x: Any) -> tuple[Spec, Spec]:
    shape = square(x)
    return Spec(shape[:-1], float_dtype(x)), Spec(shape, float_dtype(x))


def solve(a: Any, b: Any, *args: Any, **options: Any) -> Spec:
    square(a)
    return Spec(shape_of(b), result_type(float_dtype(a), float_dtype(b)))


def pinv(x: Any, *args: Any, **options: Any) -> Shape:
    *batch, m, n = shape_of(x)
    return (*batch, n, m)


def eig(x: Any) -> tuple[Spec, Spec]:
    shape, dtype = square(x), "complex128" if str(x.dtype) == "float64" else "complex64"
    return Spec(shape[:-1], dtype), Spec(shape, dtype)


def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Spec:
    if axis is not None:
        axisa = axisb = axisc = axis
    first, second = _Like(moveaxis(x1, axisa, -1)), _Like(moveaxis(x2, axisb, -1))
    sizes = first.shape[-1], second.shape[-1]
    if not {*sizes} <= {2, 3}:
        raise ValueError(f"the vectors must be known to have 2 or 3 elements, got {sizes[0]} and {sizes[1]}")
    rest = broadcast(first.shape[:-1], second.shape[:-1])
    shape = rest if sizes == (2, 2) else moveaxis(_Like((*rest, 3)), -1, axisc)
    return Spec(shape, result_type(x1.dtype, x2.dtype))


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Spec:
    shape = shape_of(x)
    i, j = axis_of(axis1, len(shape)), axis_of(axis2, len(shape))
    m, n = shape[i], shape[j]
    length = None
    if m is not None and n is not None:
        length = max(min(m + min(offset, 0), n - max(offset, 0)), 0)
    return Spec((*(k for a, k in enumerate(shape) if a not in (i, j)), length), x.dtype)


def diag(x: Any, k: int = 0) -> Spec:
    return diagonal(x, k) if len(shape_of(x)) == 2 else diagflat(x, k)


def diagflat(x: Any, k: int = 0) -> Spec:
    n = product(shape_of(x))
    return Spec((None if n is None else n + abs(k),) * 2, x.dtype)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Shape:
    return tuple(diagonal(x, offset, axis1, axis2).shape[:-1])


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Shape:
    (n,) = shape_of(x)
    return n, n if N is None else N


def matrix(x: Any, *args: Any, **options: Any) -> Shape:
    """The shape of x, which must have two axes."""
    if len(shape_of(x)) < 2:
        raise ValueError("expected matrices")
    return shape_of(x)


# -- axes --------------------------------------------------------------------------------------------------------------


def reshape(x: Any, newshape: Any) -> Spec:
    """-1 is unknown while the number of elements is; so is an entry that itself is unknown."""
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
    """Without an axis all sizes of 1 go; an unknown size is taken for another one, as in Keras."""
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
    return Spec(kron(x, _Like((repeats,) if isinstance(repeats, int) else tuple(repeats))), x.dtype)


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


def _bound(i: int, n: int | None) -> int | None:
    """An index of a slice as a number from 0 to n; None where it depends on a size that is not known."""
    if n is None:
        return 0 if i == 0 else None
    return min(max(i + n if i < 0 else i, 0), n)


def _length(start: int | None, stop: int | None) -> int | None:
    return None if start is None or stop is None else max(stop - start, 0)


def get_item(x: Any, key: Any) -> Spec:
    """Numbers, slices, None, ``...``, and tensors or lists of indices; a mask takes an unknown number of elements."""
    shape, keys = shape_of(x), key if isinstance(key, tuple) else (key,)
    count = sum(_rank_of_key(k) for k in keys)
    if count > len(shape):
        raise IndexError(f"{count} indices for {len(shape)} axes")
    if not any(k is Ellipsis for k in keys):
        keys = (*keys, Ellipsis)
    out: list[int | None] = []
    arrays: list[Shape] = []
    where, apart, at = 0, False, 0
    last_was_array = False
    for k in keys:
        is_array = not (k is None or k is Ellipsis or isinstance(k, slice))
        plain = isinstance(k, int) and not isinstance(k, bool)
        if is_array and (not plain or any(_is_index_array(other) for other in keys)):
            if not arrays:
                where = len(out)
            elif not last_was_array:
                apart = True
            arrays.append((None,) if _is_mask(k) else shape_of(k))
            at += _rank_of_key(k)
        elif plain:
            n = shape[at]
            if n is not None and not -n <= k < n:
                raise IndexError(f"index {k} is out of bounds for axis {at} of size {n}")
            at += 1
        elif k is None:
            out.append(1)
        elif k is Ellipsis:
            stop = at + len(shape) - count
            out += shape[at:stop]
            at = stop
        else:
            out.append(_sliced(k, shape[at]))
            at += 1
        last_was_array = is_array
    if arrays:
        where = 0 if apart else where
        out[where:where] = broadcast(*arrays)
    return Spec(tuple(out), x.dtype)


def _is_mask(k: Any) -> bool:
    return (
        isinstance(k, bool)
        or str(getattr(k, "dtype", "")) == "bool"
        or (isinstance(k, list) and k[:1] in ([True], [False]))
    )


def _is_index_array(k: Any) -> bool:
    return isinstance(k, list) or hasattr(k, "shape")


def _rank_of_key(k: Any) -> int:
    """How many axes a part of a key takes."""
    if k is None or k is Ellipsis:
        return 0
    return len(shape_of(k)) if _is_mask(k) else 1


def _sliced(part: slice, n: int | None) -> int | None:
    step = 1 if part.step is None else part.step
    if n is not None:
        return len(range(*part.indices(n)))
    start, stop = (part.start, part.stop) if step > 0 else (part.stop, part.start)
    if isinstance(start, int) and isinstance(stop, int) and start >= stop and (start >= 0) == (stop >= 0) and step > 0:
        return 0
    return None


def take(x: Any, indices: Any, axis: int | None = None) -> Spec:
    shape, picked = shape_of(x), shape_of(indices)
    if axis is None:
        return Spec(picked, x.dtype)
    at = axis_of(axis, len(shape))
    return Spec((*shape[:at], *picked, *shape[at + 1 :]), x.dtype)


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Spec:
    shape, picked = shape_of(x), shape_of(indices)
    if axis is None:
        return Spec((product(picked),), x.dtype)
    at = axis_of(axis, len(shape))
    rest = broadcast((*shape[:at], 1, *shape[at + 1 :]), picked)
    return Spec((*rest[:at], picked[at], *rest[at + 1 :]), x.dtype)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Spec:
    shape = shape_of(x)
    at = axis_of(axis, len(shape) + 1)
    return Spec((*shape[:at], num_classes, *shape[at:]), standardize_dtype(dtype))


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Spec, Spec]:
    *rest, n = shape_of(x)
    if n is not None and k > n:
        raise ValueError(f"there are no {k} of {n}")
    return Spec((*rest, k), x.dtype), Spec((*rest, k), "int32")


def embedding(table: Any, ids: Any) -> Spec:
    return Spec((*shape_of(ids), *shape_of(table)[1:]), table.dtype)


def halved(x: Any, axis: int = -1) -> Spec:
    """The shape of x with half of an axis."""
    shape = list(shape_of(x))
    at = axis_of(axis, len(shape))
    n = shape[at]
    if n is not None and n % 2:
        raise ValueError(f"{n} is odd")
    shape[at] = None if n is None else n // 2
    return Spec(tuple(shape), float_dtype(x))


# -- images, signals ---------------------------------------------------------------------------------------------------


def resize(images: Any, size: Sequence[int], *args: Any, data_format: str | None = None, **options: Any) -> Spec:
    if len(args) == 7:
        data_format = args[-1]
    shape = shape_of(images)
    if len(shape) not in (3, 4):
        raise ValueError(f"{shape} is the shape of no images")
    first = len(shape) - (3 if (data_format or image_data_format()) == "channels_last" else 2)
    return Spec((*shape[:first], *(int(n) for n in size), *shape[first + 2 :]), images.dtype)


def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Spec:
    return _blocks(x, block_size, data_format, lambda n, s: _divided(n, s), lambda c, s: product((c, s * s)))


def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Spec:
    return _blocks(x, block_size, data_format, lambda n, s: product((n, s)), lambda c, s: _divided(c, s * s))


def _blocks(x: Any, s: int, data_format: str, length: Any, channels: Any) -> Spec:
    b, *rest = shape_of(x)
    if len(rest) != 3:
        raise ValueError(f"expected four axes, got shape {shape_of(x)}")
    h, w, c = rest if data_format == "channels_last" else (*rest[1:], rest[0])
    h, w, c = length(h, s), length(w, s), channels(c, s)
    return Spec((b, h, w, c) if data_format == "channels_last" else (b, c, h, w), x.dtype)


def _divided(n: int | None, by: int) -> int | None:
    if n is not None and n % by:
        raise ValueError(f"{n} is not a multiple of {by}")
    return None if n is None else n // by


def fold(x: Any, output_size: Any, kernel_size: Any, *args: Any, **options: Any) -> Spec:
    b, c, _ = shape_of(x)
    h, w = (output_size,) * 2 if isinstance(output_size, int) else output_size
    area = kernel_size**2 if isinstance(kernel_size, int) else math.prod(kernel_size)
    return Spec((b, _divided(c, area), h, w), x.dtype)


def map_coordinates(inputs: Any, coordinates: Any, *args: Any, **options: Any) -> Spec:
    n, *shape = shape_of(coordinates)
    same_size(n, len(shape_of(inputs)))
    return Spec(tuple(shape), inputs.dtype)


def fourier(x: Any) -> tuple[Spec, Spec]:
    """Of a pair of real and imaginary part: a pair of the same shape."""
    real, imag = x
    spec = Spec(same_shape(shape_of(real), shape_of(imag)), float_dtype(real))
    return spec, spec


def rfft(x: Any, fft_length: int | None = None) -> tuple[Spec, Spec]:
    *rest, n = shape_of(x)
    n = n if fft_length is None else fft_length
    spec = Spec((*rest, None if n is None else n // 2 + 1), float_dtype(x))
    return spec, spec


def irfft(x: Any, fft_length: int | None = None) -> Spec:
    real, imag = x
    *rest, n = same_shape(shape_of(real), shape_of(imag))
    n = 2 * (n - 1) if fft_length is None and n is not None else fft_length
    return Spec((*rest, n), float_dtype(real))


def sequences(x: Any, sequence_length: int, sequence_stride: int) -> Spec:
    *rest, n = shape_of(x)
    count = None if n is None else (n - sequence_length) // sequence_stride + 1
    return Spec((*rest, count, sequence_length), x.dtype)


def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Spec:
    return Spec(tuple(shape), values.dtype)
