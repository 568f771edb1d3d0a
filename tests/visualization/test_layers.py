"""Plots of filters, feature maps, gradients by depth and embeddings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualnet
from dualnet import layers, ops, visualization
from dualnet.visualization.embedding_plot import principal_components
from tests.utils.pictures import ink_share

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'dualnet[plot]'")
RNG = np.random.default_rng(0)


def pictures(figure: Any) -> list[Any]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def model_of(shape: tuple[int, ...], *parts: Any) -> Any:
    dualnet.utils.set_random_seed(0)
    return dualnet.Sequential([dualnet.Input(shape), *parts])


# -- filters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "layer", "count", "first"),
    [
        ((8, 8, 1), layers.Conv2D(6, 3), 6, lambda k: k[:, :, 0, 0]),
        ((8, 8, 2), layers.Conv2D(4, 3), 8, lambda k: k[:, :, 0, 0]),
        ((8, 8, 1), layers.Conv2DTranspose(4, 3), 4, lambda k: k[:, :, 0, 0]),
        ((8, 8, 3), layers.DepthwiseConv2D(3, depth_multiplier=2), 6, lambda k: k[:, :, 0, 0]),
        ((9, 4), layers.Conv1D(5, 3), 5, lambda k: k[:, :, 0].T),
        ((16,), layers.Dense(3), 3, lambda k: k[:, 0].reshape(4, 4)),
    ],
)
def test_filters(shape: tuple[int, ...], layer: Any, count: int, first: Any) -> None:
    model = model_of(shape, type(layer).from_config(layer.get_config()))
    drawn = pictures(visualization.plot_filters(model))
    assert len(drawn) == count
    assert_allclose(drawn[0], first(model.layers[-1].kernel.numpy()))


def test_a_layer_is_chosen_by_name_index_or_itself(tmp_path: Path) -> None:
    inner = model_of((6, 6, 4), layers.Conv2D(5, 3, name="deep"))
    model = model_of((8, 8, 1), layers.Conv2D(4, 3), inner, layers.Flatten(), layers.Dense(12))
    for layer in ("deep", inner.layers[-1]):
        assert len(pictures(visualization.plot_filters(model, layer))) == 5 * 4
    assert len(pictures(visualization.plot_filters(model, 0, count=3))) == 3
    alone = visualization.plot_filters(model.layers[0], title="t", to_file=tmp_path / "f.png")
    assert len(pictures(alone)) == 4
    assert alone.get_suptitle() == "t"
    assert ink_share(tmp_path / "f.png") > 0.1
    images = pictures(visualization.plot_filters(model_of((4, 6), layers.Flatten(), layers.Dense(2))))
    assert [image.shape for image in images] == [(4, 6)] * 2
    colour = pictures(visualization.plot_filters(model_of((8, 8, 3), layers.Conv2D(2, 3))))
    assert [image.shape for image in colour] == [(3, 3, 3)] * 2
    assert all(0 <= image.min() < image.max() <= 1 for image in colour)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "nine"}, "no layer is called 'nine'; there are conv"),
        ({"layer": "pool"}, "'pool' has no kernel to draw"),
        ({"layer": "dense", "shape": (2, 2)}, r"shape \(2, 2\) has 4 numbers, but 'dense' has 18 inputs"),
        ({"layer": "dense"}, r"18 inputs of 'dense' are no square image: pass shape=\(height, width\)"),
        ({"shape": (3, 3)}, "shape is for Dense"),
        ({"count": 0}, "count must be a whole number of at least 1, got 0"),
    ],
)
def test_mistakes_with_filters(arguments: dict[str, Any], message: str) -> None:
    model = model_of(
        (8, 8, 1),
        layers.Conv2D(2, 3, name="conv"),
        layers.MaxPooling2D(name="pool"),
        layers.Flatten(),
        layers.Dense(4, name="dense"),
    )
    with pytest.raises(ValueError, match=message):
        visualization.plot_filters(model, **arguments)


def test_models_without_kernels() -> None:
    with pytest.raises(ValueError, match="has a kernel; a model that is not built yet"):
        visualization.plot_filters(model_of((4,), layers.Flatten()))
    with pytest.raises(ValueError, match="it is not built yet"):
        visualization.plot_filters(layers.Dense(3))


# -- feature maps --------------------------------------------------------------------------------------------------


def test_feature_maps_are_the_outputs_of_a_layer() -> None:
    inner = model_of((6, 6, 4), layers.BatchNormalization(name="norm"))
    model = model_of((8, 8, 1), layers.Conv2D(4, 3, activation="relu", name="conv"), inner, layers.Dropout(0.5))
    image = RNG.normal(size=(8, 8, 1)).astype("float32")
    expected = model.get_layer("conv")(image[None]).numpy()[0]
    for given in (image, image[None], ops.array(image)):
        drawn = pictures(visualization.plot_feature_maps(model, given))
        assert_allclose(np.stack(drawn, axis=-1), expected, atol=1e-6)
    signed = visualization.plot_feature_maps(model, image, "norm", count=2)
    assert len(pictures(signed)) == 2
    assert signed.get_suptitle() == "norm: output (6, 6, 4), 2 of 4 channels"


def test_feature_maps_of_a_subclassed_model() -> None:
    class Network(dualnet.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.spare = layers.Conv2D(3, 3), layers.Conv2D(3, 3, name="spare")

        def call(self, x: Any) -> Any:
            return ops.mean(self.conv(x), axis=(1, 2))

    model = Network()
    assert len(pictures(visualization.plot_feature_maps(model, np.ones((1, 6, 6, 1), "float32")))) == 3
    with pytest.raises(ValueError, match="does not call 'spare'"):
        visualization.plot_feature_maps(model, np.ones((1, 6, 6, 1), "float32"), "spare")


@pytest.mark.parametrize(
    ("image", "layer", "message"),
    [
        (np.ones((2, 8, 8, 1)), None, r"expected one image.*got shape \(2, 8, 8, 1\)"),
        (np.ones((8, 8, 1)), "flat", "is not made of pictures: expected"),
        (np.ones((8, 8, 1)), "flta", "no layer is called 'flta'"),
        (np.ones((8, 7, 1)), None, "shape"),
    ],
)
def test_mistakes_with_feature_maps(image: Any, layer: Any, message: str) -> None:
    model = model_of((8, 8, 1), layers.Conv2D(2, 3), layers.Flatten(name="flat"), layers.Dense(2))
    with pytest.raises(ValueError, match=message):
        visualization.plot_feature_maps(model, image.astype("float32"), layer)


# -- gradients -----------------------------------------------------------------------------------------------------


def classifier(*parts: Any) -> Any:
    model = model_of((5,), *parts)
    model.compile("sgd", "mse")
    return model


X, Y = RNG.normal(size=(16, 5)).astype("float32"), RNG.normal(size=(16, 2)).astype("float32")


def test_norms_are_those_of_a_gradient_tape() -> None:
    model = classifier(
        layers.Dense(4, "tanh", name="a"), layers.BatchNormalization(name="b"), layers.Dense(2, name="c")
    )
    before = [w.tobytes() for w in model.get_weights()]
    norms = visualization.gradient_norms(model, X, Y)
    assert [w.tobytes() for w in model.get_weights()] == before
    with dualnet.GradientTape() as tape:
        loss = ops.mean((model(X, training=True) - Y) ** 2)
    grads = tape.gradient(loss, model.trainable_variables)
    sums = [float(ops.sum(g**2)) for g in grads]
    expected = {"a": sums[0] + sums[1], "b": sums[2] + sums[3], "c": sums[4] + sums[5]}
    assert list(norms) == list(expected)
    assert_allclose(list(norms.values()), [math.sqrt(value) for value in expected.values()], rtol=1e-4)


def test_the_streams_of_dropout_stay_where_they_were() -> None:
    model = classifier(layers.Dropout(0.5), layers.Dense(2))
    assert visualization.gradient_norms(model, X, Y) == visualization.gradient_norms(model, X, Y)


def test_gradients_by_layer(tmp_path: Path) -> None:
    model = classifier(
        layers.Dense(4, "relu", name="a"), layers.Dense(4, "relu", name="dead"), layers.Dense(2, name="c")
    )
    dead = model.get_layer("dead")
    dead.set_weights([-np.ones((4, 4), "float32"), -np.ones(4, "float32")])
    norms = visualization.gradient_norms(model, X, Y)
    assert norms["a"] == norms["dead"] == 0 < norms["c"]
    axes = visualization.plot_gradients(model, X, Y, to_file=tmp_path / "g.png").axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "dead", "c"]
    assert [text.get_text() for text in axes.texts] == ["0", "0"]  # what a logarithmic scale cannot show
    assert axes.get_yscale() == "log"
    assert_array_equal(np.isnan(axes.lines[0].get_ydata()), [True, True, False])
    several = visualization.plot_gradients({"one": model, "two": classifier(layers.Dense(2))}, X, Y).axes[0]
    assert [text.get_text() for text in several.get_legend().get_texts()] == ["one", "two"]


def test_mistakes_with_gradients() -> None:
    with pytest.raises(ValueError, match=r"call compile\(optimizer=..., loss=...\) before gradient_norms"):
        visualization.plot_gradients(model_of((5,), layers.Dense(2)), X, Y)
    with pytest.raises(ValueError, match="there is no gradient to measure"):
        visualization.gradient_norms(classifier(layers.Dense(2, trainable=False)), X, Y)
    with pytest.raises(ValueError, match="the dictionary is empty"):
        visualization.plot_gradients({}, X, Y)
    with pytest.raises(TypeError, match="needs a model, got str"):
        visualization.gradient_norms("model.keras", X, Y)


# -- embeddings ----------------------------------------------------------------------------------------------------


def test_principal_components() -> None:
    x = RNG.normal(size=(200, 2)) * [3.0, 0.5]
    turned, _ = np.linalg.qr(RNG.normal(size=(5, 5)))
    points, shares = principal_components(x @ turned[:2] + 7)
    centred = x - x.mean(axis=0)
    assert_allclose(np.abs(np.corrcoef(points[:, 0], centred[:, 0])[0, 1]), 1, atol=0.01)
    assert_allclose(((points[:, None] - points[None]) ** 2).sum(-1), ((x[:, None] - x[None]) ** 2).sum(-1), atol=1e-8)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] > 0.9
    assert_allclose(principal_components(x @ turned[:2])[0], points, atol=1e-8)


def test_an_embedding_with_classes_and_with_words(tmp_path: Path) -> None:
    x = RNG.normal(size=(30, 6))
    classes = np.arange(30) % 3
    axes = visualization.plot_embedding(x, classes, class_names=["a", "b", "c"], to_file=tmp_path / "e.png").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b", "c"]
    assert [len(group.get_offsets()) for group in axes.collections] == [10, 10, 10]
    assert "% of the variance" in axes.get_xlabel()
    assert ink_share(tmp_path / "e.png") > 0.005
    layer = layers.Embedding(4, 3)
    layer(np.array([0]))
    named = visualization.plot_embedding(layer, words=["king", "queen", "", "apple"]).axes[0]
    assert {text.get_text() for text in named.texts} == {"king", "queen", "apple"}
    crowd = visualization.plot_embedding(np.zeros((50, 2)), words=[f"w{i}" for i in range(50)]).axes[0]
    assert len(crowd.texts) < 5  # words do not cover each other
    texts = visualization.plot_embedding(ops.array(x), ["x", "y"] * 15).axes[0]
    assert [text.get_text() for text in texts.get_legend().get_texts()] == ["x", "y"]
    many = visualization.plot_embedding(RNG.normal(size=(60, 3)), np.arange(60) % 30).axes[0]
    assert many.get_legend() is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vectors": np.zeros(4)}, r"\(n, features\), got shape \(4,\)"),
        ({"vectors": np.zeros((4, 1))}, "at least two numbers"),
        ({"vectors": np.full((4, 2), np.nan)}, "must be finite; row 0 is not"),
        ({"vectors": np.zeros((4, 2)), "labels": [1, 2]}, "4 vectors, but 2 labels"),
        ({"vectors": np.zeros((4, 2)), "words": ["a"]}, "4 vectors, but 1 words"),
        ({"vectors": np.zeros((2, 2)), "labels": [0, 1], "class_names": ["a"]}, "labels has class 1"),
        ({"vectors": layers.Embedding(3, 2)}, "not built yet"),
    ],
)
def test_mistakes_with_embeddings(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        visualization.plot_embedding(**arguments)
