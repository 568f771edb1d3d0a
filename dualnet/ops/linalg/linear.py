"""Matrix products, and the dense layer as one op."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, floating, promote, sum_to
from ..core.shape import ndim
from ..math.arithmetic import multiply
from ..nn.activation import FROM_OUTPUT
from ..registry import op


@op("numpy", in_place_grads=True, shape=shape_rules.matmul)
def matmul(backend: Backend, x1: Array, x2: Array, /) -> Forward:
    """The matrix product over the last two axes, the others broadcast.

    x1: (..., m, k)  x2: (..., k, n) -> (..., m, n); a vector counts as a row on the left and as a column on the right.
    """
    a, b = promote(x1, x2)
    if a.ndim == 0 or getattr(b, "ndim", 0) == 0:
        raise ValueError("matmul needs operands with at least one axis, got a scalar: use multiply")
    if x1.dtype.itemsize == x2.dtype.itemsize == 1 and x1.dtype.kind == x2.dtype.kind == "i":
        # A sum of products of int8 does not fit in int8.
        a, b = a.astype("int32"), b.astype("int32")
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"matmul: the inner sizes differ: {a.shape} @ {b.shape}")
    rows, columns = (a[None, :] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    y = backend.matmul(rows, columns)
    full = y.shape
    if a.ndim == 1:
        y = y[..., 0, :]
    if b.ndim == 1:
        y = y[..., 0]

    def backward(dy: Array, out: list[Any]) -> tuple[Array, Array]:
        xp, dy = backend.xp, dy.reshape(full)
        da: Any = None
        db: Any = None
        if out[0] is not False:
            da = sum_to(xp, backend.matmul(dy, xp.swapaxes(columns, -1, -2)), rows).reshape(a.shape)
        if out[1] is not False:
            buffer = out[1] if rows.ndim == b.ndim == 2 else None
            db = backend.matmul(xp.swapaxes(rows, -1, -2), dy, out=buffer)
            db = sum_to(xp, db, columns).reshape(b.shape)
        return da, db

    return y, backward


@primitive(in_place_grads=True, shape=shape_rules.dense)
def dense(
    backend: Backend, x: Array, kernel: Array, bias: Array | None = None, /, activation: str = "linear"
) -> Forward:
    """activation(x @ kernel + bias) in one op.

    x: (..., in)  kernel: (in, out)  bias: (out,) or None -> (..., out).  activation: a key of
    ``activation.FROM_OUTPUT``.
    """
    act = FROM_OUTPUT[activation]
    x = floating(x)
    y = backend.affine(x, kernel, bias, activation)

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        has_bias = bias is not None and out[2] is not False
        dz, db = backend.activation_gradients(
            act, y, dy, "sum_rows" if has_bias else None, out[2] if has_bias else None
        )
        rows, flat = (x, dz) if dz.ndim == 2 else (x.reshape(-1, x.shape[-1]), dz.reshape(-1, dz.shape[-1]))
        dx = dw = None
        if out[0] is not False:
            dx = backend.matmul(flat, kernel.T)
            dx = dx if x is rows else dx.reshape(x.shape)
        if out[1] is not False:
            dw = backend.matmul(rows.T, flat, out=out[1])
        return dx, dw, db

    return y, backward


@primitive(in_place_grads=True, shape=shape_rules.dense_axes)
def dense_axes(
    backend: Backend,
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    /,
    summed: int = 1,
    activation: str = "linear",
) -> Forward:
    """``dense`` from the last axes of x to several axes, as one matrix product.

    x: (..., *in)  kernel: (*in, *out)  bias: (*out,) or None -> (..., *out).  summed: the number of axes ``in``.
    """
    act = FROM_OUTPUT[activation]
    x = floating(x)
    inner, outer, free = kernel.shape[:summed], kernel.shape[summed:], x.shape[: x.ndim - summed]
    if x.shape[x.ndim - summed :] != inner:
        raise ValueError(
            f"a kernel of shape {kernel.shape} sums over axes of sizes {inner}, got an input of shape {x.shape}"
        )
    rows, weight = x.reshape((math.prod(free), math.prod(inner))), kernel.reshape((math.prod(inner), math.prod(outer)))
    y = backend.affine(rows, weight, None if bias is None else bias.reshape(-1), activation)

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        has_bias = bias is not None and out[2] is not False
        buffer = out[2].reshape(-1) if has_bias and out[2] is not None else None
        dz, db = backend.activation_gradients(act, y, dy.reshape(y.shape), "sum_rows" if has_bias else None, buffer)
        dx = dw = None
        if out[0] is not False:
            dx = backend.matmul(dz, weight.T).reshape(x.shape)
        if out[1] is not False:
            dw = _into(out[1], weight.shape, lambda buffer: backend.matmul(rows.T, dz, out=buffer), kernel.shape)
        if db is not None:
            db = db.reshape(bias.shape) if buffer is None else out[2]  # type: ignore[union-attr]
        return dx, dw, db

    return y.reshape(free + outer), backward


def _into(out: Any, shape: tuple[int, ...], compute: Callable[[Any], Array], full: tuple[int, ...]) -> Array:
    """A gradient that is computed in another ``shape`` than the ``full`` one, written to ``out`` if that is a buffer."""
    if out is None:
        return compute(None).reshape(full)
    compute(out.reshape(shape))
    return out


@op("numpy", shape="traced")
def dot(x1: Any, x2: Any, /) -> Tensor:
    """The product of two vectors, matrices or scalars, as ``numpy.dot`` for up to two axes on the right."""
    if ndim(x1) == 0 or ndim(x2) == 0:
        return multiply(x1, x2)
    if ndim(x2) > 2:
        raise ValueError(f"dot: the right operand may have at most two axes, got {ndim(x2)}: use tensordot or matmul")
    return matmul(x1, x2)
