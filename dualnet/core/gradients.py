"""Gradients for users: ``grad``, ``value_and_grad``, ``GradientTape``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends

from .. import tree
from . import settings
from .autodiff import backward
from .conversion import to_own_array
from .tensor import Tensor
from .tracing import Tape, no_grad, recording
from .variables import Variable


def value_and_grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns ``(value, gradient)`` of ``function``, which must return one number.

    An argument may be a nested structure of tensors, arrays and numbers; its gradient has the same structure, of
    tensors.

    Args:
        argnums: which positional arguments to differentiate; one index gives one gradient, several give a tuple.
    """

    @functools.wraps(function)
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        several = not isinstance(argnums, int)
        chosen = tuple(argnums) if not isinstance(argnums, int) else (argnums,)
        inputs = list(args)
        for i in chosen:
            inputs[i] = tree.map_structure(_tracked, args[i])
        with recording() as tape:
            value = function(*inputs, **kwargs)
        if not isinstance(value, Tensor) or value.size != 1:
            shape = getattr(value, "shape", type(value).__name__)
            raise ValueError(f"grad needs a function that returns one number, got {shape}: sum or average it")
        grads_by_id = backward(tape, value)
        grads = tuple(tree.map_structure(lambda x: _gradient(grads_by_id, x), inputs[i]) for i in chosen)
        return value, grads if several else grads[0]

    return differentiated


def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns the gradient of ``function`` (see ``value_and_grad``).

    >>> grad(lambda x: x**3)(2.0)   # 12.0
    """
    both = value_and_grad(function, argnums)

    @functools.wraps(function)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return differentiated


def _tracked(x: Any) -> Tensor:
    """A new tensor on the same array, through which gradients flow."""
    if isinstance(x, Tensor):
        tensor = x.same()
    else:
        backend = backends.of(x)
        tensor = Tensor(to_own_array(x, backends.current() if backend.name == "numpy" else backend))
    if tensor.dtype.kind in "iub":
        tensor = Tensor(tensor.data.astype(settings.floatx()))
    tensor.tracked = True
    return tensor


def _gradient(grads_by_id: dict[int, Any], x: Tensor) -> Tensor:
    g = grads_by_id.get(id(x))
    return Tensor(backends.of(x.data).xp.zeros_like(x.data) if g is None else g)


class GradientTape:
    """Record the ops inside a ``with`` block, and compute gradients of their results, as in TensorFlow.

    Trainable variables are watched automatically; other tensors after ``watch``. Gradients are first-order.

    >>> with GradientTape() as tape:
    ...     loss = loss_fn(y, model(x, training=True))
    >>> grads = tape.gradient(loss, model.trainable_variables)

    Args:
        persistent: keep the tape after ``gradient``, for more gradients.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self.persistent = persistent
        self.watch_accessed_variables = watch_accessed_variables
        self._tape = Tape()
        self._watched: dict[int, Tensor] = {}
        self._context: Any = None
        self._used = False

    def __enter__(self) -> GradientTape:
        self._context = recording(self._tape)
        self._context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)

    def watch(self, tensor: Any) -> None:
        """Let gradients flow to a tensor (or to each of a nested structure)."""
        for x in tree.flatten(tensor):
            if not isinstance(x, Tensor):
                raise TypeError(f"watch expects a tensor, got {type(x).__name__}: use ops.convert_to_tensor")
            if x.dtype in ("bool", "int32", "int64", "uint8"):
                raise ValueError(f"watch expects a floating point tensor, got dtype {x.dtype}: cast it first")
            x.tracked = True
            self._watched[id(x)] = x

    def stop_recording(self) -> Any:
        """A context in which nothing is recorded."""
        return no_grad()

    def reset(self) -> None:
        """Forget what was recorded."""
        self._tape.clear()
        self._used = False

    def watched_variables(self) -> tuple[Any, ...]:
        """The trainable variables that were used inside the block."""
        seen = {id(x): x for entry in self._tape for x in entry.inputs if isinstance(x, Variable) and x.tracked}
        return tuple(seen.values())

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """The gradient of ``target`` (a tensor, or several, summed) with respect to each of ``sources``.

        A source the target does not depend on has gradient ``None``, or zeros with ``unconnected_gradients="zero"``.

        Args:
            sources: a tensor or variable, or a nested structure of them; the result has the same structure.
        """
        if self._used and not self.persistent:
            raise RuntimeError("this tape was used up by gradient(); make it with persistent=True to ask it again")
        self._used = True
        flat = tree.flatten(sources)
        keep = frozenset(id(x) for x in flat)
        seeds = tree.flatten(output_gradients) if output_gradients is not None else []
        totals: dict[int, Any] = {}
        for n, y in enumerate(tree.flatten(target)):
            seed = to_own_array(seeds[n], backends.of(y.data)) if seeds else None
            for i, g in backward(self._tape, y, seed, keep=keep, sources=flat).items():
                totals[i] = totals[i] + g if i in totals else g
        if not self.persistent:
            self._tape.clear()

        def result(x: Any) -> Any:
            if self._is_constant(x) or id(x) not in totals:
                if unconnected_gradients == "none":
                    return None
                return Tensor(backends.of(x.data).xp.zeros_like(x.data))
            return Tensor(totals[id(x)])

        return tree.map_structure(result, sources)

    def _is_constant(self, x: Any) -> bool:
        return isinstance(x, Variable) and not self.watch_accessed_variables and id(x) not in self._watched
