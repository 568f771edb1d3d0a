"""The engine: record ops on a tape, walk the tape backwards. It knows no op and no layer.

An op is a function that returns its value and its ``backward`` function, a closure (see ``primitive``). While a tape is
recording, every op on a tracked tensor leaves one entry on it; ``backward`` visits the entries last to first.
First-order gradients only: ``backward`` functions are plain array code, which no tape records.
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
    grad_buffers: Mapping[int, Array] | None = None,
    keep: frozenset[int] = frozenset(),
    tracer: Any = None,
) -> dict[int, Array]:
    """Gradients of ``target`` (summed, if it has axes) with respect to everything tracked on the tape.

    Args:
        seed: the gradient of the target itself (ones).
        grad_buffers: ``id(tensor) -> array`` to write that tensor's gradient into.
        keep: ids of intermediate tensors whose gradient is returned too.
        tracer: ``tracer.vjp`` is told of every ``backward`` that is called, from which the same reverse pass can be run again.

    Returns:
        ``id(tensor) -> array``.
    """
    grad_buffers = grad_buffers or {}
    if seed is None:
        seed = backends.of(target.data).xp.ones_like(target.data)
    grads: dict[int, Array] = {id(target): seed}
    for entry in reversed(tape):
        outputs, inputs, op_backward, in_place_grads = entry
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
        requests = _requests(inputs, grads, grad_buffers) if in_place_grads else None
        dxs = op_backward(dy) if requests is None else op_backward(dy, requests)
        if type(dxs) is not tuple:
            dxs = (dxs,)
        if tracer is not None:
            tracer.vjp(entry, dys if type(outputs) is tuple else (dy,), requests, dxs)
        for x, dx in zip(inputs, dxs):
            if dx is not None and isinstance(x, Tensor) and x.tracked:
                i, data = id(x), x.data
                grads[i] = add_grad(grads.get(i), dx, data.dtype, type(data), grad_buffers.get(i))
    return grads


def add_grad(grad: Array | None, dx: Array, dtype: Any, array_type: type, buffer: Array | None = None) -> Array:
    """The gradient of a tensor after one more contribution: in the tensor's dtype, on its device, in its buffer if it has one.

    Args:
        grad: the gradient so far, None for the first contribution.
        dx: the contribution that a ``backward`` function returned; the buffer itself, where it wrote in place.
    """
    if grad is not None:
        dx = grad + dx  # not in place: ``backward`` may return the very array that another tensor's gradient is
    if dx.dtype != dtype:
        dx = dx.astype(dtype)
    if type(dx) is not array_type:
        dx = backends.by_type[array_type].asarray(dx)
    if buffer is not None and dx is not buffer:
        buffer[...] = dx
        dx = buffer
    return dx


def _requests(inputs: tuple[Any, ...], grads: Mapping[int, Array], grad_buffers: Mapping[int, Array]) -> list[Any]:
    """For each input: False (no gradient requested), an array to write the gradient into, or None (allocate it)."""
    out: list[Any] = []
    seen: list[int] = []
    for x in inputs:
        if not isinstance(x, Tensor) or not x.tracked:
            out.append(False)
        else:
            i = id(x)
            # Contributions after the first are added up: the buffer is for one ``backward`` only.
            out.append(None if i in grads or i in seen else grad_buffers.get(i))
            seen.append(i)
    return out
