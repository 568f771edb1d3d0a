"""What only some networks have: widths, images they were trained on, preprocessing, and the layers of ConvNeXt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import applications, layers
from dualnet.applications import efficientnet, mobilenet, mobilenet_v2, mobilenet_v3
from dualnet.applications.architecture import Architecture
from dualnet.applications.convnext_layers import LayerScale, StochasticDepth
from dualnet.applications.mobile_blocks import divisible, nearest, pad_to_halve

from .network import structure, zeros_for_random_numbers

# Arguments that change a network, and its parameters as Keras counts them.
VARIANTS: list[tuple[str, dict[str, Any], int]] = [
    ("MobileNet", {"alpha": 0.5, "depth_multiplier": 2}, 2_159_672),
    ("MobileNetV2", {"alpha": 1.4}, 6_156_712),
    ("MobileNetV2", {"alpha": 0.35, "include_top": False, "input_shape": (97, 123, 3)}, 410_208),
    ("MobileNetV3Small", {"minimalistic": True}, 2_056_848),
    ("MobileNetV3Large", {"minimalistic": True, "include_top": False, "pooling": "max"}, 1_437_608),
    ("MobileNetV3Large", {"alpha": 0.75, "include_preprocessing": False, "dropout_rate": 0}, 4_012_616),
    ("MobileNetV3Small", {"alpha": 1.25}, 3_660_640),
    ("EfficientNetV2B0", {"include_preprocessing": False, "include_top": False}, 5_919_312),
    ("EfficientNetV2B0", {"input_shape": (64, 64, 1)}, 7_199_736),
    ("ConvNeXtTiny", {"include_preprocessing": False, "include_top": False, "pooling": "avg"}, 27_820_128),
]


def build(library: Any, network: str, **arguments: Any) -> Any:
    with zeros_for_random_numbers(library):
        return getattr(library.applications, network)(weights=None, **arguments)


@pytest.mark.parametrize(("name", "arguments", "parameters"), VARIANTS)
def test_variants(name: str, arguments: dict[str, Any], parameters: int) -> None:
    assert build(dualnet, name, **arguments).count_params() == parameters


@pytest.mark.parametrize(("name", "arguments"), [row[:2] for row in VARIANTS])
def test_variants_of_keras(name: str, arguments: dict[str, Any], keras: Any) -> None:
    model, expected = build(dualnet, name, **arguments), build(keras, name, **arguments)
    assert structure(model) == structure(expected)
    if "MobileNetV3" not in name:  # whose default name has no variant in it
        assert model.name == expected.name


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "mobilenet_1.00_224"),
        ({"alpha": 0.25, "input_shape": (128, 128, 3)}, "mobilenet_0.25_128"),
        ({"include_top": False}, "mobilenet_1.00_None"),
        ({"include_top": False, "input_shape": (40, 50, 3)}, "mobilenet_1.00_40"),
        ({"name": "mine"}, "mine"),
    ],
)
def test_names(arguments: dict[str, Any], name: str) -> None:
    assert build(dualnet, "MobileNet", **arguments).name == name
    v2 = re.sub("mobilenet", "mobilenetv2", name)
    assert build(dualnet, "MobileNetV2", **arguments).name == v2


# -- published weights ---------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The files and sizes of the architectures that were built, instead of the models."""
    seen: list[Any] = []
    monkeypatch.setattr(Architecture, "build", lambda self, *_: seen.append((self.name, self.size, self.files)))
    return seen


