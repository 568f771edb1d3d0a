"""Rows of the layer table as models, and programs run in this process."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet import KerasTensor, Model, tree
from dualnet.core.tensor import Tensor
from dualnet.export.numpy.export import as_program
from tests.layers.cases import B, Case
from tests.layers.harness import make, random_weights

DTYPES = {"F": "float32", "I": "int32", "B": "bool"}  # of the specifications of inputs


class OneLayer(Model):
    """A row of the layer table as a model: its inputs, their masks and the tensors of the call are its inputs."""

    def __init__(self, row: Case) -> None:
        super().__init__(name="model")
        self.row = row
        self.layer = make(row)

    def call(self, inputs: Any) -> Any:
        row = self.row
        values = iter(inputs if isinstance(inputs, (list, tuple)) else [inputs])
        tensors = [next(values) for _ in row.inputs]
        for x, mask in zip(tensors, row.masks):
            x._keras_mask = None if mask is None else next(values)
        call = {name: _filled(value, values) for name, value in row.call.items() if name != "training"}
        return self.layer(*row.arguments(tensors), **call)


def _filled(value: Any, tensors: Any) -> Any:
    if isinstance(value, list):
        return [_filled(v, tensors) for v in value]
    return next(tensors) if type(value).__name__ in DTYPES else value


def specifications(row: Case) -> list[Any]:
    """Those of all inputs of ``OneLayer``."""
    of_call = [value for name, value in row.call.items() if name != "training"]
    found = [v for value in of_call for v in (value if isinstance(value, list) else [value])]
    masks = [B(m.shape) for m in row.masks if m is not None]
    return [*row.inputs, *masks, *(s for s in found if type(s).__name__ in DTYPES)]


def signature(row: Case, has_batch: bool = True) -> list[KerasTensor]:
    """The inputs of ``OneLayer``, of any size of the batch where the first axis is one."""
    batch = row.inputs[0].shape[0]
    return [
        KerasTensor(
            (None, *s.shape[1:]) if has_batch and s.shape[0] == batch else s.shape,
            DTYPES[type(s).__name__],
        )
        for s in specifications(row)
    ]


def one_layer(row: Case) -> OneLayer:
    """The model of a row, built, with random weights."""
    model = OneLayer(row)
    with np.errstate(all="ignore"):
        model(unpacked([Tensor(np.zeros(s.shape, s.dtype)) for s in signature(row, has_batch=False)]), training=False)
    model.set_weights(random_weights(row, model.get_weights()))
    return model


def unpacked(inputs: list[Any]) -> Any:
    """What a model is called with: one input by itself, several as a list."""
    return inputs[0] if len(inputs) == 1 else inputs


def loaded(model: Any, input_signature: Any = None) -> dict[str, Any]:
    """The names of a model's program, run in this process."""
    text, weights = as_program(model, "model.py", input_signature)
    before, _, after = text.partition("W = dict(")
    names: dict[str, Any] = {"__name__": "program", "__file__": "program.py", "W": weights}
    exec(compile(before + after.partition("\n")[2], "program.py", "exec"), names)
    return {**names, "source": text}


def assert_equal(actual: Any, expected: Any) -> None:
    """The outputs of a program are those of the model to 1e-6 of the largest, in structure, shape and dtype."""
    assert tree.map_structure(lambda _: 0, actual) == tree.map_structure(lambda _: 0, expected)
    for a, b in zip(tree.flatten(actual), tree.flatten(expected)):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        if b.dtype.kind in "fc" and b.size:
            with np.errstate(all="ignore"):
                largest = np.max(np.abs(b), where=np.isfinite(b), initial=1)
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6 * largest)
        else:
            np.testing.assert_array_equal(a, b)


def invented(symbols: list[KerasTensor], batch: int, seed: int) -> list[Any]:
    """Arrays for inputs: ids of 0 and 1 where they are whole."""
    random = np.random.default_rng(seed)
    arrays = []
    for x in symbols:
        shape = tuple(batch if n is None else n for n in x.shape)
        kind = np.dtype(x.dtype).kind
        arrays.append((random.normal(size=shape) if kind == "f" else random.integers(0, 2, shape)).astype(x.dtype))
    return arrays
