"""The engine: record ops on a tape, walk the tape backwards. It knows no op and no layer.

An op is a function that returns its value and its ``backward`` function, a closure (see ``primitive``). While a tape is
recording, every op on a tracked tensor leaves one entry on it; ``backward`` visits the entries last to first.
``backward`` functions are plain array code, which no tape records. For gradients of gradients there is ``recorded_backward``, which computes
the same by ops.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from typing import Any

import dualnet_backends as backends

from .tensor import Array, Tensor
from .tracing import Entry, Tape, Write, before_write


def backward(
    tape: Tape,
    target: Tensor,
    seed: Array | None = None,
    grad_buffers: Mapping[int, Array] | None = None,
    keep: frozenset[int] = frozenset(),
    sources: Iterable[Tensor] | None = None,
    tracer: Any = None,
) -> dict[int, Array]:
    """Gradients of ``target`` (summed, if it has axes) with respect to everything tracked on the tape.

    Args:
        seed: the gradient of the target itself (ones).
        grad_buffers: ``id(tensor) -> array`` to write that tensor's gradient into.
        keep: ids of intermediate tensors whose gradient is returned too.
        sources: the only tensors whose gradients are asked for; what does not depend on them is left out.
        tracer: ``tracer.vjp`` is told of every ``backward`` that is called, from which the same reverse pass can be run again.

    Returns:
        ``id(tensor) -> array``.
    """
    grad_buffers = grad_buffers or {}
    if seed is None:
        seed = backends.of(target.data).xp.ones_like(target.data)
    grads: dict[int, Array] = {id(target): seed}
    reached = None if sources is None else _reached(tape, sources)
    with closing(_restored(tape)) as entries:
        for entry in entries:
            outputs, inputs, op_backward, in_place_grads, _ = entry
            if type(outputs) is tuple:
                dys = [grads.get(id(y)) if id(y) in keep else grads.pop(id(y), None) for y in outputs]
                if all(dy is None for dy in dys):
                    continue
                dy: Any = tuple(
                    backends.of(y.data).xp.zeros_like(y.data) if d is None else d for y, d in zip(outputs, dys)
                )
            else:
                i = id(outputs)
                dy = grads.get(i) if i in keep else grads.pop(i, None)
                if dy is None:
                    continue
            requests = _requests(inputs, grads, grad_buffers, reached) if in_place_grads else None
            dxs = op_backward(dy) if requests is None else op_backward(dy, requests)
            if type(dxs) is not tuple:
                dxs = (dxs,)
            if tracer is not None:
                tracer.vjp(entry, dys if type(outputs) is tuple else (dy,), requests, dxs)
            for x, dx in zip(inputs, dxs):
                if dx is not None and _is_requested(x, reached):
                    i, data = id(x), x.data
                    grads[i] = add_grad(grads.get(i), dx, data.dtype, type(data), grad_buffers.get(i))
    return grads


# The gradients of one entry, computed by ops; ops/__init__.py sets it.
vjp_on_tensors: Callable[[Entry, Any, list[bool]], list[Any]] | None = None


def recorded_backward(
    tape: Tape, target: Tensor, seed: Array | None, keep: frozenset[int], sources: Iterable[Tensor] | None
) -> dict[int, Tensor]:
    """As ``backward``, by ops, which the tapes that are recording see: what it returns can be differentiated again."""
    assert vjp_on_tensors is not None
    if seed is None:
        seed = backends.of(target.data).xp.ones_like(target.data)
    grads: dict[int, Tensor] = {id(target): seed if isinstance(seed, Tensor) else Tensor(seed)}
    reached = None if sources is None else _reached(tape, sources)
    with closing(_restored(tape, len(tape))) as entries:
        for entry in entries:
            several = type(entry.outputs) is tuple
            outputs = entry.outputs if several else (entry.outputs,)
            dys = [grads.get(id(y)) if id(y) in keep else grads.pop(id(y), None) for y in outputs]
            if all(dy is None for dy in dys):
                continue
            filled = tuple(
                Tensor(backends.of(y.data).xp.zeros_like(y.data)) if d is None else d for y, d in zip(outputs, dys)
            )
            requested = [_is_requested(x, reached) for x in entry.inputs]
            for x, dx in zip(entry.inputs, vjp_on_tensors(entry, filled if several else filled[0], requested)):
                if dx is not None and _is_requested(x, reached):
                    grads[id(x)] = grads[id(x)] + dx if id(x) in grads else dx
    return grads


def _restored(tape: Tape, length: int | None = None) -> Generator[Entry]:
    """The ops of a tape from the last to the first, each while the memory that it read holds what it read.

    length: how many of its entries count, where the tape may grow meanwhile.
    """
    present: list[Write] = []
    try:
        for entry in reversed(tape if length is None else tape[:length]):
            if type(entry) is Entry:
                yield entry
            else:
                present.append(Write(entry.array, entry.array.copy()))
                _write(entry)
    finally:
        for write in reversed(present):
            _write(write)


def _write(write: Write) -> None:
    before_write(write.array)
    write.array[...] = write.values


def _reached(tape: Tape, sources: Iterable[Tensor]) -> set[int]:
    """The ids of the tensors that depend on the sources."""
    reached = set(map(id, sources))
    for entry in tape:
        if type(entry) is Entry and not reached.isdisjoint(map(id, entry.inputs)):
            reached.update(map(id, entry.outputs if type(entry.outputs) is tuple else (entry.outputs,)))
    return reached


def _is_requested(x: Any, reached: set[int] | None) -> bool:
    return isinstance(x, Tensor) and x.tracked and (reached is None or id(x) in reached)


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


def _requests(
    inputs: tuple[Any, ...], grads: Mapping[int, Array], grad_buffers: Mapping[int, Array], reached: set[int] | None
) -> list[Any]:
    """For each input: False (no gradient requested), an array to write the gradient into, or None (allocate it)."""
    out: list[Any] = []
    seen: list[int] = []
    for x in inputs:
        if not _is_requested(x, reached):
            out.append(False)
        else:
            i = id(x)
            # Contributions after the first are added up: the buffer is for one ``backward`` only.
            out.append(None if i in grads or i in seen else grad_buffers.get(i))
            seen.append(i)
    return out
