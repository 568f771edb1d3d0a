"""One pass of a model, op by op, as it runs: the raw material of a trace.

The engine reports every op to a ``Recorder``, as it does to the tracer of captured steps (``capture/tracer.py``). Unlike that one it
follows a pass without gradients, notes in which layer an op ran, keeps the values that do not depend on the inputs, and takes
layers that compute on the host for one call. What could not be the same for other data raises ``ExportError`` where it happens.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import dualnet_backends as backends

from .. import tree
from ..core.tensor import Tensor
from ..core.tracing import live_tapes, state, tracing
from ..core.variables import Variable
from ..layers.base.layer import Layer
from ..layers.rnn.loop import observed, run_steps
from .errors import ExportError


class Reference(NamedTuple):
    """A tensor among the options of an op, such as an index: the number of its value."""

    number: int


class RawValue(NamedTuple):
    """A value of one pass. kind: "input", "variable", "constant", "number" (of Python, or None) or "result".

    data: of a constant, a number or a result that does not depend on the inputs its value, of a variable the variable.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: str
    data: Any = None
    is_constant: bool = False
    layer: Any = None  # in which a constant was met


class RawBody(NamedTuple):
    """One step of a loop: the calls that lead from the values ``inputs`` to the values ``outputs``."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    calls: list[Any]


class RawCall(NamedTuple):
    """A call of one pass: of an op, or, with the layer itself as ``function``, of a layer that computes on the host; with a body, of the
    loop of a recurrent layer over its steps."""

    function: Any
    context: Any
    inputs: tuple[int, ...]
    args: tuple[Any, ...]
    options: dict[str, Any]
    outputs: tuple[int, ...]
    layer: Any
    body: RawBody | None = None


class Recorder:
    """Lists the ops of one pass. inputs: the tensors that the pass starts from."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        self.values: list[RawValue] = []
        self.calls: list[RawCall] = []
        self._numbers: dict[int, int] = {}  # by the id of an array, for as long as it lives
        self._alive: list[Any] = []
        for x in inputs:
            self._add(RawValue("input", x.shape, _dtype(x.data)), x.data)

    def run(self, function: Callable[..., Any], *args: Any, host_layers: Sequence[Layer] = (), **kwargs: Any) -> Any:
        """Call a function of tensors. host_layers: those whose calls are not followed but listed as one each."""
        watch = _Watch()
        live_tapes[id(watch)] = weakref.ref(watch)  # to be asked before an op writes into a variable
        try:
            with tracing(self), self._calls_of(host_layers), observed(self._loop):
                return function(*args, **kwargs)
        finally:
            del live_tapes[id(watch)]

    def number(self, x: Any) -> int:
        """The number of an output of the pass."""
        return self._number(x, x.data)

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
        """An op ran."""
        layer = calling_layer()
        if (function.__module__ or "").partition(".")[0] != "dualnet":
            raise ExportError(
                f"{in_layer(layer)}{function.__name__} is an op of your own, which no format knows: use ops of dualnet.ops"
            )
        numbers = tuple(self._number(x, a) for x, a in zip(inputs, arrays))
        static_args, options = self._plain(static_args), {name: self._plain(v) for name, v in options.items()}
        constant = all(self.values[n].is_constant for n in (*numbers, *references([static_args, options])))
        results = tuple(self._result(y.data, constant) for y in (outputs if type(outputs) is tuple else (outputs,)))
        self.calls.append(RawCall(function, context, numbers, static_args, options, results, layer))

    def draw(self, generator: Any, key: Any, step: int) -> None:
        """A generator was asked for random numbers."""
        raise ExportError(
            f"{in_layer(calling_layer())}random numbers are drawn when the model predicts: what is exported computes the same each time"
        )

    def change(self, subject: Any, reason: str) -> None:
        """A variable or a random generator is about to be changed."""
        raise _keeps_state(reason)

    def attribute(self, layer: Any, name: str) -> None:
        """An attribute of a layer is set."""

    def abort(self, reason: str) -> None:
        """Something bypasses the ops."""
        raise ExportError(
            f"{in_layer(calling_layer())}{reason}: what follows may depend on it, and only ops can be exported (not `if`, loops and NumPy "
            "on the value of a tensor)"
        )

    # -- values -----------------------------------------------------------------------------------------------------

    def _add(self, value: RawValue, array: Any) -> int:
        self.values.append(value)
        number = len(self.values) - 1
        if hasattr(array, "dtype"):
            numbers, key = self._numbers, id(array)
            numbers[key] = number

            def forget(_: Any) -> None:  # another array may get the same id
                numbers.pop(key, None)

            try:
                self._alive.append(weakref.ref(array, forget))
            except TypeError:  # a scalar, which stays
                self._alive.append(array)
        return number

    def _number(self, x: Any, array: Any) -> int:
        known = self._numbers.get(id(array)) if hasattr(array, "dtype") else None
        if known is not None:
            return known
        if not hasattr(array, "dtype"):
            return self._add(RawValue("number", (), "", array, True), array)
        if isinstance(x, Variable) and array is x.data:
            return self._add(RawValue("variable", array.shape, _dtype(array), x, True), array)
        self._alive.append(array)
        return self._add(RawValue("constant", array.shape, _dtype(array), array, True, calling_layer()), array)

    def _result(self, array: Any, constant: bool) -> int:
        if id(array) in self._numbers:  # the op returned its input
            return self._numbers[id(array)]
        return self._add(RawValue("result", array.shape, _dtype(array), array if constant else None, constant), array)

    def _plain(self, option: Any) -> Any:
        """An option, with references in the place of tensors and arrays."""
        if isinstance(option, Tensor):
            return Reference(self._number(option, option.data))
        if hasattr(option, "dtype") and hasattr(option, "shape") and not isinstance(option, type):
            return Reference(self._number(option, option)) if option.shape else option.item()
        if isinstance(option, tuple):
            parts = [self._plain(part) for part in option]
            return type(option)(*parts) if hasattr(option, "_fields") else tuple(parts)
        if isinstance(option, list):
            return [self._plain(part) for part in option]
        if isinstance(option, dict):
            return {key: self._plain(part) for key, part in option.items()}
        if isinstance(option, slice):
            return slice(*(self._plain(n) for n in (option.start, option.stop, option.step)))
        return option

    # -- loops ------------------------------------------------------------------------------------------------------

    def _loop(self, run: Callable[[], Any], step: Any, sequences: Any, states: Any, mask: Any, options: Any) -> Any:
        """The loop of a recurrent layer over its steps: one of them is recorded, all are computed."""
        # Tensors of this step alone, which show what it depends on.
        first = Tensor(sequences.data[:, 0].copy())
        before = tree.map_structure(lambda s: Tensor(s.data.copy()), states)
        inputs = tuple(
            self._add(RawValue("step", x.shape, _dtype(x.data)), x.data) for x in (first, *tree.flatten(before))
        )
        calls, self.calls = self.calls, []
        try:
            output, after = step(first, before)
            outputs = tuple(self._number(y, y.data) for y in (output, *tree.flatten(after)))
        finally:
            calls, self.calls = self.calls, calls
        state.tracer = None
        try:
            last, every, new_states = run()
        finally:
            state.tracer = self
        leaves = tree.flatten(states)
        first_of_cell = len(tree.flatten(states[:-1])) if tree.is_nested(states[0]) else 0
        is_like_output = tuple(leaves[first_of_cell].shape) == tuple(last.shape)
        given = (sequences, *leaves, *(() if mask is None else (mask,)))
        numbers = tuple(self._number(x, x.data) for x in given)
        shown = (last, *([every] if options["return_sequences"] else ()), *tree.flatten(new_states))
        results = tuple(self._result(y.data, False) for y in shown)
        options = {**options, "masked": mask is not None, "first_output": first_of_cell if is_like_output else None}
        body = RawBody(inputs, outputs, calls)
        self.calls.append(RawCall(run_steps, None, numbers, (), options, results, calling_layer(), body))
        return last, every, new_states

    # -- layers that compute on the host ----------------------------------------------------------------------------

    @contextmanager
    def _calls_of(self, layers: Sequence[Layer]) -> Iterator[None]:
        for layer in layers:
            layer.__dict__["call"] = self._recording_call(layer)
        try:
            yield
        finally:
            for layer in layers:
                layer.__dict__.pop("call", None)

    def _recording_call(self, layer: Layer) -> Callable[..., Any]:
        call = layer.call

        def recorded(inputs: Any, **kwargs: Any) -> Any:
            state.tracer = None
            try:
                y = call(inputs, **kwargs)
            finally:
                state.tracer = self
            numbers = tuple(self._number(x, x.data) for x in tree.flatten(inputs))
            results = tuple(self._result(v.data, False) for v in tree.flatten(y))
            self.calls.append(RawCall(layer, None, numbers, (), {}, results, layer))
            return y

        return recorded


