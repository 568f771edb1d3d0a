"""Gradients for users: ``grad``, ``value_and_grad``, ``GradientTape``."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends

from .. import tree
from . import conversion, settings
from .autodiff import backward, recorded_backward
from .conversion import to_own_array
from .tensor import Tensor
from .tracing import Entry, Tape, is_recording, no_grad, recording
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
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        inputs = list(args)
        for i in positions:
            inputs[i] = tree.map_structure(_tracked, args[i])
        with recording() as tape:
            value = function(*inputs, **kwargs)
        if not isinstance(value, Tensor) or value.size != 1:
            shape = getattr(value, "shape", type(value).__name__)
            raise ValueError(f"grad needs a function that returns one number, got {shape}: sum or average it")
        sources = tree.flatten([inputs[i] for i in positions])
        by_id = _backward(tape, value, None, frozenset(map(id, sources)), sources)
        grads = tuple(tree.map_structure(lambda x: _gradient(by_id, x), inputs[i]) for i in positions)
        return value, grads[0] if isinstance(argnums, int) else grads

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
        # By an op where an outer tape records, so that it sees where the value comes from.
        tensor = x.astype(str(x.dtype)) if x.tracked and is_recording() else x._detached()
    else:
        backend = backends.of(x)
        tensor = Tensor(to_own_array(x, backends.current() if backend.name == "numpy" else backend))
    if tensor.dtype.kind in "iub":
        tensor = Tensor(tensor.data.astype(settings.floatx()))
    tensor.tracked = True
    return tensor


def _gradient(by_id: dict[int, Tensor], x: Tensor) -> Tensor:
    g = by_id.get(id(x))
    return Tensor(backends.of(x.data).xp.zeros_like(x.data)) if g is None else g


def _backward(tape: Tape, target: Tensor, seed: Any, keep: frozenset[int], sources: list[Tensor]) -> dict[int, Tensor]:
    """The gradients of a target, which can be differentiated again where a tape is recording."""
    if is_recording():
        return recorded_backward(tape, target, seed, keep, sources)
    seed = None if seed is None else to_own_array(seed, backends.of(target.data))
    grads = backward(tape, target, seed, keep=keep, sources=sources)
    return {i: Tensor(g) for i, g in grads.items()}


class GradientTape:
    """Record the ops inside a ``with`` block, and compute gradients of their results, as in TensorFlow.

    Trainable variables are watched automatically; other tensors after ``watch``. A gradient taken while another tape records can be
    differentiated by that one: tapes nest. An op whose gradient cannot be differentiated raises ``NotImplementedError`` then.

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
        inputs = [x for entry in self._tape if isinstance(entry, Entry) for x in entry.inputs]
        seen = {id(x): x for x in inputs if isinstance(x, Variable) and x.tracked}
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
        self._use()
        result = self._gradient(target, sources, output_gradients, unconnected_gradients)
        if not self.persistent:
            self._tape.clear()
        return result

    def _use(self) -> None:
        if self._used and not self.persistent:
            raise RuntimeError("this tape was used up by gradient(); make it with persistent=True to ask it again")
        self._used = True

    def _gradient(self, target: Any, sources: Any, output_gradients: Any, unconnected_gradients: str) -> Any:
        flat = tree.flatten(sources)
        keep = frozenset(id(x) for x in flat)
        seeds = tree.flatten(output_gradients) if output_gradients is not None else []
        totals: dict[int, Tensor] = {}
        for n, y in enumerate(tree.flatten(target)):
            for i, g in _backward(self._tape, y, seeds[n] if seeds else None, keep, flat).items():
                totals[i] = totals[i] + g if i in totals else g

        def result(x: Any) -> Any:
            unwatched = isinstance(x, Variable) and not self.watch_accessed_variables and id(x) not in self._watched
            connected = id(x) in totals and not unwatched
            return _gradient(totals if connected else {}, x) if connected or unconnected_gradients != "none" else None

        return tree.map_structure(result, sources)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivative of each element of ``target`` with respect to each of ``sources``.

        target: a tensor.  sources: as for ``gradient``.  For each source a tensor of shape target.shape + source.shape; one reverse
        pass for each element of the target.  parallel_iterations, experimental_use_pfor: of TensorFlow, without effect.
        """
        seeds = backends.of(target.data).xp.eye(target.size, dtype=target.dtype).reshape((-1, *target.shape))
        return self._jacobian(target, sources, seeds, target.shape, unconnected_gradients)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The Jacobian of each sample, where no sample depends on another.

        target: (batch, ...)  source: (batch, ...) -> (batch, *target.shape[1:], *source.shape[1:])
        parallel_iterations, experimental_use_pfor: of TensorFlow, without effect.
        """
        if target.ndim < 1 or source.ndim < 1 or target.shape[0] != source.shape[0]:
            raise ValueError(
                f"batch_jacobian expects a target and a source with the same first axis, got {target.shape} and {source.shape}"
            )
        xp, (batch, *inner) = backends.of(target.data).xp, target.shape
        unit = xp.eye(math.prod(inner), dtype=target.dtype).reshape((-1, 1, *inner))
        seeds = xp.broadcast_to(unit, (unit.shape[0], batch, *inner))
        rows = self._jacobian(target, source, seeds, unit.shape[:1], unconnected_gradients)  # (elements, batch, ...)
        if rows is None:
            return None
        assert conversion.stack_op is not None
        return conversion.stack_op([rows[:, i] for i in range(batch)]).reshape((batch, *inner, *source.shape[1:]))

    def _jacobian(self, target: Any, sources: Any, seeds: Any, shape: Sequence[int], unconnected: str) -> Any:
        """The gradients of the target weighted by each of the seeds, stacked to this shape."""
        self._use()
        rows = [self._gradient(target, sources, seed, unconnected) for seed in seeds]
        if not self.persistent:
            self._tape.clear()

        def join(*parts: Any) -> Any:
            if parts[0] is None:
                return None
            assert conversion.stack_op is not None
            return conversion.stack_op(list(parts)).reshape((*shape, *parts[0].shape))

        return tree.map_structure(join, *rows)
