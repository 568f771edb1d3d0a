"""One training step in which the inputs, outputs and gradients of every layer are kept, on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dualnet_backends as backends

from .. import tree
from ..core.autodiff import backward
from ..core.tensor import Array, Tensor
from ..core.tracing import Tape, recording
from ..layers.base.layer import Layer
from ..layers.core.dense import InputLayer
from ..training.data_adapters.packing import unpack_x_y_sample_weight
from ..training.trainer import Trainer


@dataclass
class LayerValues:
    """What one layer took, gave and got back in a step: NumPy arrays. start: how many calls had begun before its own.

    The gradients of inputs and outputs are None where no gradient flows. Weights are those after the update, ``before`` those before;
    all by name.
    """

    name: str
    kind: str
    start: int
    inputs: list[Array] = field(default_factory=list)
    outputs: list[Array] = field(default_factory=list)
    input_grads: list[Array | None] = field(default_factory=list)
    output_grads: list[Array | None] = field(default_factory=list)
    weight_grads: dict[str, Array] = field(default_factory=dict)
    before: dict[str, Array] = field(default_factory=dict)
    weights: dict[str, Array] = field(default_factory=dict)


@dataclass
class ObservedStep:
    """The values of all layers, in the order in which their calls ended, and the gradients of the trainable weights in theirs."""

    layers: list[LayerValues]
    grads: list[Array | None]


Call = tuple[Layer, int, list[Tensor], list[Tensor]]  # start, inputs, outputs


def observe(model: Any, data: Any, grads: list[Array | None] | None = None, update: bool = True) -> ObservedStep:
    """Run a training step eagerly, and keep what it does.

    Args:
        data: (x, y, sample_weight), on the device of the model.
        grads: gradients to update with in the place of those of the step, so that nothing but the update itself differs.
        update: False: neither weights nor metrics change.
    """
    calls: list[Call] = []
    seen: dict[int, Array] = {}
    gradients: list[Array | None] = []

    def compute(x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        tape = Tape()
        with recording(tape), _watched(model, calls):
            y_pred, loss = model._forward(x, y, sample_weight, True)
            scaled = model.optimizer.scale_loss(loss)
        keep = frozenset(id(t) for _, _, inputs, outputs in calls for t in (*inputs, *outputs) if t.tracked)
        variables = model.trainable_variables
        buffers = model._current_train_state().grad_buffers if update else {}
        got = backward(tape, scaled, grad_buffers=buffers, keep=keep)
        seen.update((key, _host(got[key])) for key in keep if key in got)
        gradients[:] = [_host(got[id(v)]) if id(v) in got else None for v in variables]
        for v, g in zip(variables, grads or ()):
            if g is not None and id(v) in got:
                v.grad[...] = backends.of(v.data).asarray(g)
        return y_pred, loss, [v for v in variables if id(v) in got]

    before = {id(v): _host(v.data) for v in model.weights}
    if update:
        model._run_step(data, compute)
    else:
        compute(*unpack_x_y_sample_weight(data))
    by_weight = dict(zip(map(id, model.trainable_variables), gradients))
    return ObservedStep(_values(model, calls, seen, by_weight, before), list(gradients))


def _values(
    model: Any, calls: list[Call], seen: dict[int, Array], grads: dict[int, Array | None], before: dict[int, Array]
) -> list[LayerValues]:
    by_layer: dict[int, LayerValues] = {}
    for layer, start, inputs, outputs in calls:
        values = by_layer.get(id(layer))
        if values is None:
            values = by_layer[id(layer)] = LayerValues(layer.name, type(layer).__name__, start)
        values.inputs += [_host(t.data) for t in inputs]
        values.outputs += [_host(t.data) for t in outputs]
        values.input_grads += [seen.get(id(t)) for t in inputs]
        values.output_grads += [seen.get(id(t)) for t in outputs]
    for layer in model._flatten_layers():
        for v in layer._own_variables():
            if id(layer) not in by_layer:  # what holds weights, and is not called itself
                by_layer[id(layer)] = LayerValues(layer.name, type(layer).__name__, len(calls))
            values = by_layer[id(layer)]
            values.before[v.name], values.weights[v.name] = before[id(v)], _host(v.data)
            if (g := grads.get(id(v))) is not None:
                values.weight_grads[v.name] = g
    return list(by_layer.values())


def _host(array: Array) -> Array:
    """A copy on the host, which nothing changes."""
    backend = backends.of(array)
    value = backend.to_numpy(array)
    return value.copy() if backend.device == "cpu" else value


@contextmanager
def _watched(model: Any, calls: list[Call]) -> Iterator[None]:
    """Note every call of a layer in ``calls`` when it ends. Models inside are left out: their layers are there."""
    layers = [x for x in model._flatten_layers() if not isinstance(x, (InputLayer, Trainer))]
    begun = 0

    def watch(layer: Layer) -> Callable[..., Any]:
        original = layer.call

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal begun
            start, begun = begun, begun + 1
            result = original(*args, **kwargs)
            calls.append((layer, start, _tensors([args, kwargs]), _tensors(result)))
            return result

        return call

    for layer in layers:
        object.__setattr__(layer, "call", watch(layer))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _tensors(structure: Any) -> list[Tensor]:
    return [t for t in tree.flatten(structure) if isinstance(t, Tensor)]
