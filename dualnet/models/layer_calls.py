"""What the layers of a model take and return while it runs, recorded from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from .. import tree
from ..core.seeds import SeedGenerator
from ..core.tensor import Tensor
from ..layers.base.layer import Layer
from ..layers.core.dense import InputLayer
from .model import Model


class LayerCall(NamedTuple):
    """One call of a layer: its method ``call`` as it was, the arguments, and what it returned."""

    layer: Layer
    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any

    @property
    def inputs(self) -> list[Tensor]:
        return [x for x in tree.flatten([self.args, self.kwargs]) if isinstance(x, Tensor)]

    @property
    def outputs(self) -> list[Tensor]:
        return [y for y in tree.flatten([self.result]) if isinstance(y, Tensor)]


def innermost_layers(model: Any) -> list[Layer]:
    """The layers without layers inside them."""
    return [x for x in model._flatten_layers() if not x._sublayers() and not isinstance(x, InputLayer)]


def visible_layers(model: Any) -> list[Layer]:
    """The layers that a summary lists: those of models inside the model, too, but not the parts of one layer."""
    layers: dict[int, Layer] = {}
    for layer in model.layers:
        for inner in visible_layers(layer) if isinstance(layer, Model) else [layer]:
            if not isinstance(inner, InputLayer):
                layers.setdefault(id(inner), inner)
    return list(layers.values())


@contextmanager
def recorded_calls(layers: Sequence[Layer]) -> Iterator[list[LayerCall]]:
    """A list that gets every call of these layers inside the block, in the order in which the calls end."""
    calls: list[LayerCall] = []

    def recorder(layer: Layer) -> Callable[..., Any]:
        original = layer.call

        def call(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            calls.append(LayerCall(layer, original, args, dict(kwargs), result))
            return result

        return call

    for layer in layers:
        object.__setattr__(layer, "call", recorder(layer))
    try:
        yield calls
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def seed_generators(layer: Layer) -> list[SeedGenerator]:
    """The generators of the random numbers that a layer draws."""
    return [value for value in vars(layer).values() if isinstance(value, SeedGenerator)]


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """What a pass changes in a model besides its trainable weights is put back: moving averages, states, streams of random numbers."""
    variables = [*model.non_trainable_variables, *model._state_variables()]
    before = [(v, v.data.copy()) for v in variables]
    counters = [(g, g.counter) for layer in model._flatten_layers() for g in seed_generators(layer)]
    try:
        yield
    finally:
        for v, value in before:
            v.assign(value)
        for generator, counter in counters:
            generator.counter = counter
        model._clear_losses()
