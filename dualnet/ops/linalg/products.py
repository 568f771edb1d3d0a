"""Products of vectors, matrices and tensors over chosen axes, distances and correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Xp, as_array, promote, promote_floating, sum_to
from ..core.indexing import get_item
from ..core.shape import expand_dims, moveaxis, ndim, ravel, stack
from ..math.arithmetic import multiply, subtract
from ..registry import op
from .einsum import _einsum

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@op("numpy", shape="traced")
def tensordot(x1: Array, x2: Array, /, axes: int | Sequence[Any] = 2) -> Tensor:
    """The sum of products over pairs of axes; the result has the other axes of x1, then those of x2.

    Args:
        axes: their number, the last of x1 with the first of x2 in order, or two lists (or numbers): axes of x1 and of
            x2.
    """
    m, n = ndim(x1), ndim(x2)
    if isinstance(axes, int):
        if not 0 <= axes <= min(m, n):
            raise ValueError(f"tensordot: expected axes from 0 to {min(m, n)} for {m} and {n} axes, got {axes}")
        first: list[int] = list(range(m - axes, m))
        second = list(range(axes))
    else:
        first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
        if len(first) != len(second):
            raise ValueError(f"tensordot: expected as many axes of x1 as of x2, got {first} and {second}")
    left, right = list(_LETTERS[:m]), list(_LETTERS[m : m + n])
    for a, b in zip(first, second):
        right[b] = left[a]
    inner = {left[a] for a in first}
    output = [a for a in left + right if a not in inner]
    subscripts = f"{''.join(left)},{''.join(right)}->{''.join(output)}"
    return _einsum(x1, x2, subscripts=subscripts, widen=False)


@op("numpy", shape="traced")
def inner(x1: Array, x2: Array, /) -> Tensor:
    """The sum of products over the last axes.  x1: (..., n)  x2: (..., n) -> the other axes of x1, then those of x2

    With a scalar: the product.
    """
    if ndim(x1) == 0 or ndim(x2) == 0:
        return multiply(x1, x2)
    return tensordot(x1, x2, axes=(-1, -1))


@op("numpy", shape=shape_rules.scalar)
def vdot(x1: Array, x2: Array, /) -> Tensor:
    """The sum of products of all elements in order.  x1, x2: tensors of the same size -> ()"""
    return _einsum(ravel(x1), ravel(x2), subscripts="a,a->", widen=False)


@op("numpy", shape="traced")
def outer(x1: Array, x2: Array, /) -> Tensor:
    """Every element of x1 times every element of x2.  any shapes -> (size of x1, size of x2)"""
    return multiply(expand_dims(ravel(x1), 1), expand_dims(ravel(x2), 0))


@op("numpy", shape=shape_rules.kron)
def kron(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """Kronecker's product: x1 with every element replaced by its product with x2.  (m, ...), (n, ...) -> (m * n, ...)"""
    x, y = promote(x1, x2)
    y = as_array(xp, y, x)
    rank = max(x.ndim, y.ndim)
    x = x.reshape((1,) * (rank - x.ndim) + x.shape)
    y = y.reshape((1,) * (rank - y.ndim) + y.shape)
    x_expanded = x.reshape(tuple(v for n in x.shape for v in (n, 1)))
    y_expanded = y.reshape(tuple(v for n in y.shape for v in (1, n)))
    pairs = tuple(v for pair in zip(x.shape, y.shape) for v in pair)

    def backward(dz: Array) -> tuple[Array, Any]:
        dz = dz.reshape(pairs)
        dy = sum_to(xp, dz * x_expanded, y_expanded).reshape(x2.shape) if hasattr(x2, "shape") else None
        return sum_to(xp, dz * y_expanded, x_expanded).reshape(x1.shape), dy

    return (x_expanded * y_expanded).reshape(tuple(m * n for m, n in zip(x.shape, y.shape))), backward


