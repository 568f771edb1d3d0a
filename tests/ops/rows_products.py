"""The op table: products over named axes, distances, correlations."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.linalg import products

from .cases import F, Row, call, other


def cdist(x: Any, y: Any) -> Any:
    return np.linalg.norm(x[..., :, None, :] - y[..., None, :, :], axis=-1)


def three(x: Any, axis: int) -> Any:
    x = np.moveaxis(x, axis, -1)
    return x if x.shape[-1] == 3 else np.concatenate([x, np.zeros_like(x[..., :1])], -1)


def cross(x: Any, y: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    a, b, c = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    both = x.shape[a] == y.shape[b] == 2
    z = np.cross(three(x, a), three(y, b))
    return z[..., 2] if both else np.moveaxis(z, -1, c)


CROSS = [
    call(F((3, 3)), F((3, 3))),
    call(F((2, 3)), F((3,))),
    call(F((2, 2)), F((2, 3))),
    call(F((4, 3)), F((4, 2))),
    call(F((4, 2)), F((4, 2))),
    call(F((3, 4)), F((3, 4)), axis=0),
    call(F((3, 4, 2)), F((4, 3, 2)), axisa=0, axisb=1, axisc=1),
]
ROWS: list[Row] = [
    other(
        products.tensordot,
        np.tensordot,
        call(F((3, 4)), F((4, 2)), axes=1),
        call(F((2, 3, 4)), F((3, 4, 2))),
        call(F((3, 4)), F((2,)), axes=0),
        call(F((2, 3, 4)), F((4, 5, 2)), axes=([0, 2], [2, 0])),
        call(F((2, 3, 4)), F((5, 3)), axes=[1, 1]),
        call(F((2, 3)), F((3, 2)), axes=((-1,), (-2,))),
    ),
    other(products.inner, np.inner, call(F((3, 4)), F((2, 4))), call(F((4,)), F((4,))), call(F((2, 3, 4)), F((4,))),
          call(F((3,)), 2.0), scalar=True),
    other(products.vdot, np.vdot, call(F((3, 4)), F((3, 4))), call(F((4, 3)), F((12,))), scalar=True),
    other(products.outer, np.outer, call(F((3,)), F((4,))), call(F((3, 2)), F((2, 2))), scalar=True),
    other(products.kron, np.kron, call(F((3, 2)), F((2, 4))), call(F((2,)), F((2, 3))), call(F((2, 1, 3)), F((4,))),
          call(F((2, 2)), 2.0), scalar=True),
    other(products.cross, cross, *CROSS, empty="its 3 is the size of a vector"),
    other(products.cdist, cdist, call(F((3, 4)), F((2, 4))), call(F((2, 3, 4)), F((2, 5, 4))), call(F((2, 3, 4)), F((5, 4)))),
    other(
        products.correlate,
        lambda x, y, mode="valid": np.correlate(x, y, mode),
        *(call(F((m,)), F((n,)), mode=mode) for mode in ("valid", "same", "full") for m, n in ((5, 3), (3, 5), (6, 2), (2, 6), (4, 4), (1, 3))),
        empty="an empty signal is refused",
    ),
]  # fmt: skip
