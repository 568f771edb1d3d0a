"""One pass of a model, op by op, as it runs: the raw material of a trace.

The engine reports every op to a ``Recorder``, as it does to the tracer of captured steps (``capture/tracer.py``). Unlike that one it
follows a pass without gradients, notes in which layers an op ran, knows which values do not depend on the inputs, and takes layers that
compute on the host, and loops of recurrent layers over their steps, for one call. What could not be the same for other data raises
``ExportError`` where it happens.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from .. import tree
from ..core.tensor import Tensor
from ..core.tracing import live_tapes, state, tracing
from ..core.variables import Variable
from ..layers.base.layer import Layer
from ..layers.preprocessing.text.hashing import HashedCrossing, Hashing
from ..layers.preprocessing.text.lookup import StringLookup
from ..layers.preprocessing.text.text_vectorization import TextVectorization
from ..layers.rnn.loop import observed
from .errors import ExportError
from .program import Body, Call, Reference, in_layer, references

ON_THE_HOST = (StringLookup, TextVectorization, Hashing, HashedCrossing)
CHECKS = ("tokens_below",)  # ops that return what they were given, if they do not refuse it


class Value(NamedTuple):
    """A value of one pass.

    kind: "input", "variable", "constant" (what was made outside of the ops), "result", or "step" for what a step of a loop starts from.
    array: None for a result that depends on the inputs, unless the recorder keeps all.
    source: of a variable the variable, of a constant the layers that were being called when it was met.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: str
    array: Any = None
    is_constant: bool = False  # whether it depends on no input
    source: Any = None


