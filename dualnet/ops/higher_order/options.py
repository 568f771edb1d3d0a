"""Options that are tensors with a gradient, such as the slope of ``leaky_relu`` when it is a trainable variable."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ... import tree
from ...core.op import is_differentiable, primitive
from ...core.tensor import Array, Tensor, Xp
from .._common import Forward, refuse_gradient
from .arrays import DifferentiableArray
from .formula import UNSUPPORTED, run_formula


def differentiate_options(
    op: Callable[..., Any], inputs: Sequence[Any], rest: Sequence[Any], options: dict[str, Any]
) -> Any:
    """Call an op some of whose options are tensors with a gradient: its formula is computed by ops, which differentiate everything.

    A formula that cannot be computed by ops has its value all the same. Asking for the gradient of the option then raises
    ``NotImplementedError``.
    """
    function: Any = op.primitive  # type: ignore[attr-defined]
    try:
        value, _ = run_formula(function, inputs, rest, options)
        return tree.map_structure(_as_tensor, value)
    except UNSUPPORTED:
        pass
    value = op(*inputs, *map(_detached, rest), **{name: _detached(x) for name, x in options.items()})
    names = list(inspect.signature(function).parameters)[1 + len(function.info.tensors) :]
    named = dict(zip(names, rest)) | options
    differentiable = [name for name, x in named.items() if is_differentiable(x)]
    tensors = [x for name in differentiable for x in tree.flatten([named[name]]) if is_differentiable(x)]
    what = f"{function.__name__.lstrip('_')} with respect to {' and '.join(differentiable)}"
    return tree.map_structure(lambda y: _without_gradient(y, *tensors, what=what), value)


def _as_tensor(value: Any) -> Tensor:
    return value.tensor if isinstance(value, DifferentiableArray) else Tensor(value)


def _detached(option: Any) -> Any:
    if type(option) in (list, tuple):
        return type(option)(map(_detached, option))
    return option._detached() if is_differentiable(option) else option


@primitive(in_place_grads=True)
def _without_gradient(xp: Xp, y: Array, /, *options: Array, what: str = "") -> Forward:
    """y, which depends on options whose gradients are not known."""

    def backward(dy: Array, out: Any) -> Any:
        refuse_gradient(what, out[1:])
        return (dy, *(None for _ in options))

    return y, backward
