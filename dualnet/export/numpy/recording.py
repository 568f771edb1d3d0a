"""What a model computes, as a list of op calls: one forward pass, recorded.

Layers are Python code; the ops they call are all that happens to the numbers. A recording holds each call with its arguments and the
layer it was made in. Two kinds of calls are recorded as one although they are no ops: layers that read text, which work on the host, and
the loop of a recurrent network over its steps, whose body is recorded once.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ... import tree
from ...core.tensor import Tensor
from ...core.tracing import no_grad, tracing
from ...layers.base.layer import Layer
from ...layers.core.dense import InputLayer
from ...layers.preprocessing.text.hashing import HashedCrossing, Hashing
from ...layers.preprocessing.text.lookup import StringLookup
from ...layers.preprocessing.text.text_vectorization import TextVectorization
from ...layers.rnn import loop
from ..errors import ExportError

ON_THE_HOST = (StringLookup, TextVectorization, Hashing, HashedCrossing)


class Ref(NamedTuple):
    """A value of the recording, by its number."""

    number: int


@dataclass(eq=False)
class Call:
    """A call of an op.

    arguments: by the names of the op's parameters, ``Ref`` in the place of tensors. layers: those being called, the outermost first.
    body: what a loop does at each step.
    """

    op: str
    arguments: dict[str, Any]
    outputs: list[int]
    layers: tuple[Layer, ...]
    body: Body | None = None


@dataclass(eq=False)
class Body:
    """The calls of one step of a loop, from the values ``inputs`` to the values ``outputs``."""

    inputs: list[int]
    outputs: list[int]
    calls: list[Call] = field(default_factory=list)


class Recording:
    """The calls of one forward pass. Values are numbered in the order they appear, the inputs of the model first.

    Attributes:
        arrays: the array of each value. variables: those values that are variables, with the variable. constants: those that were made
            on the host, with the layer that used them first.
        outputs: what the model returned, with numbers in the place of tensors.
    """

    def __init__(self, model: Layer, inputs: Sequence[Tensor]) -> None:
        self.model = model
        self.calls: list[Call] = []
        self.arrays: list[Any] = []
        self.variables: dict[int, Any] = {}
        self.constants: dict[int, tuple[Layer, ...]] = {}
        self.outputs: Any = None
        self._layers: list[Layer] = [model]
        self._numbers: dict[int, int] = {}  # by the id of an array, which ``arrays`` keeps alive
        self._by_array = {id(v.data): v for v in model.variables}
        for x in inputs:
            self._add(x.data)

    # -- called by the engine ----------------------------------------------------------------------------------------

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
        name = function.__name__.strip("_").removesuffix("_op")
        if (function.__module__ or "").partition(".")[0] != "dualnet":
            self.abort(f"{name} is an op with array code of its own")
        if function.info.mutates:  # type: ignore[attr-defined]
            self.abort("the layer keeps a state from one call to the next")
        tensors = [self._ref(x, a) for x, a in zip(inputs, arrays)]
        bound = inspect.signature(function).bind(context, *tensors, *static_args, **options).arguments
        arguments = {key: self._refs(value) for key, value in list(bound.items())[1:]}
        results = outputs if type(outputs) is tuple else (outputs,)
        self._record(name, arguments, results)

    def draw(self, generator: Any, key: Any, step: int) -> None:
        """A generator was asked for random numbers."""
        self.abort("it draws random numbers at inference")

    def change(self, subject: Any, reason: str) -> None:
        """A variable or a random generator is changed by something that is no op."""
        self.abort(reason)

    def attribute(self, layer: Any, name: str) -> None:
        """An attribute of a layer is set."""

    def abort(self, reason: str) -> None:
        """Refuse what is not in the ops."""
        raise ExportError(f"{described(self._layers)} cannot be written as a NumPy program: {reason}")

    # -- recording ---------------------------------------------------------------------------------------------------

    def run(self, model: Layer, inputs: Any) -> Any:
        """Call the model for inference, and record it; what it returned, and its structure is kept in ``outputs``."""
        with self._watched(model), no_grad(), tracing(self), loop.observed(self._steps), np.errstate(all="ignore"):
            result = model(inputs, training=False)
        if not all(isinstance(y, Tensor) for y in tree.flatten(result)):
            self.abort(f"it returns something that is no tensor ({type(result).__name__})")
        self.outputs = tree.map_structure(lambda y: self._ref(y, y.data).number, result)
        return result

    @contextmanager
    def _watched(self, model: Layer) -> Iterator[None]:
        """Inside the block, know which layers are being called."""

        def spy(layer: Layer) -> Callable[..., Any]:
            original = layer.call

            @functools.wraps(original)
            def call(*args: Any, **kwargs: Any) -> Any:
                self._layers.append(layer)
                try:
                    if isinstance(layer, ON_THE_HOST):
                        return self._on_the_host(layer, original, args, kwargs)
                    return original(*args, **kwargs)
                finally:
                    self._layers.pop()

            return call

        layers = [
            x
            for x in model._flatten_layers(include_self=False)
            if "call" not in vars(x) and not isinstance(x, InputLayer)
        ]
        for layer in layers:
            object.__setattr__(layer, "call", spy(layer))
        try:
            yield
        finally:
            for layer in layers:
                object.__delattr__(layer, "call")

    def _on_the_host(self, layer: Layer, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        with tracing(None):
            y = function(*args, **kwargs)
        kind = type(layer).__name__
        inputs = [self._ref(x, x.data) for x in tree.flatten([args, kwargs]) if isinstance(x, Tensor)]
        self._record(kind, {"inputs": tuple(inputs), "layer": layer}, (y,))
        return y

    def _steps(self, run: Callable[..., Any], step: Any, sequences: Any, states: Any, mask: Any, options: Any) -> Any:
        """The loop of a recurrent layer: its first step is recorded, the others are computed."""
        # Tensors that belong to this step alone: what the body computes with is its inputs, or the same at every step.
        first = Tensor(sequences.data[:, -1 if options["go_backwards"] else 0].copy())
        before = tree.map_structure(lambda s: Tensor(s.data.copy()), states)
        body = Body([self._add(x.data) for x in (first, *tree.flatten(before))], [])
        calls, self.calls = self.calls, body.calls
        try:
            after = step(first, before)
            body.outputs = [self._ref(y, y.data).number for y in tree.flatten(list(after))]
        finally:
            self.calls = calls
        with tracing(None):
            last, outputs, new_states = run()
        leaves = tree.flatten(states)
        # What stands for the output before the first step where a mask leaves it out: a state of the last cell, or zeros.
        first_of_cell = len(tree.flatten(states[:-1])) if tree.is_nested(states[0]) else 0
        is_like_output = tuple(leaves[first_of_cell].shape) == tuple(last.shape)
        arguments = {
            "sequences": self._ref(sequences, sequences.data),
            "states": tuple(self._ref(s, s.data) for s in leaves),
            "mask": None if mask is None else self._ref(mask, mask.data),
            "first_output": first_of_cell if is_like_output else None,
            **options,
        }
        shown = outputs if options["return_sequences"] else last
        self._record("run_steps", arguments, (shown, *tree.flatten(new_states)), body)
        return last, outputs, new_states

    def _record(
        self, name: str, arguments: dict[str, Any], outputs: Sequence[Tensor], body: Body | None = None
    ) -> None:
        if any(str(y.data.dtype) == "bfloat16" for y in outputs):
            self.abort("it computes in bfloat16, which NumPy does not have")
        numbers = [self._add(y.data) for y in outputs]
        self.calls.append(Call(name, arguments, numbers, tuple(self._layers), body))

    def _add(self, array: Any) -> int:
        self.arrays.append(array)
        self._numbers[id(array)] = len(self.arrays) - 1
        return len(self.arrays) - 1

    def _ref(self, x: Any, array: Any) -> Any:
        """A tensor among the arguments: the number of its value; None and Python numbers stay."""
        if array is None or isinstance(array, (bool, int, float, complex)):
            return array
        number = self._numbers.get(id(array))
        if number is None:
            number = self._add(array)
            if id(array) in self._by_array:
                self.variables[number] = self._by_array[id(array)]
            else:
                self.constants[number] = tuple(self._layers)
        return Ref(number)

    def _refs(self, value: Any) -> Any:
        """The same for tensors and arrays inside an option."""
        if isinstance(value, Tensor):
            return self._ref(value, value.data)
        if isinstance(value, (Ref, str)) or value is None:
            return value
        if hasattr(value, "dtype") and hasattr(value, "shape"):
            return value.item() if not value.shape and not hasattr(value, "base") else self._ref(value, value)
        if isinstance(value, slice):
            return slice(self._refs(value.start), self._refs(value.stop), self._refs(value.step))
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self._refs, value))
        if isinstance(value, (tuple, list)):
            return type(value)(map(self._refs, value))
        return value


def described(layers: Sequence[Layer]) -> str:
    """The innermost layer, for a message."""
    *_, layer = layers
    return f"{'model' if len(layers) == 1 else 'layer'} {layer.name!r} ({type(layer).__name__})"