@op("numpy", shape="traced")
def cross(
    x1: Array, x2: Array, /, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """The cross product of vectors of 3 elements; 2 elements count as 3 of which the last is 0.  (..., 3), (..., 3) -> (..., 3)

    For two vectors of 2 elements only the last element of the product.  (..., 2), (..., 2) -> (...)

    Args:
        axisa, axisb, axisc: where the elements are in x1, x2 and the result.
        axis: the same for all three.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    sizes: list[Any] = [a.shape[-1], b.shape[-1]]
    if 3 in sizes:  # then a size that is not known yet makes no difference to the shape
        sizes = [3 if n is None else n for n in sizes]
    if not set(sizes) <= {2, 3}:
        raise ValueError(f"cross: expected vectors of 2 or 3 elements, got {sizes[0]} and {sizes[1]}")
    (a1, a2, *a3), (b1, b2, *b3) = ([get_item(v, (..., i)) for i in range(n)] for v, n in zip((a, b), sizes))
    last = subtract(multiply(a1, b2), multiply(a2, b1))
    if not a3 and not b3:
        return last
    x = subtract(multiply(a2, b3[0]) if b3 else 0, multiply(a3[0], b2) if a3 else 0)
    y = subtract(multiply(a3[0], b1) if a3 else 0, multiply(a1, b3[0]) if b3 else 0)
    return moveaxis(stack([x, y, last], axis=-1), -1, axisc)


@op("math", class_name="CDist")
def cdist(xp: Xp, x: Array, y: Array, /) -> Forward:
    """The Euclidean distance of every pair, with gradient 0 where it is 0.  x: (..., m, d)  y: (..., n, d) -> (..., m, n)

    Computed from the differences, which needs m * n * d numbers of memory and is exact for close points.
    """
    a, b = promote_floating(x, y)
    difference = a[..., :, None, :] - b[..., None, :, :]
    z = xp.sqrt(xp.sum(difference * difference, axis=-1))

    def backward(dz: Array) -> tuple[Array, Array]:
        scaled = difference * (dz / xp.where(z == 0, xp.ones_like(z), z))[..., None]
        return sum_to(xp, xp.sum(scaled, axis=-2), a), sum_to(xp, -xp.sum(scaled, axis=-3), b)

    return z, backward


@op("numpy")
def correlate(xp: Xp, x1: Array, x2: Array, /, mode: str = "valid") -> Forward:
    """The cross-correlation of two signals, c_k = sum of x1[n + k] * x2[n].  x1: (m,)  x2: (n,) -> a vector

    Args:
        mode: "full", every overlap, m + n - 1; "same", its offset max(m, n); "valid", where the shorter lies within the
            longer.
    """
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"correlate: expected two vectors, got shapes {x1.shape} and {x2.shape}")
    x, y = promote_floating(x1, x2)
    dtype = x.dtype
    if str(dtype) in ("float16", "bfloat16"):
        x, y = x.astype("float32"), y.astype("float32")
    m, n = x.shape[0], y.shape[0]
    short, long = min(m, n), max(m, n)
    if short == 0:
        raise ValueError(f"correlate: expected signals with elements, got {m} and {n} of them")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f'correlate: mode {mode!r} is not known; expected "full", "same" or "valid"')
    length = {"full": m + n - 1, "same": long, "valid": long - short + 1}[mode]
    offset = (n - 1) // 2 if m >= n else m - 1 - (m - 1) // 2
    start = {"full": 0, "same": offset, "valid": short - 1}[mode]
    full = xp.correlate(x, y, "full")

    def backward(dz: Array) -> tuple[Array, Array]:
        x_expanded = xp.pad(dz.astype(x.dtype, copy=False), (start, m + n - 1 - start - length))
        return xp.convolve(x_expanded, y, "valid"), xp.flip(xp.correlate(x_expanded, x, "valid"), 0)

    return full[start : start + length].astype(dtype, copy=False), backward
