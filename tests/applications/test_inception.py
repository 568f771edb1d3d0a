"""What is peculiar to the Inception family: its notation of branches, the scaled sum, and sizes that NASNet depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import applications, layers
from dualnet.applications import branches
from dualnet.applications.inception_layers import CustomScaleLayer


def test_the_notation_of_branches() -> None:
    x = layers.Input((16, 16, 8))
    y = branches.branch(x, "1x1 4, 1x7 6, 3x3 5 /2 V, avg, max")
    steps = [layer for layer in dualnet.Model(x, y).layers if isinstance(layer, layers.Conv2D)]
    assert [(s.filters, s.kernel_size, s.strides, s.padding) for s in steps] == [
        (4, (1, 1), (1, 1), "same"),
        (6, (1, 7), (1, 1), "same"),
        (5, (3, 3), (2, 2), "valid"),
    ]
    assert y.shape == (None, 3, 3, 5)  # 16, 7 (valid, stride 2), 7 (avg), 3 (max)
    joined = branches.module(x, ["1x1 4", "3x3 6, 3x3 5", "avg"], "joined")
    assert joined.shape == (None, 16, 16, 4 + 5 + 8)


def scaled_sum(library: Any, layer: Any) -> Any:
    x, residual = library.Input((3,)), library.Input((3,))
    return library.Model([x, residual], layer([x, residual]))


def test_the_scaled_sum(tmp_path: Path) -> None:
    x, residual = np.ones((2, 3), "float32"), np.full((2, 3), 2, "float32")
    model = scaled_sum(dualnet, CustomScaleLayer(0.25, name="sum"))
    model.save(tmp_path / "model.keras")
    for m in (model, dualnet.models.load_model(tmp_path / "model.keras")):
        np.testing.assert_array_equal(m.predict([x, residual], verbose=0), np.full((2, 3), 1.5))
        assert m.get_layer("sum").scale == 0.25
    assert CustomScaleLayer(0.1).name == "custom_scale_layer"
    with pytest.raises(ValueError, match=r"two tensors.*got 3"):
        CustomScaleLayer(0.1)([x, x, x])
    with pytest.raises(ValueError, match=r"one shape"):
        CustomScaleLayer(0.1)([x, x[:, :2]])


def test_files_with_a_scaled_sum_go_both_ways(keras: Any, tmp_path: Path) -> None:
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer as Theirs

    inputs = list(np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32"))
    theirs = scaled_sum(keras, Theirs(0.17))
    theirs.save(tmp_path / "theirs.keras")
    expected = theirs.predict(inputs, verbose=0)
    ours = dualnet.models.load_model(tmp_path / "theirs.keras")
    assert type(ours.layers[-1]) is CustomScaleLayer
    np.testing.assert_allclose(ours.predict(inputs, verbose=0), expected, rtol=1e-6)
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    assert type(again.layers[-1]) is Theirs
    np.testing.assert_allclose(again.predict(inputs, verbose=0), expected, rtol=1e-6)


def test_nasnet_mobile_without_the_top_is_for_images_of_224() -> None:
    """As in Keras: its cells compare sizes, so they are fixed unless asked otherwise."""
    model = applications.NASNetMobile(weights=None, include_top=False)
    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, 7, 7, 1056)
