"""``tf.custom_gradient``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..core.op import composite
from ..core.tracing import no_grad, recording
from ..core.variables import Variable

Function = Callable[..., Any]


def custom_gradient(f: Function | None = None) -> Any:
    """A function with a gradient of its own, as TensorFlow spells it; also a decorator with parentheses.

    Args:
        f: a function of tensors that returns ``(result, grad)``: a tensor, or a tuple or list of them, and a function
            that takes the gradient of each tensor as an argument of its own and returns the gradient of each argument
            of ``f``. If ``f`` reads trainable variables that are no arguments, ``grad`` takes ``variables``, a list of
            them, too, and returns ``(gradients of the arguments, gradients of the variables)``.

    ``ops.custom_gradient`` is Keras's: several gradients come as one tuple, and there are no variables.
    """
    if f is None:
        return custom_gradient

    @functools.wraps(f)
    def function(*args: Any, **options: Any) -> Any:
        with no_grad(), recording() as tape:  # a tape that tells which variables were read
            result, grad = f(*args, **options)
        given = set(map(id, args))
        read = {id(x): x for entry in tape for x in entry.inputs if isinstance(x, Variable) and x.trainable}
        variables = [v for v in read.values() if id(v) not in given]
        if variables and not _takes_variables(grad):
            raise TypeError(
                f"tf.custom_gradient: {getattr(f, '__name__', 'f')} reads the variables {[v.path for v in variables]}, so the "
                "gradient function should take the keyword argument variables=None and return (gradients of the arguments, "
                "gradients of the variables)"
            )

        def gradients(upstream: Any) -> tuple[Any, ...]:
            upstream = upstream if isinstance(upstream, tuple) else (upstream,)
            if not variables:
                return _as_tuple(grad(*upstream))
            of_args, of_variables = grad(*upstream, variables=variables)
            return (*_as_tuple(of_args), *_as_tuple(of_variables))

        gradients.__name__ = getattr(f, "__name__", "f")
        return ops.custom_gradient(lambda *inputs: (result, gradients))(*args, *variables)

    return composite(function)


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, Sequence) else (x,)


def _takes_variables(grad: Function) -> bool:
    parameters = inspect.signature(grad).parameters
    return "variables" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
