"""The vjp of one op on a tape, computed by ops."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from ...core.tensor import Tensor
from ...core.tracing import Entry, no_grad, state
from .arrays import DifferentiableArray, ops, unwrap
from .formula import UNSUPPORTED, run_formula


def vjp_on_tensors(entry: Entry, out_grads: Any, requested: Sequence[bool]) -> list[Any]:
    """The gradients of an entry's inputs, as tensors that the tapes recording now know how to differentiate.

    Where the op has no second derivative, they are computed all the same; differentiating them raises ``NotImplementedError``.

    Args:
        out_grads: the gradient of the output, or a tuple with that of each: tensors.
        requested: for each input, whether its gradient is wanted.
    """
    try:
        if callable(entry.call):
            return list(entry.call(out_grads))
        return _run_again(entry, out_grads, requested)
    except UNSUPPORTED as error:
        return _first_order(entry, out_grads, requested, error)


def _run_again(entry: Entry, out_grads: Any, requested: Sequence[bool]) -> list[Any]:
    """Run the formula and its closure on differentiable arrays."""
    function, rest, options = entry.call
    inputs = entry.inputs
    if function.info.mutates:  # the op has written already
        options = {key: None if key in function.info.mutates else value for key, value in options.items()}
        names = list(inspect.signature(function).parameters)[1 + len(inputs) :]
        rest = tuple(None if name in function.info.mutates else value for name, value in zip(names, rest))
    _, closure = run_formula(function, inputs, rest, options)
    dy = tuple(map(DifferentiableArray, out_grads)) if type(out_grads) is tuple else DifferentiableArray(out_grads)
    requests = [None if r else False for r in requested]
    results = closure(dy, requests) if entry.in_place_grads else closure(dy)
    results = results if type(results) is tuple else (results,)
    return [_as_tensor(x, dx) if r else None for x, dx, r in zip(inputs, results, requested)]


def _as_tensor(x: Tensor, dx: Any) -> Tensor | None:
    """A gradient in the dtype of its tensor."""
    if dx is None:
        return None
    tensor = unwrap(dx) if isinstance(dx, DifferentiableArray) else Tensor(dx)
    return tensor if tensor.dtype == x.data.dtype else ops["cast"](tensor, str(x.data.dtype))


def _first_order(entry: Entry, out_grads: Any, requested: Sequence[bool], error: Exception) -> list[Any]:
    """The gradients by the closure on the tape, which is array code, and an entry that refuses to differentiate them."""
    several = type(out_grads) is tuple
    dys = out_grads if several else (out_grads,)
    arrays = tuple(d.data for d in dys)
    requests = [None if r else False for r in requested]
    args = (arrays if several else arrays[0], *([requests] if entry.in_place_grads else []))
    with no_grad():
        results = entry.backward(*args)
    results = results if type(results) is tuple else (results,)
    grads = [None if g is None or not r else Tensor(g) for g, r in zip(results, requested)]
    outputs = tuple(g for g in grads if g is not None)
    name = _name(entry)
    # Other errors than those of ``arrays.py`` come from NumPy, in words that are no help here.
    reason = f" ({error})" if isinstance(error, NotImplementedError) and str(error) else ""

    def backward(*_: Any) -> Any:
        raise NotImplementedError(
            f"the gradient of {name} cannot be differentiated once more{reason}: write this part of the computation with "
            "other ops, or take the inner gradient where no outer tape records"
        )

    for y in outputs:
        y.tracked = True
    record = Entry(outputs, (*dys, *entry.inputs), backward, False, None)
    for tape in state.tapes:
        tape.append(record)
    return grads


def _name(entry: Entry) -> str:
    if callable(entry.call) or entry.call is None:
        return "an op with a custom gradient"
    return f"the op {entry.call[0].__name__.lstrip('_')!r}"
