"""Gradients limited in place: each element, each norm, or the norm of all together."""

from __future__ import annotations

from collections.abc import Sequence

import dualnet_backends as backends

from ..core.tensor import Array


def by_value(grads: Sequence[Array], limit: float) -> None:
    """No element beyond -limit and limit."""
    for g in grads:
        backends.of(g).xp.clip(g, -limit, limit, out=g)


def by_norm(grads: Sequence[Array], limit: float) -> None:
    """No array with a norm beyond the limit."""
    for backend, group in by_backend(grads):
        backend.clip_norms(group, limit)


def by_global_norm(grads: Sequence[Array], limit: float) -> None:
    """All of them shrunk alike, so that their common norm is not beyond the limit."""
    if grads:
        backends.of(grads[0]).clip_global_norm(grads, limit)


def by_backend(arrays: Sequence[Array]) -> list[tuple[backends.Backend, list[Array]]]:
    """The arrays of each backend."""
    groups: dict[int, tuple[backends.Backend, list[Array]]] = {}
    for array in arrays:
        backend = backends.of(array)
        groups.setdefault(id(backend), (backend, []))[1].append(array)
    return list(groups.values())
