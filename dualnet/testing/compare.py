"""One training step done twice, and what differs: on two devices, in two precisions, as captured and as written."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import dualnet_backends as backends
import numpy as np

from .. import tree
from ..capture.executors.base import Executor
from ..capture.executors.graph import GraphStep, Phases
from ..capture.replay import CapturedTrainStep
from ..core import seeds
from ..core.tensor import Array
from ..training.resume import seed_generators
from ..training.steps import StepMixin
from .differences import TOLERANCES, Comparison, differences, weight_differences
from .model import _in_float64
from .observed_step import LayerValues, observe
from .samples import random_data

LEAST = (
    6  # steps, so that some are replays: the first two are run as written, and a CUDA graph is recorded at the fourth
)


def compare_devices(
    model: Any,
    x: Any = None,
    y: Any = None,
    devices: Sequence[str] = ("cpu", "gpu"),
    steps: int = 3,
    batch_size: int = 32,
    tolerance: float | None = None,
) -> Comparison:
    """Do training steps of a compiled model on two devices, and compare all layers.

    Each step begins on the second device from the state that the first one had, and the update there gets the gradients of the first,
    so that a difference comes from where it is found. The model is afterwards what it was, where it was.

    A difference counts from ``tolerance`` on, relative to the scale of the layer: its largest output, its largest gradient (or a
    thousandth of the largest of all), the largest change of its weights (or a hundredth of the largest weight). By default it depends
    on the dtype: 1e-4 for float32. A value at a kink (a ReLU at 0) may have another gradient on each side without being wrong.

    Args:
        x, y: data as for ``fit``; by default random numbers. Batches are taken from their beginning, over and over.
        devices: two names as in ``dualnet.config.set_device``.

    Raises:
        DeviceNotFoundError: a device is not there.
        ValueError: the model is not compiled, or there is no data that fits it.
    """
    first, second = (backends.get(name).device for name in devices)
    home = model._backend().device
    result = Comparison(f"{first} and {second}", _tolerance(model, tolerance))
    _check(model, result, steps)
    with _unchanged(model):
        model.to(first)
        for step, batch in enumerate(_batches(model, x, y, steps, batch_size), 1):
            begin = _state(model)
            a = observe(model, batch())
            after = _state(model)
            model.to(second)
            _set_state(model, begin)
            b = observe(model, batch(), a.grads)
            result.add(*differences(step, a, b, result.tolerance))
            model.to(first)
            _set_state(model, after)
    assert model._backend().device == home
    return result


def compare_precision(
    model: Any, x: Any = None, y: Any = None, steps: int = 3, batch_size: int = 32, tolerance: float | None = None
) -> Comparison:
    """``compare_devices``, with float32 and float64 on one device in the place of two devices: how far rounding goes.

    Weights after the update are not compared: the state of the optimizer has the dtype of the weights.
    """
    result = Comparison("float32 and float64", _tolerance(model, tolerance))
    _check(model, result, steps)
    result.skipped.append("weights after the update: the state of an optimizer has one dtype")
    with _unchanged(model):
        for step, batch in enumerate(_batches(model, x, y, steps, batch_size), 1):
            begin = _state(model)
            a = observe(model, batch())
            after = _state(model)
            _set_state(model, begin)
            with _in_float64(model):
                b = observe(model, batch(), update=False)
            for values in b.layers:
                values.weights.clear()
            result.add(*differences(step, a, b, result.tolerance))
            _set_state(model, after)
    return result


def compare_captured(
    model: Any, x: Any = None, y: Any = None, steps: int = LEAST, batch_size: int = 32, tolerance: float = 0.0
) -> Comparison:
    """Do training steps as written and as ``fit`` does them, captured and replayed, and compare the weights after each.

    They are the same bits, unless ``tolerance`` allows for more. There are at least six steps, of which the last are replays.
    Outputs and gradients of layers inside a captured step are not seen.
    """
    result = Comparison(f"captured and eager on {model._backend().device}", tolerance)
    _check(model, result, steps)
    result.skipped.append("outputs and gradients of layers: they cannot be seen inside a captured step")
    steps = max(steps, LEAST)
    with _unchanged(model):
        begin = _state(model)
        eager = []
        for batch in _batches(model, x, y, steps, batch_size):
            model.train_step(batch())
            eager.append(_weights(model))
        _set_state(model, begin)
        captured = CapturedTrainStep(model)
        for step, (batch, expected) in enumerate(zip(_batches(model, x, y, steps, batch_size), eager), 1):
            captured(batch())
            result.add(*weight_differences(step, expected, _weights(model), tolerance))
        executors = [entry for entry in captured._entries.values() if isinstance(entry, Executor)]
        if not executors:
            result.skipped.append("replays: this step is not captured, it was run as written both times")
        for executor in executors:
            if isinstance(executor, GraphStep) and executor.phases < Phases.METRICS:
                done = executor.phases.name.lower() if executor.is_recorded else "nothing"
                result.skipped.append(
                    f"what is not in the CUDA graph: it ends with the phase {done}, the others run as written"
                )
    return result


def _check(model: Any, result: Comparison, steps: int) -> None:
    if not getattr(model, "compiled", False) or model.optimizer is None:
        raise ValueError("the model has no optimizer and loss: call compile(optimizer=..., loss=...) first")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps must be a positive whole number, got {steps!r}")
    if type(model).train_step is not StepMixin.train_step:
        result.skipped.append(f"train_step of {type(model).__name__}: the steps are those of dualnet")


def _tolerance(model: Any, tolerance: float | None) -> float:
    dtypes = {layer.compute_dtype for layer in model._flatten_layers() if layer._own_variables()}
    return tolerance if tolerance is not None else max((TOLERANCES.get(d, 0.0) for d in dtypes), default=1e-4)


def _batches(model: Any, x: Any, y: Any, steps: int, batch_size: int) -> Iterator[Callable[[], Any]]:
    """For each step a function that gives its batch, on the device where the model is then."""
    if x is None:
        x, y = random_data(model, batch_size)
    home = model._backend()
    data = model._make_data(x, y, batch_size=batch_size)
    batches: list[Any] = []
    for parts in data.batches():
        if len(batches) == steps:
            break
        batches.append(parts[:3])
    if not batches:
        raise ValueError("there is no batch to compare on: the data is empty")
    host = [tree.map_structure(lambda t: None if t is None else home.to_numpy(t.data), part) for part in batches]
    for part in itertools.islice(itertools.cycle(host), steps):
        yield functools.partial(model._one_batch, *part)


class _State(NamedTuple):
    """All that a step changes: the values of variables, by the identity that they keep, and how far each random stream is. The
    optimizer makes its own anew on another device."""

    values: dict[int, Array]
    slots: list[Array]
    counters: list[int]
    pair: list[int]


def _state(model: Any) -> _State:
    variables = (*model.variables, *model._state_variables(), *model.metrics_variables)
    counters = [generator.counter for generator in seed_generators(model)]
    slots = [v.numpy() for v in model.optimizer.variables]
    return _State({id(v): v.numpy() for v in variables}, slots, counters, seeds.get_state()["pair"])


def _set_state(model: Any, state: _State) -> None:
    for v in (*model.variables, *model._state_variables(), *model.metrics_variables):
        if id(v) in state.values:
            v.assign(state.values[id(v)])
    for metric in model.metrics:
        if not any(id(v) in state.values for v in getattr(metric, "variables", ())):  # made since
            metric.reset_state()
    for v, value in zip(model.optimizer.variables, state.slots, strict=True):
        v.assign(value)
    for generator, counter in zip(seed_generators(model), state.counters, strict=True):
        generator.counter = counter
    seeds.restore_pair(state.pair)


def _weights(model: Any) -> list[LayerValues]:
    """The weights of each layer that has some, as NumPy arrays."""
    result = []
    for i, layer in enumerate(model._flatten_layers()):
        own = {v.name: v.numpy() for v in layer._own_variables()}
        if own:
            result.append(LayerValues(layer.name, type(layer).__name__, i, weights=own))
    return result


@contextmanager
def _unchanged(model: Any) -> Iterator[None]:
    """Bring the model back to where it is now, with the state that it has now."""
    model.optimizer.ensure_built(model.trainable_variables)
    home, state = model._backend().device, _state(model)
    has_loss, captured = model._has_loss, model._captured_steps
    try:
        with backends.device(home), np.errstate(all="ignore"):  # what is not finite is found by comparing
            yield
    finally:
        model.to(home)
        _set_state(model, state)
        model._has_loss, model._captured_steps = has_loss, captured
        model._clear_losses()
