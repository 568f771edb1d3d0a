"""Trace a step into lists of op calls and VJP calls, for replay.

Most of the time of a small network goes into finding out what to do next: layers, losses and the tape are Python code that
does at every step what it did at the one before. The engine tells a ``Tracer`` of every op of one step, and of every
vector-Jacobian product (VJP) of its reverse pass. An executor (``executors/``) makes the same calls on the next batch, in the
same order and on the same types of arrays, so the results are the same, bit for bit. What a trace cannot express aborts it
(``Tracer.abort``), and such steps are run eagerly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import dualnet_backends as backends

from .. import tree
from ..core.tensor import Array, Origin, Tensor
from ..core.tracing import Entry, Tape, tracing
from ..core.variables import Variable

T = TypeVar("T")

_CONSTANTS = (type(None), bool, int, float, str, slice, type(Ellipsis), type)


class Draw(NamedTuple):
    """The random numbers of an op: ``generator.next()`` gives the key and the step that stand at ``position`` in its ``rest``."""

    generator: Any
    position: int


class OpCall(NamedTuple):
    """A call of an op: ``function(context, *inputs, *rest, **options)``.

    Values are numbered in the order they appear; ``inputs`` and ``outputs`` are such numbers. In ``rest`` and ``options`` a
    variable stands for its array, which the op changes in place: these are listed in ``mutates`` too.
    """

    function: Callable[..., Any]
    context: Any  # the array module, or the backend
    backend: backends.Backend
    inputs: tuple[int, ...]
    rest: tuple[Any, ...]
    options: dict[str, Any]
    outputs: int | tuple[int, ...]
    draw: Draw | None
    mutates: tuple[Variable, ...]


class VjpCall(NamedTuple):
    """A call of the closure that an op returned: gradients of its outputs in, gradients of its inputs out.

    Gradients are numbered in the order the reverse pass meets them; number 0 is that of the loss.
    """

    op: int  # number of the op call
    out_grads: int | tuple[int, ...]  # -1: there is none, and the closure gets zeros
    in_grads: tuple[int, ...]  # -1: not requested, or there is none
    requests: (
        list[Any] | None
    )  # for a closure that writes in place, as in ``primitive``; a variable: its gradient buffer


class OutputPlan:
    """Which values a step returns, and how they become its output and its loss.

    needs_output: whether anything looks at the output. If not, it is None, and what serves it alone is not computed: the
    softmax before a cross-entropy, which is computed from the logits.
    """

    def __init__(self, numbers: dict[int, int], y_pred: Any, loss: Tensor | None, needs_output: bool) -> None:
        leaves = tree.flatten(y_pred) if needs_output else []
        self._count = len(leaves)
        self._structure = tree.map_structure(lambda y: numbers[id(y.data)], y_pred) if needs_output else None
        attached = [(i, *pair) for i, y in enumerate(leaves) for pair in side_outputs(y).items()]
        self._attached = [(i, name) for i, name, _ in attached]
        self._has_loss = loss is not None
        tensors = [*leaves, *(t for _, _, t in attached), *([] if loss is None else [loss])]
        self.values = [numbers[id(t.data)] for t in tensors]

    def unflatten(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """(output, loss) as tensors, from the arrays of ``values``; the output with its masks and logits."""
        loss = Tensor(values[-1]) if self._has_loss else None
        if self._structure is None:
            return None, loss
        tensors = [Tensor(v) for v in values[: self._count]]
        for (i, name), value in zip(self._attached, values[self._count :]):
            if name == "mask":
                tensors[i]._keras_mask = Tensor(value)
            else:
                tensors[i].origin = Origin(name, Tensor(value))
        single = type(self._structure) is int
        return (tensors[0] if single else tree.pack_sequence_as(self._structure, tensors)), loss


class Trace:
    """One step as data: what an executor needs to run it again on another batch."""

    outputs: OutputPlan

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        self.inputs = len(inputs)  # of the batch: the first values
        self.values: list[Any] = [t.data for t in inputs]  # as they were in the traced step
        self.variables: dict[int, Variable] = {}  # the values that are variables
        self.calls: list[OpCall] = []
        self.vjp_calls: list[VjpCall] = []
        self.grad_types: list[tuple[Any, type]] = []  # dtype and array type of each gradient
        self.grad_variables: dict[int, Variable] = {}  # the gradients that are those of variables

    @property
    def draws(self) -> list[Draw]:
        """The random numbers of a step, in the order of the ops."""
        return [call.draw for call in self.calls if call.draw is not None]


class Tracer(Trace):
    """Builds the trace of one step while it runs.

    inputs: the tensors of the batch. states: the model's variables that ops may change in place.
    """

    def __init__(self, inputs: Sequence[Tensor], states: Sequence[Variable] = ()) -> None:
        super().__init__(inputs)
        self.abort_reason: str | None = None
        self._results: tuple[Any, Tensor | None] | None = None
        self._differentiated: list[int] = []  # calls that are on the tape, in its order
        self._numbers = {id(t.data): i for i, t in enumerate(inputs)}  # by array; ``values`` keeps them all alive
        self._grads: dict[int, int] = {}  # numbers of gradients, by tensor
        self._on_tape: dict[int, int] = {}  # calls, by the entry of the tape
        self._states = {id(v.data): v for v in states}
        self._draws: dict[int, tuple[Any, Any, int]] = {}  # not taken by an op yet, by key

    @property
    def is_complete(self) -> bool:
        """Whether the step has ended, and can be run again from the trace."""
        return self.abort_reason is None and self._results is not None

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function, and trace what it does."""
        with tracing(self):
            return function(*args)

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
        elif tape is not None and loss is not None:
            self._on_tape = {id(entry): call for entry, call in zip(tape, self._differentiated)}
            self._grad(loss)
        self._results = y_pred, loss

    def plan_outputs(self, needs_output: bool = True) -> Trace:
        """The finished trace, for an executor."""
        assert self._results is not None
        self.outputs = OutputPlan(self._numbers, *self._results, needs_output)
        return self

    # -- what the engine tells -------------------------------------------------------------------------------------

    def op(
        self,
        function: Callable[..., Any],
        context: Any,
        backend: backends.Backend,
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        rest: tuple[Any, ...],
        options: dict[str, Any],
        outputs: Any,
        differentiated: bool,
    ) -> None:
        """An op ran. differentiated: whether it left an entry on the tape."""
        if self.abort_reason is not None:
            return
        if function.__module__.partition(".")[0] != "dualnet":
            self.abort("an op of the user")
        numbers = tuple(self._number(x, a) for x, a in zip(inputs, arrays))
        draw = self._take_draw(rest)
        if draw is None and options.get("key") is not None and id(options["key"]) in self._draws:
            self.abort("random numbers passed by keyword")
        mutated = self._mutated(function, (context, *inputs, *rest), options)
        for value in (*rest, *options.values()):
            if not _is_constant(value) and id(value) not in mutated:
                self.abort(f"{function.__name__} takes {type(value).__name__} as an option")
        if self.abort_reason is None:
            if differentiated:
                self._differentiated.append(len(self.calls))
            several = type(outputs) is tuple
            results = tuple(self._add(y.data) for y in outputs) if several else self._add(outputs.data)
            rest = tuple(mutated.get(id(value), value) for value in rest)
            options = {name: mutated.get(id(value), value) for name, value in options.items()}
            mutates = tuple(mutated.values())
            self.calls.append(OpCall(function, context, backend, numbers, rest, options, results, draw, mutates))

    def vjp(self, entry: Entry, out_grads: Sequence[Any], requests: list[Any] | None, in_grads: Sequence[Any]) -> None:
        """The reverse pass called the closure of an entry of the tape."""
        call = self._on_tape.get(id(entry))
        if call is None or self.abort_reason is not None:
            return  # the scaling of the loss, which comes after it, is no part of the trace
        several = type(entry.outputs) is tuple
        outputs = entry.outputs if several else (entry.outputs,)
        taken = tuple(-1 if g is None else self._grad(y) for y, g in zip(outputs, out_grads))
        padded = [*in_grads, *[None] * (len(entry.inputs) - len(in_grads))]
        returned = tuple(
            self._grad(x) if g is not None and isinstance(x, Tensor) and x.tracked else -1
            for x, g in zip(entry.inputs, padded)
        )
        if requests is not None:
            requests = [x if hasattr(r, "dtype") else r for x, r in zip(entry.inputs, requests)]
        self.vjp_calls.append(VjpCall(call, taken if several else taken[0], returned, requests))

    def draw(self, generator: Any, key: Any, step: int) -> None:
        """A generator was asked for the random numbers of an op."""
        if id(key) in self._draws:
            self.abort("random numbers that no op took")
        self._draws[id(key)] = (generator, key, step)

    def change(self, subject: Any, reason: str) -> None:
        self.abort(reason)

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
        known_number = self._numbers.get(id(array)) if isinstance(x, Tensor) else None
        if known_number is None:
            self.abort("an op takes an array that comes from no other")
            return -1
        return known_number

    def _add(self, array: Any) -> int:
        self.values.append(array)
        if hasattr(array, "dtype"):
            self._numbers[id(array)] = len(self.values) - 1
        return len(self.values) - 1

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

    def _take_draw(self, rest: tuple[Any, ...]) -> Draw | None:
        for i, value in enumerate(rest):
            if type(value) is tuple and id(value) in self._draws:
                generator, _, step = self._draws.pop(id(value))
                if rest[i + 1 : i + 2] != (step,):
                    self.abort("random numbers passed in an unknown order")
                return Draw(generator, i)
        return None


def side_outputs(y: Any) -> dict[str, Tensor]:
    """The tensors that a tensor carries for losses and metrics: its mask, and under the name of an activation its logits."""
    found = {}
    if isinstance(mask := getattr(y, "_keras_mask", None), Tensor):
        found["mask"] = mask
    if (origin := getattr(y, "origin", None)) is not None:
        found[origin.activation] = origin.logits
    return found


def as_tuple(x: int | tuple[int, ...]) -> tuple[int, ...]:
    return x if type(x) is tuple else (x,)  # type: ignore[return-value]


def _is_constant(value: Any) -> bool:
    """Whether an option is a number, a name, or the like, which is the same at every step."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_constant, value))
    if isinstance(value, dict):
        return all(map(_is_constant, value.values()))
    return isinstance(value, _CONSTANTS) or (
        type(value).__module__.startswith("numpy") and type(value).__name__.endswith("DType")
    )
