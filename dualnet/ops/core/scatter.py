"""Reading and writing parts of a tensor: slices with dynamic starts, and scatters by index."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend

from ...core.op import is_symbolic, primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Spec, whole_numbers
from ..math.arithmetic import add, maximum, minimum, multiply
from ..registry import op
from .segment import _segment_max, _segment_min, _segment_prod, _segment_sum, _slots
from .shape import reshape
from .shape import shape as shape_of

Starts = Any  # integers, or a tensor of them, or one of each


def _host_starts(starts: Starts) -> list[int] | None:
    """The starts as numbers where the host knows them, None where they are on a device."""
    if isinstance(starts, Tensor):
        return None
    if hasattr(starts, "dtype"):
        starts = backends.of(starts).to_numpy(starts).reshape(-1)
    return None if any(isinstance(i, Tensor) for i in starts) else [operator.index(i) for i in starts]


def _window(backend: Backend, x: Array, starts: Starts, sizes: Sequence[int]) -> Any:
    """The key with which ``x[...]`` is the window of these sizes."""
    xp = backend.xp
    count = starts.shape[0] if hasattr(starts, "shape") else len(starts)
    if not count == len(sizes) == x.ndim:
        raise ValueError(
            f"expected a start and a size for each of the {x.ndim} axes of shape {x.shape}, "
            f"got {count} starts and the shape {tuple(sizes)}"
        )
    known = _host_starts(starts)
    if known is not None:
        begins = [i + n if i < 0 else i for i, n in zip(known, x.shape)]
        for i, size, n in zip(begins, sizes, x.shape):
            if not 0 <= i <= i + size <= n:
                raise _outside(sizes, known, x)
        return tuple(map(builtins.slice, begins, (i + size for i, size in zip(begins, sizes))))
    key = []
    for axis, (size, n) in enumerate(zip(sizes, x.shape)):
        if size > n:
            raise ValueError(f"a window of shape {tuple(sizes)} does not fit into the shape {x.shape}")
        start = starts[axis]
        start = start.data if isinstance(start, Tensor) else start
        begin = start + n if isinstance(start, int) and start < 0 else start
        if hasattr(start, "dtype"):
            if start.dtype.kind not in "iu":
                raise TypeError(f"expected whole numbers as start_indices, got dtype {start.dtype}")
            begin = xp.where(start < 0, start + n, start)
            try:
                backend.require((begin >= 0) & (begin <= n - size), "start_indices")
            except IndexError:
                raise _outside(sizes, starts, x) from None
            begin = xp.clip(begin, 0, n - size)  # a device cannot raise: the window is moved inside, as in Keras on JAX
        key.append((begin + xp.arange(size)).astype("int64").reshape((-1,) + (1,) * (x.ndim - axis - 1)))
    return tuple(key)


def _outside(sizes: Sequence[int], starts: Starts, x: Array) -> ValueError:
    starts = tuple(int(i) for i in (starts.data if isinstance(starts, Tensor) else starts))
    return ValueError(f"a window of shape {tuple(sizes)} from {starts} does not lie within the shape {x.shape}")


@primitive
def _slice(backend: Backend, x: Array, /, start_indices: Starts = (), shape: Sequence[int] = ()) -> Forward:
    xp, key = backend.xp, _window(backend, x, start_indices, shape)

    def backward(dy: Array) -> Array:
        dx = xp.zeros(x.shape, dtype=dy.dtype)
        dx[key] = dy
        return dx

    return x[key], backward


@primitive(shape=shape_rules.unchanged_dtype)
def _slice_update(backend: Backend, x: Array, updates: Array, /, start_indices: Starts = ()) -> Forward:
    xp, key = backend.xp, _window(backend, x, start_indices, updates.shape)
    y = x.copy()
    y[key] = updates.astype(x.dtype)

    def backward(dy: Array) -> tuple[Array, Array]:
        dx = dy.copy()
        dx[key] = xp.zeros((), dtype=dy.dtype)  # a Python number would be copied from the host
        return dx, dy[key]

    return y, backward


def _slice_shape(inputs: Any, start_indices: Starts, shape: Sequence[int]) -> Spec:
    if len(shape) != inputs.ndim:
        raise ValueError(f"expected a size for each of the {inputs.ndim} axes, got the shape {tuple(shape)}")
    starts = None if is_symbolic(start_indices) else [int(i) for i in start_indices]
    sizes: list[int | None] = []
    for axis, (n, size) in enumerate(zip(inputs.shape, shape)):
        if size != -1:
            sizes.append(int(size))
        elif starts is None or (n is None and starts[axis] >= 0):
            sizes.append(None)
        else:
            sizes.append(-starts[axis] if starts[axis] < 0 else n - starts[axis])
    return Spec(tuple(sizes), inputs.dtype)


@op("core", shape=_slice_shape)
def slice(inputs: Any, start_indices: Starts, /, shape: Sequence[int]) -> Tensor:
    """A window of a tensor.  inputs: any shape -> ``shape``, which has as many axes; -1 is the rest of an axis

    With -1 in ``shape`` the host waits for starts that are in a tensor.

    Args:
        start_indices: an integer for each axis (negative ones count from the end), or a tensor of them. A window out of bounds
            raises ``ValueError``; on a GPU, which cannot raise, starts in a tensor are clamped.
    """
    sizes = [int(size) for size in shape]
    if -1 in sizes:
        full_shape = shape_of(inputs)
        if len(sizes) != len(full_shape):
            raise ValueError(f"expected a size for each of the {len(full_shape)} axes, got the shape {tuple(sizes)}")
        start_indices = starts = [int(i) for i in start_indices]
        remaining = [n - (i + n if i < 0 else i) for i, n in zip(starts, full_shape)]
        sizes = [n if size == -1 else size for size, n in zip(sizes, remaining)]
    return _slice(inputs, start_indices=start_indices, shape=tuple(sizes))


@op("core", shape=shape_rules.unchanged_dtype)
def slice_update(inputs: Any, start_indices: Starts, updates: Any, /) -> Tensor:
    """A tensor with a window of it replaced, beginning at ``start_indices`` (see ``slice``) with the shape of updates"""
    return _slice_update(inputs, updates, start_indices=start_indices)


@primitive
def _flat_indices(backend: Backend, indices: Array, /, shape: Sequence[int] = (), name: str = "scatter") -> Any:
    """Rows of indices as indices into the flattened first axes.  (..., k) -> (m,)

    Out of bounds they raise ``IndexError``; on a device that cannot raise they are -1, and dropped.
    """
    xp = backend.xp
    if indices.ndim == 0 or indices.shape[-1] > len(shape):
        raise ValueError(f"expected indices (..., k) of up to {len(shape)} axes, got shape {indices.shape}")
    position: Any = 0
    inside: Any = True
    for axis, n in enumerate(shape[: indices.shape[-1]]):
        i = whole_numbers(backend, indices[..., axis], name).astype("int64")
        i = xp.where(i < 0, i + n, i)
        inside = xp.logical_and(inside, xp.logical_and(i >= 0, i < n))
        position = position * n + i
    try:
        backend.require(inside, "indices")
    except IndexError:
        wrong = indices[xp.logical_not(inside)][0].tolist()
        raise IndexError(f"{name}: the index {wrong} is out of bounds for the shape {tuple(shape)}") from None
    return xp.where(inside, position, -1).reshape(-1), None


@primitive
def _write_rows(backend: Backend, x: Array, indices: Array, rows: Array, /) -> Forward:
    """x with rows replaced; the last of equal indices wins.  x: (n, ...)  indices: (m,)  rows: (m, ...)"""
    xp, n, m = backend.xp, x.shape[0], indices.shape[0]
    slots = _slots(backend, indices, n)
    # The last row is determined by its number, not by the order in which a device writes.
    winner = xp.full((n + 1,), -1, dtype="int64")
    number = xp.arange(m, dtype="int64")
    xp.maximum.at(winner, slots, number)
    written = (winner[:n] >= 0).reshape((n,) + (1,) * (x.ndim - 1))
    if m == 0:
        return x.copy(), lambda dy: (dy, None, xp.zeros(rows.shape, dtype=dy.dtype))
    y = xp.where(written, rows[xp.maximum(winner[:n], 0)].astype(x.dtype), x)

    def backward(dy: Array) -> tuple[Array, None, Array]:
        zero = xp.zeros((), dtype=dy.dtype)
        won = xp.logical_and(winner[slots] == number, slots < n).reshape((m,) + (1,) * (x.ndim - 1))
        return xp.where(written, zero, dy), None, xp.where(won, dy[xp.minimum(slots, n - 1)], zero)

    return y, backward


@op("core", shape=shape_rules.scatter)
def scatter(indices: Any, values: Any, /, shape: Sequence[int]) -> Tensor:
    """Values scattered into a tensor of zeros; values at equal indices add up.

    indices: (..., k) of integers, of the first k axes  values: (..., *shape[k:]) -> ``shape``. Negative indices count
    from the end; indices out of bounds raise ``IndexError``, or on a GPU, which cannot raise, are dropped.
    """
    shape = tuple(shape)
    flat = _flat_indices(indices, shape=shape)
    k = shape_of(indices)[-1]
    rows = reshape(values, (-1 if math.prod(shape_of(values)) else 0, math.prod(shape[k:])))
    return reshape(_segment_sum(rows, flat, math.prod(shape[:k])), shape)


@op("core", shape=shape_rules.unchanged_dtype)
def scatter_update(inputs: Any, indices: Any, updates: Any, /, reduction: str | None = None) -> Tensor:
    """A tensor with the values at indices replaced by updates, or combined with them.

    Args:
        inputs: any shape.
        indices: (..., k) of integers, of the first k axes.
        updates: (..., *inputs.shape[k:]).
        reduction: None (replaced; the last of equal indices wins), "add", "max", "min" or "mul". Negative indices count
            from the end; indices out of bounds raise ``IndexError``, or on a GPU, which cannot raise, are dropped.
    """
    full_shape, k = shape_of(inputs), shape_of(indices)[-1]
    flat = _flat_indices(indices, shape=full_shape, name="scatter_update")
    n, rest = math.prod(full_shape[:k]), full_shape[k:]
    rows = reshape(updates, (shape_of(flat)[0], *rest))
    table = reshape(inputs, (n, *rest))
    if reduction is None:
        return reshape(_write_rows(table, flat, rows), full_shape)
    if reduction not in _REDUCTIONS:
        raise ValueError(f'expected the reduction None, "add", "max", "min" or "mul", got {reduction!r}')
    segments, combine = _REDUCTIONS[reduction]
    return reshape(combine(table, segments(rows, flat, n)), full_shape)


_REDUCTIONS: dict[str, tuple[Any, Any]] = {
    "add": (_segment_sum, add),
    "max": (_segment_max, maximum),
    "min": (_segment_min, minimum),
    "mul": (_segment_prod, multiply),
}
