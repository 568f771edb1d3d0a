"""Every layer: it has a row, its arguments survive its config, its shapes are known beforehand, it leaves the device alone."""

from __future__ import annotations

import inspect
import json
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

from dualnet import Input, layers, tree
from dualnet.core.autodiff import backward
from dualnet.core.tracing import recording
from dualnet.layers import Layer
from dualnet.serialization.objects import deserialize_keras_object, serialize_keras_object
from tests.backends import strict

from .cases import Case
from .harness import make, random_weights, run, tensors
from .table import ROWS

every_row = pytest.mark.parametrize("row", ROWS, ids=str)

# Layers that are no function of a tensor, with the test that holds them instead.
ELSEWHERE: dict[str, str] = {
    "InputLayer": "tests/models",
    "Layer": "tests/layers",
    "Wrapper": "TimeDistributed has rows",
    **dict.fromkeys(
        ("StringLookup", "TextVectorization", "Hashing", "HashedCrossing"), "text: tests/layers/test_text.py"
    ),
    "IntegerLookup": "has a vocabulary before it can be called: tests/layers/test_text.py",
}


def classes() -> dict[str, type[Layer]]:
    members = {name: getattr(layers, name) for name in layers.__all__}
    return {name: m for name, m in members.items() if inspect.isclass(m) and issubclass(m, Layer)}


def test_every_layer_has_a_row() -> None:
    rows = {getattr(layers, row.layer) for row in ROWS}
    missing = sorted(name for name, cls in classes().items() if cls not in rows and name not in ELSEWHERE)
    assert not missing, f"no row in tests/layers/rows_*.py for {', '.join(missing)}"


@every_row
def test_config(row: Case) -> None:
    """Through JSON and back: the same config, the same weights, the same result."""
    layer = make(row)
    text = json.dumps(serialize_keras_object(layer))
    again = deserialize_keras_object(json.loads(text))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    for a, b in zip(run(row, again).outputs, run(row, layer).outputs):
        np.testing.assert_array_equal(a, b)


@every_row
def test_config_has_every_argument(row: Case) -> None:
    config = make(row).get_config()
    taken = [p for p in inspect.signature(getattr(layers, row.layer).__init__).parameters.values() if p.name != "self"]
    names = {p.name for p in taken if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    names -= {"lora_rank", "lora_alpha"}  # there when they are given: test_lora.py
    assert names <= set(config), f"get_config lacks {names - set(config)}"


@every_row
def test_shapes_are_known_beforehand(row: Case) -> None:
    """On symbolic tensors, and by ``compute_output_shape``, with open and with fixed batches."""
    inputs, call = tensors(row)
    real = [tuple(y.shape) for y in tree.flatten(make(row)(*row.arguments(inputs), **call))]
    for batch in (None, inputs[0].shape[0]):
        symbols = [Input(shape=x.shape[1:], batch_size=batch, dtype=str(x.dtype)) for x in inputs]
        if not call or set(call) == {"training"}:
            outputs = tree.flatten(make(row)(*row.arguments(symbols), **call))
            assert [agree(y.shape, shape) for y, shape in zip(outputs, real, strict=True)] == [True] * len(real)
        layer = make(row)
        layer(*row.arguments(inputs), **call)
        shapes = layer.compute_output_shape(*row.arguments([x.shape for x in symbols]))
        if row.call.get("return_attention_scores"):  # which compute_output_shape does not know of
            real = real[:1]
        shape_list: list[Any] = []
        tree.map_shape_structure(shape_list.append, shapes)
        assert [agree(a, b) for a, b in zip(shape_list, real, strict=True)] == [True] * len(real), (shapes, real)
        assert all(isinstance(shape, tuple) for shape in shape_list)


def agree(symbolic: Any, real: tuple[int, ...]) -> bool:
    return len(symbolic) == len(real) and all(a in (None, b) for a, b in zip(symbolic, real))


@pytest.mark.parametrize("row", [row for row in ROWS if not row.strict], ids=str)
def test_no_transfer_in_a_step(row: Case) -> None:
    """Built, the layer runs forward and backward with transfers forbidden, and gives what it gives on the CPU."""
    expected = run(row)
    with backends.device("strict:0") as backend:
        inputs, call = tensors(row)
        layer = make(row)
        layer(*row.arguments(inputs), **call)
        layer.set_weights(random_weights(row, layer.get_weights()))
        for x in inputs:
            x.tracked = x.data.dtype.kind == "f"
        with strict.step(), recording() as tape:
            outputs = tree.flatten(layer(*row.arguments(inputs), **call))
            for y in outputs:
                if y.tracked:
                    backward(tape, y)
        for y, value in zip(outputs, expected.outputs, strict=True):
            np.testing.assert_allclose(backend.to_numpy(y.data), value, rtol=1e-5, atol=1e-6)
