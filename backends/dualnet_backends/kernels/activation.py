"""Activations that follow a product, in place: ``add_bias`` and ``affine`` apply them, by their names.

They are those whose derivative is a function of the output alone, so that the input may be overwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Array = Any


def _elu(backend: Any, x: Array) -> Array:
    xp = backend.xp
    return xp.maximum(x, xp.expm1(xp.minimum(x, 0, out=xp.empty_like(x))), out=x)


# (backend, x) -> the activation of x, written to x
IN_PLACE: dict[str, Callable[[Any, Array], Array]] = {
    "linear": lambda backend, x: x,
    "relu": lambda backend, x: backend.relu(x, out=x),
    "tanh": lambda backend, x: backend.xp.tanh(x, out=x),
    "elu": _elu,
}