@pytest.mark.parametrize(
    ("network", "arguments", "file", "size"),
    [
        (mobilenet.MobileNet, {}, "mobilenet_1_0_224_tf.h5", 224),
        (mobilenet.MobileNet, {"alpha": 0.75, "input_shape": (160, 160, 3)}, "mobilenet_7_5_160_tf.h5", 160),
        (mobilenet.MobileNet, {"input_shape": (160, 128, 3)}, "mobilenet_1_0_224_tf.h5", 224),
        (mobilenet_v2.MobileNetV2, {"alpha": 1}, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5", 224),
        (
            mobilenet_v2.MobileNetV2,
            {"input_tensor": layers.Input((96, 96, 3))},
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96.h5",
            96,
        ),
        (mobilenet_v3.MobileNetV3Small, {}, "weights_mobilenet_v3_small_224_1.0_float.h5", 224),
        (
            mobilenet_v3.MobileNetV3Large,
            {"minimalistic": True},
            "weights_mobilenet_v3_large_minimalistic_224_1.0_float.h5",
            224,
        ),
        (efficientnet.EfficientNetB3, {"name": "mine"}, "efficientnetb3.h5", 300),
    ],
)
def test_published_files(asked: list[Any], network: Any, arguments: dict[str, Any], file: str, size: int) -> None:
    network(**arguments)
    ((_, side, files),) = asked
    assert (files.with_top, side) == (file, size)
    assert re.search("no_?top", files.without_top)
    assert files.folder.startswith("https://storage.googleapis.com/")


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        (
            mobilenet.MobileNet,
            {"alpha": 0.3},
            r"alpha in \[0.25, 0.5, 0.75, 1.0\], got depth_multiplier=1 and alpha=0.3",
        ),
        (mobilenet.MobileNet, {"depth_multiplier": 2}, "got depth_multiplier=2 and alpha=1.0"),
        (mobilenet_v2.MobileNetV2, {"alpha": 0.3}, "got alpha=0.3: take one of those, or pass weights=None"),
        (mobilenet_v3.MobileNetV3Small, {"alpha": 0.75, "minimalistic": True}, "got alpha=0.75 and minimalistic=True"),
        (mobilenet_v3.MobileNetV3Large, {"alpha": 0.5}, "for alpha=1.0, and for alpha=0.75 unless minimalistic"),
    ],
)
def test_what_has_no_published_weights(network: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(**arguments)


@pytest.mark.parametrize("network", [mobilenet_v2.MobileNetV2, mobilenet_v3.MobileNetV3Small])
def test_a_tensor_of_another_shape(network: Any) -> None:
    with pytest.raises(ValueError, match=r"shape \(None, 64, 64, 3\), which does not fit input_shape=\(64, 96, 3\)"):
        network(weights=None, input_shape=(64, 96, 3), input_tensor=layers.Input((64, 64, 3)))


def test_trained_efficientnets_scale_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published weights expect pixels that are divided by the variance of each channel."""
    monkeypatch.setattr("dualnet.applications.architecture.load", lambda *_: None)
    with zeros_for_random_numbers(dualnet):
        model = applications.EfficientNetB0()
    scale = model.layers[3]
    assert isinstance(scale, layers.Rescaling)
    np.testing.assert_allclose(scale.scale, np.array([0.229, 0.224, 0.225]) ** -0.5)
    assert structure(model)[4:] == structure(build(dualnet, "EfficientNetB0"))[3:]


def test_any_size_with_the_top() -> None:
    model = build(dualnet, "MobileNetV3Small", classes=5)
    assert model.input_shape == (None, None, None, 3)
    assert model.predict(np.zeros((1, 40, 56, 3)), verbose=0).shape == (1, 5)


# -- parts ---------------------------------------------------------------------------------------------------------


def test_widths() -> None:
    assert [divisible(n) for n in (1, 11, 12, 19.2, 22.4, 44.8)] == [8, 16, 16, 24, 24, 48]
    assert [nearest(n) for n in (1, 11, 12, 19.2, 22.4, 44.8)] == [8, 8, 16, 16, 24, 48]


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [7, 8])
def test_padding_before_halving_is_that_of_a_stride_with_padding(kernel: int, size: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, size, size + 1, 4)).astype("float32")
    images = layers.Input(x.shape[1:])
    options = {"depthwise_initializer": "ones", "strides": 2}
    halved = layers.DepthwiseConv2D(kernel, **options)(pad_to_halve(images, kernel, "pad"))
    same = layers.DepthwiseConv2D(kernel, padding="same", **options)(images)
    first, second = dualnet.Model(images, [halved, same]).predict(x, verbose=0)
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-5)


def test_convnext_refuses_channels_first() -> None:
    dualnet.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match=r"set_image_data_format\('channels_last'\)"):
            applications.ConvNeXtTiny(weights=None)
    finally:
        dualnet.config.set_image_data_format("channels_last")


def test_layer_scale() -> None:
    layer = LayerScale(0.5, 3)
    np.testing.assert_array_equal(layer(np.ones((2, 4, 3), "float32")), np.full((2, 4, 3), 0.5))
    assert layer.gamma.trainable


def test_stochastic_depth_drops_whole_samples() -> None:
    layer = StochasticDepth(0.25)
    x = np.ones((4000, 2, 3), "float32")
    np.testing.assert_array_equal(layer(x), x)
    y = np.asarray(layer(x, training=True)).reshape(len(x), -1)
    np.testing.assert_allclose(y, np.repeat(y[:, :1], 6, axis=1))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.75], rtol=1e-6)
    assert abs(y.mean() - 1) < 0.03


def test_layers_of_convnext_in_files_of_keras(keras: Any, tmp_path: Path) -> None:
    from keras.src.applications import convnext

    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    for a, b in ((keras, dualnet), (dualnet, keras)):
        scale, depth = (convnext.LayerScale, convnext.StochasticDepth) if a is keras else (LayerScale, StochasticDepth)
        model = a.Sequential([a.Input((4,)), scale(0.5, 4, name="scale"), depth(0.2, name="depth")])
        model.save(tmp_path / "model.keras")
        again = b.saving.load_model(tmp_path / "model.keras")
        assert [type(layer).__name__ for layer in again.layers] == ["LayerScale", "StochasticDepth"]
        assert again.layers[1].drop_path_rate == 0.2
        np.testing.assert_allclose(np.asarray(again(x)), x / 2, rtol=1e-6)