class Recorder:
    """Lists the ops of one pass. Values are numbered in the order they appear, the inputs first.

    Args:
        inputs: the tensors that the pass starts from.
        keep: whether to keep the arrays of all values, not of those alone that depend on no input.
    """

    def __init__(self, inputs: Sequence[Tensor], keep: bool = False) -> None:
        self.values: list[Value] = []
        self.calls: list[Call] = []
        self._keep = keep
        self._numbers: dict[int, int] = {}  # by the id of an array, for as long as it lives
        self._alive: list[Any] = []
        for x in inputs:
            self._add("input", x.data)

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
        """The number of a tensor."""
        return self._number(x, x.data)

    # -- called by the engine ---------------------------------------------------------------------------------------

    def op(
        self,
        function: Callable[..., Any],
        context: Any,
        backend: Any,
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        static_args: tuple[Any, ...],
        options: dict[str, Any],
        outputs: Any,
        differentiated: bool,
    ) -> None:
        """An op ran."""
        if (function.__module__ or "").partition(".")[0] != "dualnet":
            raise ExportError(
                f"{in_layer(calling_layers())}{function.__name__} is an op of your own, which no format knows: use ops of dualnet.ops"
            )
        tensors = [self._tensor(x, a) for x, a in zip(inputs, arrays)]
        bound = _signature(function).bind(context, *tensors, *static_args, **options).arguments
        arguments = {name: self._plain(value) for name, value in list(bound.items())[1:]}
        constant = all(self.values[n].is_constant for n in references(arguments))
        results = outputs if type(outputs) is tuple else (outputs,)
        self._record(function.info.name, arguments, results, constant, function)  # type: ignore[attr-defined]

    def draw(self, generator: Any, key: Any, step: int) -> None:
        """A generator was asked for random numbers."""
        raise ExportError(
            f"{in_layer(calling_layers())}random numbers are drawn when the model predicts: what is exported computes the same each time"
        )

    def constant(self, tensor: Tensor) -> None:
        """A tensor was made of a shape and of numbers; it becomes a value when an op takes it."""

    def change(self, subject: Any, reason: str) -> None:
        """A variable or a random generator is about to be changed."""
        raise _keeps_state(reason)

    def attribute(self, layer: Any, name: str) -> None:
        """An attribute of a layer is set."""

    def abort(self, reason: str) -> None:
        """Something bypasses the ops."""
        raise ExportError(
            f"{in_layer(calling_layers())}{reason}: what follows may depend on it, and only ops can be exported (not `if`, loops and NumPy "
            "on the value of a tensor)"
        )

    # -- values -----------------------------------------------------------------------------------------------------

    def _record(
        self,
        name: str,
        arguments: dict[str, Any],
        results: Sequence[Tensor],
        constant: bool = False,
        function: Any = None,
        body: Body | None = None,
    ) -> None:
        known: list[int | None] = [self._numbers.get(id(y.data)) for y in results]
        if name in CHECKS:
            known = [None] * len(results)
        elif results and None not in known:  # it returned what it was given
            return
        outputs = tuple(
            self._add("result", y.data, constant, keep=constant) if number is None else number
            for y, number in zip(results, known)
        )
        self.calls.append(Call(name, arguments, outputs, calling_layers(), function, body))

    def _add(self, kind: str, array: Any, constant: bool = False, source: Any = None, keep: bool = False) -> int:
        kept = array if keep or self._keep else None
        self.values.append(Value(kind, tuple(array.shape), _dtype(array), kept, constant, source))
        number = len(self.values) - 1
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
        known = self._numbers.get(id(array))
        if known is not None:
            return known
        if isinstance(x, Variable) and array is x.data:
            return self._add("variable", array, True, x, keep=True)
        return self._add("constant", array, True, calling_layers(), keep=True)

    def _tensor(self, x: Any, array: Any) -> Any:
        """A tensor among the arguments; None and numbers of Python stay."""
        return Reference(self._number(x, array)) if hasattr(array, "dtype") else array

    def _plain(self, option: Any) -> Any:
        """An option, with references in the place of tensors and arrays."""
        if isinstance(option, Reference):
            return option
        if isinstance(option, Tensor):
            return Reference(self._number(option, option.data))
        if hasattr(option, "dtype") and hasattr(option, "shape") and not isinstance(option, type):
            return Reference(self._number(option, option)) if option.shape else option.item()
        if isinstance(option, (tuple, list)):
            parts = [self._plain(part) for part in option]
            return type(option)(*parts) if hasattr(option, "_fields") else type(option)(parts)
        if isinstance(option, dict):
            return {key: self._plain(part) for key, part in option.items()}
        if isinstance(option, slice):
            return slice(*(self._plain(n) for n in (option.start, option.stop, option.step)))
        return option

    # -- loops ------------------------------------------------------------------------------------------------------

    def _loop(self, run: Callable[[], Any], step: Any, sequences: Any, states: Any, mask: Any, options: Any) -> Any:
        """The loop of a recurrent layer over its steps: its first step is recorded, all are computed."""
        # Tensors of this step alone, which show what it depends on.
        first = Tensor(sequences.data[:, -1 if options["go_backwards"] else 0].copy())
        before = tree.map_structure(lambda s: Tensor(s.data.copy()), states)
        inputs = tuple(self._add("step", x.data) for x in (first, *tree.flatten(before)))
        calls, self.calls = self.calls, []
        try:
            after = step(first, before)
            body = Body(inputs, tuple(map(self.number, tree.flatten(list(after)))), self.calls)
        finally:
            self.calls = calls
        with tracing(None):
            last, every, new_states = run()
        leaves = tree.flatten(states)
        # What stands for the output before the first step where a mask leaves it out: a state of the last cell, or zeros.
        first_of_cell = len(tree.flatten(states[:-1])) if tree.is_nested(states[0]) else 0
        is_like_output = tuple(leaves[first_of_cell].shape) == tuple(last.shape)
        arguments = {
            "sequences": Reference(self.number(sequences)),
            "states": tuple(Reference(self.number(s)) for s in leaves),
            "mask": None if mask is None else Reference(self.number(mask)),
            "first_output": first_of_cell if is_like_output else None,
            **options,
        }
        shown = every if options["return_sequences"] else last
        self._record("run_steps", arguments, (shown, *tree.flatten(new_states)), body=body)
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

        @functools.wraps(call)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            if state.tracer is not self:  # a layer inside such a layer
                return call(*args, **kwargs)
            with tracing(None):
                y = call(*args, **kwargs)
            inputs = [Reference(self.number(x)) for x in tree.flatten([args, kwargs]) if isinstance(x, Tensor)]
            self._record(type(layer).__name__, {"inputs": tuple(inputs), "layer": layer}, tree.flatten(y))
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
        f"{in_layer(calling_layers())}{reason} when the model predicts: a state that is kept from call to call cannot be exported "
        "(stateful=True of a recurrent layer and training=True of BatchNormalization keep one)"
    )


def calling_layers() -> tuple[Layer, ...]:
    """The layers that are being called, the outermost first."""
    found = []
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code is Layer.__call__.__code__:
            found.append(frame.f_locals["self"])
        frame = frame.f_back
    return tuple(found[::-1])


_signature = functools.cache(inspect.signature)


def _dtype(array: Any) -> str:
    return "string" if array.dtype.kind in "OUST" else str(array.dtype)
