"""Rows of the layer table as models, to export them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet import KerasTensor, Model
from tests.layers.cases import Case
from tests.layers.harness import make, random_weights


class OneLayer(Model):
    """A row of the layer table as a model: its inputs, their masks and the tensors of the call are its inputs."""

    def __init__(self, row: Case) -> None:
        super().__init__(name="model")
        self.row = row
        self.layer = make(row)

    def call(self, inputs: Any) -> Any:
        row = self.row
        values = iter(inputs)
        tensors = [next(values) for _ in row.inputs]
        for x, mask in zip(tensors, row.masks):
            x._keras_mask = None if mask is None else next(values)
        call = {name: _filled(value, values) for name, value in row.call.items() if name != "training"}
        return self.layer(*row.arguments(tensors), **call)


def _is_spec(value: Any) -> bool:
    return hasattr(value, "shape") and not isinstance(value, np.ndarray)


def _filled(value: Any, tensors: Any) -> Any:
    if isinstance(value, list):
        return [_filled(v, tensors) for v in value]
    return next(tensors) if _is_spec(value) else value


def specs_of(row: Case) -> list[Any]:
    """The specifications of all inputs of ``OneLayer``."""
    found = [*row.inputs, *(m for m in row.masks if m is not None)]
    for name, value in row.call.items():
        if name != "training":
            found += [v for v in (value if isinstance(value, list) else [value]) if _is_spec(v)]
    return found


def signature(row: Case, fixed: bool = False) -> list[KerasTensor]:
    """The inputs of ``OneLayer``, of any batch size where the first axis is one."""
    batch = row.inputs[0].shape[0]
    kinds = {"F": "float32", "I": "int32", "B": "bool"}
    return [
        KerasTensor(
            s.shape if fixed or s.shape[0] != batch else (None, *s.shape[1:]), kinds.get(type(s).__name__, "float32")
        )
        for s in specs_of(row)
    ]


def one_layer(row: Case) -> OneLayer:
    """The model of a row, built, with random weights."""
    from dualnet.core.tensor import Tensor

    model = OneLayer(row)
    model([Tensor(np.zeros(s.shape, s.dtype)) for s in signature(row, fixed=True)], training=False)
    model.set_weights(random_weights(row, model.get_weights()))
    return model
