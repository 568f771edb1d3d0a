"""Running the formula of an op once more, on tensors: its array code, with operations that are ops."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends

from ...core.conversion import to_arrays
from ...core.op import is_differentiable
from ...core.tensor import Tensor
from .arrays import DifferentiableArray, DifferentiableModule, ops
from .backend import DifferentiableBackend

# What array code raises on a differentiable array that cannot do what it asks for.
UNSUPPORTED = (NotImplementedError, TypeError, AttributeError, KeyError, ValueError, IndexError)


class _Running(threading.local):
    formulas: tuple[Callable[..., Any], ...] = ()


_running = _Running()


def run_formula(
    function: Callable[..., Any], inputs: Sequence[Any], rest: Sequence[Any], options: dict[str, Any]
) -> tuple[Any, Any]:
    """The value of an op as differentiable arrays, and its ``backward``, a function of differentiable arrays.

    Args:
        function: the array code of the op.
        inputs: its tensors, arrays and numbers.
        rest, options: its options by position and by name; tensors among them can be differentiated too.

    Raises:
        NotImplementedError: (or another of ``UNSUPPORTED``) the formula does what an op cannot do.
    """
    if function in _running.formulas:
        raise NotImplementedError(f"{function.__name__} consists of itself")
    arrays = to_arrays(inputs, [x.data if isinstance(x, Tensor) else x for x in inputs])
    backend = backends.of(next(a for a in arrays if hasattr(a, "dtype")))
    arguments = [_differentiable(x, a) for x, a in zip(inputs, arrays)]
    rest = [_option(x) for x in rest]
    options = {name: _option(x) for name, x in options.items()}
    takes_backend = next(iter(inspect.signature(function).parameters)) == "backend"
    context: Any = DifferentiableBackend(backend) if takes_backend else DifferentiableModule(backend.xp)
    before, _running.formulas = _running.formulas, (*_running.formulas, function)
    try:
        value, backward = function(context, *arguments, *rest, **options)
    finally:
        _running.formulas = before
    return value, backward


def _differentiable(x: Any, array: Any) -> Any:
    """An input of an op, for its formula: integers, which have no gradient, and numbers stay what they are."""
    if getattr(getattr(array, "dtype", None), "kind", "i") in "biu":
        return array
    return DifferentiableArray(ops["copy"](x) if isinstance(x, Tensor) and x.tracked else Tensor(array.copy()))


def _option(x: Any) -> Any:
    if type(x) in (list, tuple):
        return type(x)(map(_option, x))
    return DifferentiableArray(ops["copy"](x)) if is_differentiable(x) else x
