"""Every network of the zoo: its parameters and structure are those of Keras's, and the arguments do what they say."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import applications, layers

from .network import Network, compare, facts, structure, zeros_for_random_numbers
from .table import FACTS, ROWS

KNOWN = json.loads(FACTS.read_text(encoding="utf-8"))
every_row = pytest.mark.parametrize("row", ROWS, ids=str)
one_of_each = pytest.mark.parametrize("row", [row for row in ROWS if row.compared], ids=str)


@pytest.fixture(autouse=True)
def no_random_numbers() -> Any:
    with zeros_for_random_numbers(dualnet):
        yield


def test_all_are_in_the_table() -> None:
    networks = {name for name in applications.__all__ if not name.islower()}
    assert networks == {row.title for row in ROWS} == set(KNOWN)


@every_row
def test_the_structure_is_that_of_keras(row: Network) -> None:
    """If this fails, ``test_layers_and_weights_of_keras`` shows where, with Keras installed."""
    assert facts(row, dualnet) == KNOWN[row.title]


@every_row
def test_modules_and_names(row: Network) -> None:
    module = importlib.import_module(f"dualnet.applications.{row.module}")
    function = row.of(dualnet)
    assert getattr(module, row.title) is function
    assert function.__name__ == function.__qualname__ == row.title
    assert "include_top" in function.__doc__
    images = np.random.default_rng(0).uniform(0, 255, (1, 4, 4, 3)).astype("float32")
    expected = images if row.mode is None else applications.imagenet_utils.preprocess_input(images, mode=row.mode)
    np.testing.assert_array_equal(module.preprocess_input(images), expected)


@one_of_each
def test_without_the_top(row: Network) -> None:
    make = row.of(dualnet)
    model = make(weights=None, include_top=False)
    assert model.input_shape == (None, None, None, 3)
    assert model.output_shape == (None, None, None, row.features)
    shape = (row.size, row.size + 7, 1)
    model = make(weights=None, include_top=False, input_shape=shape, pooling="max", name="features")
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, row.features)
    assert model.name == "features"


@one_of_each
def test_an_input_tensor(row: Network) -> None:
    """The model begins where the tensor comes from."""
    gray = layers.Input((row.size, row.size, 1))
    color = layers.Concatenate()([gray, gray, gray])
    model = row.of(dualnet)(weights=None, include_top=False, input_tensor=color, pooling="avg")
    assert model.inputs[0] is gray
    assert model.output_shape == (None, row.features)


@one_of_each
def test_a_saved_network_is_loaded(row: Network, tmp_path: Path) -> None:
    model = row.small(dualnet)
    model.save(tmp_path / "model.keras")
    again = dualnet.models.load_model(tmp_path / "model.keras")
    assert structure(again) == structure(model)


@one_of_each
def test_small_images_are_refused(row: Network) -> None:
    small = (row.smallest - 1, row.smallest, 3)
    with pytest.raises(ValueError, match=rf"at least {row.smallest} x {row.smallest} pixels.*resize"):
        row.of(dualnet)(weights=None, include_top=False, input_shape=small)
    assert row.of(dualnet)(weights=None, include_top=False, input_shape=(row.smallest, row.smallest, 3)).built


@one_of_each
def test_channels_first(row: Network) -> None:
    if not row.channels_first:
        pytest.skip("channels last only, in Keras too")
    dualnet.config.set_image_data_format("channels_first")
    try:
        model = row.of(dualnet)(weights=None, include_top=False, input_shape=(3, row.size, row.size))
        assert model.output_shape[1] == row.features
    finally:
        dualnet.config.set_image_data_format("channels_last")


# -- with Keras ----------------------------------------------------------------------------------------------------


@one_of_each
def test_layers_and_weights_of_keras(row: Network, keras: Any) -> None:
    with zeros_for_random_numbers(keras):
        assert structure(row.small(dualnet)) == structure(row.small(keras))
        features = {"include_top": False, "pooling": "avg"}
        assert structure(row.small(dualnet, **features)) == structure(row.small(keras, **features))


@one_of_each
def test_outputs_and_files_of_keras(row: Network, keras: Any, tmp_path: Path) -> None:
    compare(row, keras, tmp_path)
    keras.backend.clear_session()
