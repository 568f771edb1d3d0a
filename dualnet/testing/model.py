"""`check_model`: compare the gradients of every layer of a model with finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import dualnet_backends as backends

from .. import config, tree
from ..core.autodiff import backward
from ..core.tensor import Array, Tensor
from ..core.tracing import no_grad, recording
from ..core.variables import Variable
from ..layers.base.layer import Layer
from ..models.layer_calls import LayerCall, innermost_layers, recorded_calls, seed_generators
from .grads import derivatives, random_direction, to_float64, without_kinks


class LayerCheck(NamedTuple):
    """The check of one gradient: of a layer's output with respect to an input or a weight.

    Args:
        kind: the layer's class.
        what: the name of the input or weight.
        error: relative to central differences in float64; NaN if it could not be computed.
        ok: whether it is within the tolerance.
        skipped: how many numbers of the layer's output were left out, because they lie at a kink (a ReLU at 0, a maximum of equal
            numbers) and have no gradient.
        outputs: how many numbers the output has.
    """

    layer: str
    kind: str
    what: str
    shape: tuple[int, ...]
    error: float
    ok: bool
    skipped: int = 0
    outputs: int = 0


def check_model(model: Any, x: Any, tolerance: float = 1e-5, training: bool = True) -> list[LayerCheck]:
    """Check every layer of a built model by finite differences, each one separately, on its input for the model input ``x``.

    The model is converted to float64 for the check and restored afterwards, including random streams and moving
    averages.

    Args:
        training: whether to call the layers in training mode.

    Returns:
        One row per layer and input or weight, in call order; a layer without floating point inputs and weights has
        none.
    """
    rows = []
    with _in_float64(model):
        calls = _record_calls(model, tree.map_structure(to_float64, x), training)
        for layer, call, args, kwargs, _ in calls:
            rows += _check_layer(layer, call, args, kwargs, tolerance)
    return rows


def _record_calls(model: Any, x: Any, training: bool) -> list[LayerCall]:
    """The first call of every layer without sublayers."""
    with recorded_calls(innermost_layers(model)) as calls, no_grad():
        model(x, training=training)
    first: dict[int, LayerCall] = {}
    for call in calls:
        first.setdefault(id(call.layer), call)
    return list(first.values())


def _check_layer(
    layer: Layer, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any], tolerance: float
) -> list[LayerCheck]:
    inputs = [x for x in tree.flatten([args, kwargs]) if isinstance(x, Tensor) and x.data.dtype == "float64"]
    weights = [v for v in layer.weights if v.data.dtype == "float64"]
    trainable = [v for v in weights if v.trainable]
    counters = [(g, g.counter) for g in seed_generators(layer)]
    frozen = [(v, v.data.copy()) for v in weights if not v.trainable]

    def outputs() -> list[Tensor]:
        # Every evaluation uses the same masks and the same moving averages.
        for generator, counter in counters:
            generator.counter = counter
        for v, value in frozen:
            v.assign(value)
        results = [y for y in tree.flatten(call(*args, **kwargs)) if isinstance(y, Tensor)]
        layer._losses = []
        return [y for y in results if y.data.dtype == "float64"]

    rows = []
    names = [f"input {i}" if len(inputs) > 1 else "input" for i in range(len(inputs))] + [v.name for v in trainable]
    for name, x in zip(names, [*inputs, *trainable]):
        before = x.tracked
        x.tracked = True
        try:
            error, skipped, total = _error(x, outputs)
            if total and skipped == total:  # as for an input of zeros and a ReLU: beside them there is a gradient
                error, skipped, total = _error(x, outputs, aside=1e-3)
        finally:
            x.tracked = before
        row = LayerCheck(layer.name, type(layer).__name__, name, tuple(x.shape), error, error <= tolerance)
        rows.append(row._replace(skipped=skipped, outputs=total))
    return rows


def _error(x: Tensor, compute: Callable[[], list[Tensor]], aside: float = 0.0) -> tuple[float, int, int]:
    """The relative error of the gradient of a random combination of the outputs, along a random direction of ``x``.

    Also how many outputs were left out, and how many there are; NaN for the error when these are all.

    Args:
        compute: a function that computes the outputs.
        aside: how far from the value of ``x``.
    """
    base = x.data
    point = base + aside * random_direction(base, 0, "aside") if aside else base

    def outputs_at(shift: Array) -> list[Tensor]:
        x.data = point + shift
        with no_grad():
            return compute()

    try:
        x.data = point
        with recording() as tape:
            outputs = compute()
        direction = random_direction(base, 0, "input")
        weights = [random_direction(y.data, 0, f"output {n}") for n, y in enumerate(outputs)]
        weights, skipped = without_kinks(direction, outputs_at, weights)
        total = sum(w.size for w in weights)
        if skipped == total:
            return math.nan, skipped, total
        grad = base * 0
        for y, weight in zip(outputs, weights):
            if y.tracked:
                grad = grad + backward(tape, y, weight.copy()).get(id(x), 0)
        computed, expected, length, size = derivatives(grad, direction, outputs_at, weights)
    finally:
        x.data = base
    scale = max(abs(expected), abs(computed), length, 1e-9 * size)  # cancellation and rounding are no errors
    return (abs(computed - expected) / scale if scale else 0.0), skipped, total


@contextmanager
def _in_float64(model: Any) -> Iterator[None]:
    """Convert weights and layers of the model to float64 inside the block, and restore them bit for bit."""
    layers: list[Layer] = model._flatten_layers()
    variables: list[Variable] = [v for v in model.weights if v.data.dtype.kind == "f"]
    before = [(v, v.data) for v in variables]
    dtypes = [(layer, layer._dtype, layer._compute_dtype, layer._mixed_dtype) for layer in layers]
    counters = [(g, g.counter) for layer in layers for g in seed_generators(layer)]
    floatx = config.floatx()
    try:
        config.set_floatx("float64")
        for v in variables:
            v.data = v.data.astype("float64")
        for layer in layers:
            layer._dtype, layer._compute_dtype, layer._mixed_dtype = "float64", "float64", None
        with backends.device(model._backend().device):
            yield
    finally:
        config.set_floatx(floatx)
        for v, data in before:
            v.data = data
        for layer, dtype, compute, mixed in dtypes:
            layer._dtype, layer._compute_dtype, layer._mixed_dtype = dtype, compute, mixed
        for g, counter in counters:
            g.counter = counter
        model._clear_losses()
