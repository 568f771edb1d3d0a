"""The engine: record ops on a tape, walk the tape backwards. It knows no op and no layer.

An op is a function that returns its value and a closure that is its gradient (see ``primitive``). While a tape is
recording, every op on a tracked tensor leaves one entry on it; ``backward`` visits the entries last to first.
First-order gradients only: closures are plain array code, which no tape records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dualnet_backends as backends

from .tensor import Array, Tensor
from .tracing import Tape


def backward(
    tape: Tape,
    target: Tensor,
    seed: Array | None = None,
    destinations: Mapping[int, Array] | None = None,
    keep: frozenset[int] = frozenset(),
) -> dict[int, Array]:
    """Gradients of ``target`` (summed, if it has axes) with respect to everything tracked on the tape.

    seed: the gradient of the target itself (ones). destinations: ``id(tensor) -> array`` into which that tensor's
    gradient is written. keep: ids of intermediate tensors whose gradient is wanted too. Returns ``id(tensor) ->
    array``.
    """
    destinations = destinations or {}
    if seed is None:
        seed = backends.of(target.data).xp.ones_like(target.data)
    grads: dict[int, Array] = {id(target): seed}
    for outputs, inputs, closure, in_place_grads in reversed(tape):
        if type(outputs) is tuple:
            dys = [grads.get(id(y)) if id(y) in keep else grads.pop(id(y), None) for y in outputs]
            if all(dy is None for dy in dys):
                continue
            dy: Any = tuple(backends.of(y.data).xp.zeros_like(y.data) if d is None else d for y, d in zip(outputs, dys))
        else:
            i = id(outputs)
            dy = grads.get(i) if i in keep else grads.pop(i, None)
            if dy is None:
                continue
        if in_place_grads:
            dxs = closure(dy, _requests(inputs, grads, destinations))
        else:
            dxs = closure(dy)
        if type(dxs) is not tuple:
            dxs = (dxs,)
        for x, dx in zip(inputs, dxs):
            if dx is None or not isinstance(x, Tensor) or not x.tracked:
                continue
            i = id(x)
            before = grads.get(i)
            if before is not None:
                # Not in place: a closure may return the very array that another tensor's gradient is.
                dx = before + dx
            if dx.dtype != x.data.dtype:
                dx = dx.astype(x.data.dtype)
            if type(dx) is not type(x.data):
                dx = backends.of(x.data).asarray(dx)
            place = destinations.get(i)
            if place is not None and dx is not place:
                place[...] = dx
                dx = place
            grads[i] = dx
    return grads


def _requests(inputs: tuple[Any, ...], grads: Mapping[int, Array], destinations: Mapping[int, Array]) -> list[Any]:
    """For each input: False (no gradient wanted), an array to write the gradient into, or None (allocate it)."""
    out: list[Any] = []
    seen: list[int] = []
    for x in inputs:
        if not isinstance(x, Tensor) or not x.tracked:
            out.append(False)
        else:
            i = id(x)
            # What was used before, or stands here twice, is added up: its place is given out once.
            out.append(None if i in grads or i in seen else destinations.get(i))
            seen.append(i)
    return out
