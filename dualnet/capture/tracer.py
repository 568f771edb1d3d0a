"""Trace a step into lists of op calls and VJP calls, for replay.

Most of the time of a small network goes into finding out what to do next: layers, losses and the tape are Python code that
does at every step what it did at the one before. The engine reports every op of one step to a ``Tracer``, and every
vector-Jacobian product (VJP) of its reverse pass. An executor (``executors/``) makes the same calls on the next batch, in the
same order and on the same types of arrays, so the results are the same, bit for bit. What a trace cannot express aborts it
(``Tracer.abort``), and such steps are run eagerly.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import dualnet_backends as backends

from .. import tree
from ..core.tensor import Tensor
from ..core.tracing import Entry, Tape, no_grad, tracing
from ..core.variables import Variable
from .trace import Draw, OpCall, OutputPlan, Trace, VjpCall, side_outputs

T = TypeVar("T")

_CONSTANTS = (type(None), bool, int, float, str, slice, type(Ellipsis), type)


class Tracer(Trace):
    """Builds the trace of one step while it runs.

    inputs: the tensors of the batch. states: the model's variables that ops may change in place.
    """

    def __init__(self, inputs: Sequence[Tensor], states: Sequence[Variable] = ()) -> None:
        super().__init__(inputs)
        self.abort_reason: str | None = None
        self._results: tuple[Any, Tensor | None] | None = None
        self._differentiated: list[int] = []  # calls that are on the tape, in its order
        self._numbers = {id(t.data): i for i, t in enumerate(inputs)}  # by array, for as long as it lives
        self._results_alive: list[weakref.ref[Any]] = []
        self._grads: dict[int, int] = {}  # numbers of gradients, by tensor
        self._on_tape: dict[int, int] = {}  # calls, by the entry of the tape
        self._states = {id(v.data): v for v in states}
        self._effects: list[tuple[Callable[..., None], Sequence[Tensor]]] = []
        self._draws: dict[int, tuple[Any, Any, int]] = {}  # not taken by an op yet, by key

    @property
    def is_complete(self) -> bool:
        """Whether the step has ended, and can be run again from the trace."""
        return self.abort_reason is None and self._results is not None

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function, and trace what it does."""
        with tracing(self):
            result = function(*args)
        with no_grad():
            for effect, tensors in self._effects:
                effect(*tensors)
        return result

    def finish(self, y_pred: Any, loss: Tensor | None = None, tape: Tape | None = None) -> None:
        """Check that all the step returns comes from traced ops. tape: what its gradients are taken from."""
        if self._draws:
            self.abort("random numbers that no op took")
        if tape is not None and (loss is None or not loss.tracked or len(tape) != len(self._differentiated)):
            self.abort("an entry of the tape that is no op, or a loss without a gradient")
        leaves = tree.flatten(y_pred)
        returned = leaves if loss is None else [*leaves, loss]
        if not all(type(y) is Tensor and id(y.data) in self._numbers for y in returned):
            self.abort("an output or a loss that comes from no op")
        elif any(id(t.data) not in self._numbers for y in leaves for t in side_outputs(y).values()):
            self.abort("a mask or logits that come from no op")
        elif any(id(t.data) not in self._numbers for _, tensors in self._effects for t in tensors):
            self.abort("a side effect of a value that comes from no op")
        elif tape is not None and loss is not None:
            self._on_tape = {id(entry): call for entry, call in zip(tape, self._differentiated)}
            self._grad(loss)
        self._results = y_pred, loss

    def plan_outputs(self, needs_output: bool = True) -> Trace:
        """The finished trace, for an executor."""
        assert self._results is not None
        self.outputs = OutputPlan(self._numbers, *self._results, needs_output, self._effects)
        loss = self._results[1]
        if loss is not None:
            self.values[self._numbers[id(loss.data)]] = loss.data
        self._results_alive.clear()
        return self

    # -- called by the engine ---------------------------------------------------------------------------------------

    def op(
        self,
        function: Callable[..., Any],
        context: Any,
        backend: backends.Backend,
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        static_args: tuple[Any, ...],
        options: dict[str, Any],
        outputs: Any,
        differentiated: bool,
    ) -> None:
        """An op ran. differentiated: whether it left an entry on the tape."""
        if self.abort_reason is not None:
            return
        if (function.__module__ or "").partition(".")[0] != "dualnet":
            self.abort("an op of the user")
        numbers = tuple(self._number(x, a) for x, a in zip(inputs, arrays))
        draw = self._take_draw(static_args)
        if draw is None and options.get("key") is not None and id(options["key"]) in self._draws:
            self.abort("random numbers passed by keyword")
        mutated = self._mutated(function, (context, *inputs, *static_args), options)
        for value in (*static_args, *options.values()):
            if not _is_constant(value) and id(value) not in mutated:
                self.abort(f"{function.__name__} takes {type(value).__name__} as an option")
        if self.abort_reason is None:
            if differentiated:
                self._differentiated.append(len(self.calls))
            several = type(outputs) is tuple
            results = tuple(self._add_result(y.data) for y in outputs) if several else self._add_result(outputs.data)
            static_args = tuple(mutated.get(id(value), value) for value in static_args)
            options = {name: mutated.get(id(value), value) for name, value in options.items()}
            mutates = tuple(mutated.values())
            self.calls.append(OpCall(function, context, backend, numbers, static_args, options, results, draw, mutates))

    def vjp(self, entry: Entry, out_grads: Sequence[Any], requests: list[Any] | None, in_grads: Sequence[Any]) -> None:
        """The reverse pass called the closure of an entry of the tape."""
        call = self._on_tape.get(id(entry))
        if call is None or self.abort_reason is not None:
            return  # the scaling of the loss, which comes after it, is no part of the trace
        several = type(entry.outputs) is tuple
        outputs = entry.outputs if several else (entry.outputs,)
        out_numbers = tuple(-1 if g is None else self._grad(y) for y, g in zip(outputs, out_grads))
        padded = [*in_grads, *[None] * (len(entry.inputs) - len(in_grads))]
        in_numbers = tuple(
            self._grad(x) if g is not None and isinstance(x, Tensor) and x.tracked else -1
            for x, g in zip(entry.inputs, padded)
        )
        if requests is not None:
            requests = [x if hasattr(r, "dtype") else r for x, r in zip(entry.inputs, requests)]
        self.vjp_calls.append(VjpCall(call, out_numbers if several else out_numbers[0], in_numbers, requests))

    def draw(self, generator: Any, key: Any, step: int) -> None:
        """A generator was asked for the random numbers of an op."""
        if id(key) in self._draws:
            self.abort("random numbers that no op took")
        self._draws[id(key)] = (generator, key, step)

    def constant(self, tensor: Tensor) -> None:
        """A tensor was made of a shape and of numbers: the trace keeps it."""
        self._add(tensor.data)

    def change(self, subject: Any, reason: str) -> None:
        """A variable or a random generator is changed by something that is no op."""
        self.abort(reason)

    def effect(self, function: Callable[..., None], tensors: Sequence[Tensor]) -> None:
        """Something is to be done with values when the forward pass has ended."""
        self._effects.append((function, tensors))

    def add_losses(self, layers: Iterable[Any]) -> None:
        """Layers to which the step added losses, which are theirs until the next step."""
        for layer in layers:
            if all(type(loss) is Tensor for loss in layer._losses):
                self.effect(layer._replace_losses, list(layer._losses))
                self.layers_with_losses.append(layer)
            else:
                self.abort(f"a loss added by the layer {layer.name} that is no tensor")

    def attribute(self, layer: Any, name: str) -> None:
        """An attribute of a layer is set."""

    def abort(self, reason: str) -> None:
        """Give the trace up: something bypassed the ops."""
        self.abort_reason = self.abort_reason or reason

    # -- numbers of values and gradients ---------------------------------------------------------------------------

    def _number(self, x: Any, array: Any) -> int:
        """The number of an input."""
        if isinstance(x, Variable) and array is x.data:
            for number, known in self.variables.items():
                if known is x:
                    return number
            number = self._add(array)
            self.variables[number] = x
            return number
        if x is None or isinstance(x, (bool, int, float)):
            return self._add(array)
        if isinstance(x, Tensor) and id(array) in self._numbers:
            return self._numbers[id(array)]
        self.abort("an op takes an array that comes from no other")
        return -1

    def _add(self, array: Any) -> int:
        self.values.append(array)
        if hasattr(array, "dtype"):
            self._numbers[id(array)] = len(self.values) - 1
        return len(self.values) - 1

    def _add_result(self, array: Any) -> int:
        """The number of an op's result. The trace does not keep it: a prediction needs no more memory for being traced."""
        number = self._add(array)
        numbers, key = self._numbers, id(array)

        def forget(_: Any) -> None:  # another array may get the same id
            numbers.pop(key, None)

        try:
            self._results_alive.append(weakref.ref(array, forget))
        except TypeError:  # a scalar, which stays
            return number
        self.values[number] = None
        return number

    def _grad(self, tensor: Tensor) -> int:
        """The number of a tensor's gradient."""
        number = self._grads.setdefault(id(tensor), len(self._grads))
        if number == len(self.grad_types):
            self.grad_types.append((tensor.data.dtype, type(tensor.data)))
            if isinstance(tensor, Variable):
                self.grad_variables[number] = tensor
        return number

    def _mutated(self, function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> dict[int, Variable]:
        """The variables whose arrays an op was given to change in place, by the id of the array."""
        if not function.info.mutates:
            return {}
        arguments = inspect.signature(function).bind(*args, **options).arguments
        arrays = [arguments[name] for name in function.info.mutates if arguments.get(name) is not None]
        if any(id(a) not in self._states for a in arrays):
            self.abort(f"{function.__name__} changes an array that belongs to no variable of the model")
        return {id(a): self._states[id(a)] for a in arrays if id(a) in self._states}

    def _take_draw(self, static_args: tuple[Any, ...]) -> Draw | None:
        for i, value in enumerate(static_args):
            if type(value) is tuple and id(value) in self._draws:
                generator, _, step = self._draws.pop(id(value))
                if static_args[i + 1 : i + 2] != (step,):
                    self.abort("random numbers passed in an unknown order")
                return Draw(generator, i)
        return None


def _is_constant(value: Any) -> bool:
    """Whether an option is a number, a name, or the like, which is the same at every step."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_constant, value))
    if isinstance(value, dict):
        return all(map(_is_constant, value.values()))
    return isinstance(value, _CONSTANTS) or (
        type(value).__module__.startswith("numpy") and type(value).__name__.endswith("DType")
    )
