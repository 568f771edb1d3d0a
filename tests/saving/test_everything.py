"""Every layer, op, loss and metric in a model that is saved and loaded, in every format: the same configs, the same numbers.

The tables are those of tests/layers, tests/ops, tests/losses and tests/metrics; optimizers are in tests/optimizers/test_files.py, with
the steps that follow. The model of a layer has a call of it for each of its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers, losses, metrics, models, tree
from tests.layers.cases import Case, drawn
from tests.layers.harness import make, random_weights
from tests.layers.table import ROWS as LAYER_ROWS
from tests.losses.cases import ROWS as LOSS_ROWS
from tests.metrics.cases import ROWS as METRIC_ROWS
from tests.ops.test_identity import cases, expect_same

# Keras does not read the layers inside it from a file.
NOT_WITH_KERAS = {"Pipeline"}

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of shape inference on zeros


def by_file(model: Any, suffix: str, tmp_path: Path) -> Any:
    model.save(tmp_path / f"m{suffix}")
    return models.load_model(tmp_path / f"m{suffix}")


def by_weights_file(model: Any, again: Any, tmp_path: Path) -> Any:
    model.save_weights(tmp_path / "m.weights.h5")
    again.load_weights(tmp_path / "m.weights.h5")
    return again


WAYS: dict[str, Callable[[Any, Path], Any]] = {
    ".keras": lambda model, path: by_file(model, ".keras", path),
    ".h5": lambda model, path: by_file(model, ".h5", path),
    "json": lambda model, path: by_weights_file(model, models.model_from_json(model.to_json()), path),
    "config": lambda model, path: by_weights_file(model, type(model).from_config(model.get_config()), path),
    "clone": lambda model, path: by_weights_file(model, models.clone_model(model), path),
}
every_way = pytest.mark.parametrize("way", WAYS)


class Calls:
    """A model with a call of a layer for each row, with weights of its own, and the arrays it is called on."""

    def __init__(self, rows: list[Case]) -> None:
        self.arrays: list[Any] = []
        inputs: list[Any] = []

        def symbolic(x: Any) -> Any:
            if isinstance(x, list):
                return [symbolic(v) for v in x]
            if not isinstance(x, np.ndarray):
                return x
            self.arrays.append(x)
            inputs.append(Input(batch_shape=x.shape, dtype=str(x.dtype)))
            return inputs[-1]

        outputs = []
        for row in rows:
            layer = make(row)
            arguments = [symbolic(x) for x in drawn(row, row.inputs, "inputs")]
            call = dict(zip(row.call, map(symbolic, drawn(row, tuple(row.call.values()), "call"))))
            outputs += tree.flatten(layer(*row.arguments(arguments), **call))
            layer.set_weights(random_weights(row, layer.get_weights()))
        self.model = Model(inputs, outputs)
        self.expected = self.outputs(self.model)  # of the first call: random layers go on

    def outputs(self, model: Any) -> list[Any]:
        return [np.asarray(y) for y in tree.flatten(model(self.arrays))]


@cache
def layer_model(name: str) -> Calls:
    dualnet.utils.set_random_seed(1)
    return Calls([row for row in LAYER_ROWS if row.layer == name])


@every_way
@pytest.mark.parametrize("name", sorted({row.layer for row in LAYER_ROWS}))
def test_layers(name: str, way: str, tmp_path: Path) -> None:
    calls = layer_model(name)
    again = WAYS[way](calls.model, tmp_path)
    assert len(again.weights) == len(calls.model.weights)
    for got, expected in zip(calls.outputs(again), calls.expected, strict=True):
        np.testing.assert_array_equal(got, expected)


# The first call of each op with arrays; the others, and ops of functions, are in tests/ops/test_identity.py.
OP_CASES = list({case.values[0].name: case.values[0] for case in reversed(cases(every=True))}.values())
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_ops(part: int, tmp_path: Path) -> None:
    chosen = OP_CASES[part::PARTS]
    calls = [case.call(case.op, Input) for case in chosen]
    model = Model([x for inputs, _ in calls for x in inputs], [y for _, outputs in calls for y in outputs])
    arrays = [x for case in chosen for x in case.arrays()]
    for suffix in (".keras", ".h5"):
        expect_same(by_file(model, suffix, tmp_path)(arrays), model(arrays))


def compiled(**arguments: Any) -> Any:
    model = Sequential([Input((3,)), layers.Dense(3, "softmax")])
    model.compile("sgd", **arguments)
    return model


def expect_same_compile(model: Any, tmp_path: Path) -> None:
    for suffix in (".keras", ".h5"):
        again = by_file(model, suffix, tmp_path)
        assert again.get_compile_config() == model.get_compile_config()


@pytest.mark.parametrize("row", LOSS_ROWS, ids=str)
def test_losses(row: Any, tmp_path: Path) -> None:
    expect_same_compile(compiled(loss=getattr(losses, row.name)(**row.kwargs)), tmp_path)


def test_metrics(tmp_path: Path) -> None:
    members = [getattr(metrics, row.name)(**row.kwargs) for row in METRIC_ROWS]
    expect_same_compile(compiled(loss="mean_squared_error", metrics=members), tmp_path)
    expect_same_compile(compiled(loss="mean_squared_error", weighted_metrics=members), tmp_path)


def test_networks(tmp_path: Path) -> None:
    model = dualnet.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=3)
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    for way in WAYS.values():
        np.testing.assert_array_equal(np.asarray(way(model, tmp_path)(x)), np.asarray(model(x)))


# -- Keras reads the files -----------------------------------------------------------------------------------------


def families() -> list[Any]:
    names = sorted({row.layer for row in LAYER_ROWS if not row.keras} - NOT_WITH_KERAS)
    return [pytest.param(names[start : start + 12], id=f"{names[start]}-") for start in range(0, len(names), 12)]


@pytest.mark.parametrize("names", families())
def test_keras_reads_layers(names: list[str], keras: Any, tmp_path: Path) -> None:
    """With the same weights and shapes; the numbers are compared in tests/layers/test_keras_parity.py."""
    dualnet.utils.set_random_seed(1)
    first = {row.layer: row for row in reversed(LAYER_ROWS) if not row.keras}
    model = Calls([first[name] for name in names]).model
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    assert [tuple(y.shape) for y in theirs.outputs] == [tuple(y.shape) for y in model.outputs]
    for layer in model.layers:
        for got, expected in zip(theirs.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(got, expected)