class _Watch:
    """Stands where a tape does, and is asked to save what is about to be overwritten: a variable."""

    def save(self, array: Any) -> None:
        raise _keeps_state("a variable is changed")

    def move(self, old: Any, new: Any) -> None:
        pass


def _keeps_state(reason: str) -> ExportError:
    return ExportError(
        f"{in_layer(calling_layer())}{reason} when the model predicts: a state that is kept from call to call cannot be exported "
        "(stateful=True of a recurrent layer and training=True of BatchNormalization keep one)"
    )


def calling_layer() -> Layer | None:
    """The innermost layer that is being called."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code is Layer.__call__.__code__:
            return frame.f_locals["self"]
        frame = frame.f_back
    return None


def in_layer(layer: Layer | None) -> str:
    """The beginning of a message about what happens in a layer."""
    return "" if layer is None else f"layer {layer.name!r} ({type(layer).__name__}): "


def references(options: Any) -> list[int]:
    """The values that options refer to."""
    if isinstance(options, Reference):
        return [options.number]
    if isinstance(options, slice):
        return references([options.start, options.stop, options.step])
    if isinstance(options, dict):
        return references(list(options.values()))
    if isinstance(options, (list, tuple)):
        return [n for part in options for n in references(part)]
    return []


def _dtype(array: Any) -> str:
    return "string" if array.dtype.kind in "OUST" else str(array.dtype)
