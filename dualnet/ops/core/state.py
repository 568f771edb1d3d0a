"""States that outlive a call: beginning them with zeros, and writing them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.op import primitive
from ...graph.node import Spec
from .._common import Array, Forward, Xp


def _zeros_shape(x: Any, /, shape: Sequence[int], dtype: str) -> Spec:
    return Spec((x.shape[0], *shape), dtype)


@primitive(shape=_zeros_shape)
def zeros_for_batch(xp: Xp, x: Array, /, shape: Sequence[int], dtype: str) -> tuple[Array, None]:
    """Zeros for every sample of a batch.  x: (batch, ...) -> (batch, *shape)

    Where ``ops.zeros`` makes a constant, this is an op on the batch, which a captured step runs again.
    """
    return xp.zeros((x.shape[0], *shape), dtype=dtype), None


@primitive(mutates=("state",))
def write_state(xp: Xp, value: Array, /, state: Array) -> Forward:
    """Write a value into the array of a variable, and return it. An op, unlike ``Variable.assign``, so that captured steps do it too."""
    state[...] = value
    return value, lambda dy: dy
