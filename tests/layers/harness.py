"""Run a row of the layer table: the layer on a device, its outputs, and the gradients of its inputs and weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import dualnet_backends as backends
import numpy as np

from dualnet import layers, tree
from dualnet.core.autodiff import backward
from dualnet.core.tensor import Tensor
from dualnet.core.tracing import recording

from .cases import Case, drawn, made


class Result(NamedTuple):
    """All as NumPy arrays. gradients: of the floating point inputs, then of the trainable weights."""

    outputs: list[Any]
    gradients: list[Any]
    weights: list[Any]
    masks: list[Any]


def make(row: Case, module: Any = layers) -> Any:
    return getattr(module, row.layer)(**{k: made(v, module) for k, v in row.kwargs.items()})


def tensors(row: Case) -> tuple[list[Tensor], dict[str, Any]]:
    """The inputs, with their masks, and the keywords of the call, on the current device."""
    backend = backends.current()

    def tensor(x: Any) -> Tensor:
        return Tensor(backend.asarray(x))

    inputs = [tensor(x) for x in drawn(row, row.inputs, "inputs")]
    masks = drawn(row, row.masks, "masks")
    for x, mask in zip(inputs, masks):
        if mask is not None:
            x._keras_mask = tensor(mask)
    call = dict(zip(row.call, drawn(row, tuple(row.call.values()), "call")))
    return inputs, tree.map_structure(lambda v: tensor(v) if isinstance(v, np.ndarray) else v, call)


def random_weights(row: Case, weights: list[Any]) -> list[Any]:
    """New values for floating point weights, positive since some are variances; others stay."""
    random = np.random.default_rng(len(str(row)))
    drawn = [random.uniform(0.3, 1.2, w.shape).astype("float32") for w in weights]
    return [d if w.dtype.kind == "f" else w for d, w in zip(drawn, weights)]


def seeds(outputs: list[Any]) -> list[Any]:
    """The gradient given to each output: fixed numbers of both signs."""
    return [np.cos(np.arange(y.size) + n).reshape(y.shape).astype(str(y.dtype)) for n, y in enumerate(outputs)]


def run(row: Case, layer: Any = None) -> Result:
    """The layer built by a first call, with random weights, then called under a tape."""
    inputs, call = tensors(row)
    if layer is None:
        layer = make(row)
    layer(*row.arguments(inputs), **call)
    layer.set_weights(random_weights(row, layer.get_weights()))
    for x in inputs:
        x.tracked = x.data.dtype.kind == "f"
    with recording() as tape:
        value = layer(*row.arguments(inputs), **call)
    outputs = tree.flatten(value)
    host = [y.numpy() for y in outputs]
    gradients: list[Any] = []
    if not row.gradient:
        backend = backends.current()
        totals: dict[int, Any] = {}
        for y, dy in zip(outputs, seeds(host)):
            for i, g in backward(tape, y, backend.asarray(dy)).items():
                totals[i] = totals[i] + g if i in totals else g
        for x in [x for x in inputs if x.tracked] + layer.trainable_weights:
            gradients.append(backend.to_numpy(totals[id(x)]) if id(x) in totals else np.zeros(x.shape, "float32"))
    masks = [None if y._keras_mask is None else y._keras_mask.numpy() for y in outputs]
    return Result(host, gradients, layer.get_weights(), masks)
