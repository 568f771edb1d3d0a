"""Gradients limited in place: each element, each norm, or the norm of all together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from ..core.tensor import Array


def by_value(grads: Sequence[Array], limit: float) -> None:
    """No element beyond -limit and limit."""
    for g in grads:
        backends.of(g).xp.clip(g, -limit, limit, out=g)


def by_norm(grads: Sequence[Array], limit: float) -> None:
    """No array with a norm beyond the limit."""
    for g in grads:
        xp = backends.of(g).xp
        g *= limit / xp.maximum(xp.sqrt(xp.sum(g * g)), limit)


def by_global_norm(grads: Sequence[Array], limit: float) -> None:
    """All of them shrunk alike, so that their common norm is not beyond the limit."""
    if not grads:
        return
    total: Any = 0.0
    for g in grads:
        total = total + backends.of(g).xp.sum(g * g)
    xp = backends.of(grads[0]).xp
    norm = xp.sqrt(total)
    # A NaN or infinite norm makes every gradient NaN, so that it is seen and not hidden.
    scale = limit / xp.maximum(norm, limit) + (norm - norm)
    for g in grads:
        g *= scale
