"""Function transformations: custom gradients, and vectorization over elements."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Collection
from typing import Any

import dualnet_backends as backends

from ...core.op import composite
from ...core.tensor import Tensor
from ...core.tracing import Entry, no_grad, state
from ..registry import export
from .control import _stack
from .create import convert_to_tensor
from .indexing import get_item
from .shape import broadcast_to, reshape, shape

Function = Callable[..., Any]


@export("core")
def custom_gradient(f: Function) -> Function:
    """A function with a custom gradient.

    What ``f`` computes is not recorded.

    Args:
        f: a function of tensors that returns ``(result, grad)``: a tensor, or a tuple of tensors, and a function that
            takes the gradient of the result (in its structure) and returns the gradient of each positional argument, or
            None.
    """

    @functools.wraps(f)
    def op(*args: Any, **options: Any) -> Any:
        with no_grad():
            result, grad = f(*args, **options)
        several = isinstance(result, (tuple, list))
        outputs = tuple(convert_to_tensor(y)._detached() for y in (result if several else (result,)))
        if state.tapes and any(isinstance(x, Tensor) and x.tracked for x in args):

            def call(dy: Any) -> tuple[Any, ...]:
                results = grad(dy)
                results = results if isinstance(results, (tuple, list)) else (results,)
                if len(results) != len(args):
                    raise ValueError(
                        f"custom_gradient: {getattr(f, '__name__', 'f')} has {len(args)} arguments, "
                        f"its gradient returned {len(results)}"
                    )
                return tuple(None if g is None else convert_to_tensor(g) for g in results)

            def backward(dy: Any) -> tuple[Any, ...]:
                with no_grad():
                    results = call(tuple(map(Tensor, dy)) if several else Tensor(dy))
                return tuple(None if g is None else g.data for g in results)

            for y in outputs:
                y.tracked = True
            entry = Entry(outputs if several else outputs[0], args, backward, False, call)
            for tape in state.tapes:
                tape.append(entry)
        return type(result)(outputs) if type(result) in (tuple, list) else outputs if several else outputs[0]

    return composite(op)


_GROUP = r"\(\s*(?:\w+\s*(?:,\s*\w+\s*)*)?\)"
_SIGNATURE = re.compile(rf"^\s*{_GROUP}(?:\s*,\s*{_GROUP})*\s*->\s*{_GROUP}(?:\s*,\s*{_GROUP})*\s*$")


def _cores(signature: str) -> list[int]:
    """How many axes each argument of a signature such as "(m,n),(n)->(m)" has."""
    if not _SIGNATURE.match(signature):
        raise ValueError(f"vectorize: expected a signature such as '(m,n),(n)->(m)', got {signature!r}")
    groups = re.findall(_GROUP, signature.partition("->")[0])
    return [len(re.findall(r"\w+", g)) for g in groups]


@export("numpy")
def vectorize(pyfunc: Function, *, excluded: Collection[Any] | None = None, signature: str | None = None) -> Function:
    """A function of single elements, applied to tensors, which broadcast: it is called once for each element.

    Results are one tensor, or a tuple of them.

    Args:
        excluded: positions or names of arguments that are passed on unchanged.
        signature: how many axes belong to an element of each argument, "(m,n),(n)->(m)"; without one an element has
            none.
    """
    if not callable(pyfunc):
        raise ValueError(f"vectorize: `pyfunc` should be a callable, got {type(pyfunc).__name__}")
    left_out = set(excluded or ())

    @functools.wraps(pyfunc)
    def op(*args: Any, **options: Any) -> Any:
        positions = [i for i in range(len(args)) if i not in left_out]
        names = [n for n in options if n not in left_out]
        tensors = [convert_to_tensor(x) for x in (*(args[i] for i in positions), *(options[n] for n in names))]
        cores = [0] * len(tensors) if signature is None else _cores(signature)
        if len(cores) != len(tensors):
            raise ValueError(
                f"vectorize: the signature {signature!r} is for {len(cores)} arguments, got {len(tensors)}"
            )
        outer = backends.get("cpu").xp.broadcast_shapes(
            *(shape(x)[: len(shape(x)) - k] for x, k in zip(tensors, cores))
        )
        count = math.prod(outer)
        if count == 0:
            raise ValueError("vectorize: expected at least one element, got none")
        rows = []
        for x, k in zip(tensors, cores):
            inner = shape(x)[len(shape(x)) - k :]
            rows.append(reshape(broadcast_to(x, outer + inner), (count, *inner)))
        results = []
        for i in range(count):
            values = [get_item(x, i) for x in rows]
            positional = list(args)
            for position, value in zip(positions, values):
                positional[position] = value
            results.append(pyfunc(*positional, **{**options, **dict(zip(names, values[len(positions) :]))}))
        if isinstance(results[0], (tuple, list)):
            return tuple(_restored(list(part), outer) for part in zip(*results))
        return _restored(results, outer)

    return composite(op)


def _restored(results: list[Any], outer: tuple[int, ...]) -> Tensor:
    stacked = _stack([convert_to_tensor(y) for y in results])
    return reshape(stacked, outer + shape(stacked)[1:])
