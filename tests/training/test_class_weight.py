"""class_weight: for labels per sample, per time step and per pixel, as classes and one-hot; what is neither is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

RNG = np.random.default_rng(0)
WEIGHT = {0: 1.0, 1: 4.0, 2: 0.25}


def model_for(shape: tuple[int, ...], units: int, loss: Any, symbolic: bool = True) -> Any:
    activation = "softmax" if units > 1 else "sigmoid"
    dense = layers.Dense(units, activation=activation)
    model = dualnet.Sequential([dualnet.Input(shape), dense] if symbolic else [dense])
    model.compile(dualnet.optimizers.SGD(0.0), loss)
    return model


def expected(model: Any, x: Any, labels: Any, weight: dict[int, float]) -> float:
    p = model.predict(x, verbose=0).astype("float64")
    if p.shape[-1] == 1:
        p = np.concatenate([1 - p, p], -1)
    losses = -np.log(np.take_along_axis(p, labels[..., None], -1))[..., 0]
    return float((losses * np.vectorize(lambda label: weight.get(label, 1.0))(labels)).mean())


@pytest.mark.parametrize("shape", [(), (5,), (4, 3)], ids=["samples", "steps", "pixels"])
@pytest.mark.parametrize("form", ["sparse", "sparse column", "one-hot", "object", "list of losses", "inferred one-hot"])
@pytest.mark.parametrize("symbolic", [True, False])
def test_values(shape: tuple[int, ...], form: str, symbolic: bool) -> None:
    x = RNG.normal(size=(6, *shape, 4)).astype("float32")
    labels = RNG.integers(0, 3, size=(6, *shape))
    one_hot = form in ("one-hot", "inferred one-hot")
    y = dualnet.utils.to_categorical(labels, 3) if one_hot else labels[..., None] if form == "sparse column" else labels
    loss: Any = {
        "one-hot": "categorical_crossentropy",
        "inferred one-hot": "crossentropy",
        "object": dualnet.losses.SparseCategoricalCrossentropy(),
        "list of losses": ["sparse_categorical_crossentropy"],
    }.get(form, "sparse_categorical_crossentropy")
    model = model_for((*shape, 4), 3, loss, symbolic)
    model.build((None, *shape, 4))
    want = pytest.approx(expected(model, x, labels, WEIGHT), rel=1e-5)
    assert model.train_on_batch(x, y, class_weight=WEIGHT) == want
    for data in ({"x": x, "y": y}, {"x": dualnet.data.Dataset.from_tensor_slices((x, y)).batch(6)}):
        assert model.fit(**data, class_weight=WEIGHT, verbose=0).history["loss"] == [want]


@pytest.mark.parametrize(
    "weight", [[1.0, 4.0, 0.25], (1, 4, 0.25), np.array([1, 4, 0.25]), {1.0: 4.0, np.int64(2): 0.25}]
)
def test_one_weight_per_class(weight: Any) -> None:
    x, labels = RNG.normal(size=(6, 4)).astype("float32"), RNG.integers(0, 3, size=6)
    model = model_for((4,), 3, "sparse_categorical_crossentropy")
    assert model.train_on_batch(x, labels, class_weight=weight) == pytest.approx(
        expected(model, x, labels, WEIGHT), rel=1e-5
    )


@pytest.mark.parametrize("loss", ["ce", "CE", "CrossEntropy"])
def test_an_inferred_loss_in_any_case(loss: str) -> None:
    x, labels = RNG.normal(size=(6, 4)).astype("float32"), RNG.integers(0, 3, size=6)
    model = model_for((4,), 3, loss)
    history = model.fit(x, labels, class_weight=WEIGHT, verbose=0)
    assert history.history["loss"][0] == pytest.approx(expected(model, x, labels, WEIGHT), rel=1e-5)


def test_two_classes_per_time_step() -> None:
    x, labels = RNG.normal(size=(6, 5, 4)).astype("float32"), RNG.integers(0, 2, size=(6, 5))
    model = model_for((5, 4), 1, "binary_crossentropy")
    weight = {0: 1.0, 1: 9.0}
    want = pytest.approx(expected(model, x, labels, weight), rel=1e-5)
    assert model.train_on_batch(x, labels[..., None], class_weight=weight) == want


def sparse(y_true: Any, y_pred: Any) -> Any:
    """A loss of the user."""
    return dualnet.ops.sparse_categorical_crossentropy(y_true, y_pred)


@pytest.mark.parametrize("loss", [sparse, "crossentropy", "ce"])
def test_labels_per_time_step_that_look_one_hot(loss: Any) -> None:
    """The number of axes of the output tells that they are not."""
    x, labels = RNG.normal(size=(6, 3, 4)).astype("float32"), np.array([[0, 1, 0], [1, 0, 0]] * 3)
    model = model_for((3, 4), 3, loss)
    assert model.train_on_batch(x, labels, class_weight=WEIGHT) == pytest.approx(
        expected(model, x, labels, WEIGHT), rel=1e-5
    )


def test_labels_that_are_no_classes_are_refused() -> None:
    x = RNG.normal(size=(6, 4)).astype("float32")
    several = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]] * 2, "float32")
    with pytest.raises(ValueError, match="neither one class per sample nor one-hot"):
        model_for((4,), 3, "binary_crossentropy").train_on_batch(x, several, class_weight=WEIGHT)
    steps = RNG.normal(size=(6, 5, 4)).astype("float32")
    model = model_for(
        (5, 4), 3, sparse, symbolic=False
    )  # it is not known before the first step how many axes the output has
    with pytest.raises(ValueError, match="last axis of length 1"):
        model.fit(steps, RNG.integers(0, 3, size=(6, 5)), class_weight=WEIGHT, verbose=0)


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        ("balanced", ValueError, "list with one weight per class"),
        (2.0, ValueError, "list with one weight per class"),
        (np.ones((2, 2)), ValueError, r"shape \(2, 2\)"),
        ({"head": {0: 1.0}}, ValueError, "single output"),
        ({0.5: 1.0}, ValueError, "whole numbers"),
        ({0: "heavy"}, TypeError, "must be a number"),
        ({0: float("nan")}, ValueError, "finite"),
        ({0: dualnet.Variable(1.0)}, TypeError, "sample_weight"),
        ([dualnet.Variable(1.0), 1.0], TypeError, "sample_weight"),
    ],
)
def test_what_is_no_weight_is_refused(weight: Any, error: Any, message: str) -> None:
    model = model_for((4,), 3, "sparse_categorical_crossentropy")
    x, labels = RNG.normal(size=(6, 4)).astype("float32"), RNG.integers(0, 3, size=6)
    for call in (model.train_on_batch, lambda *a, **k: model.fit(*a, **k, verbose=0)):
        with pytest.raises(error, match=message):
            call(x, labels, class_weight=weight)


@pytest.mark.parametrize("bad", [0.25, 1.5, float("nan")])
def test_targets_that_are_no_classes(bad: float) -> None:
    x, y = np.ones((4, 4), "float32"), np.array([0.0, 1.0, bad, 2.0], "float32")
    model = model_for((4,), 1, "mse")
    with pytest.raises(ValueError, match="no class.*sample_weight"):
        model.train_on_batch(x, y, class_weight=WEIGHT)
    data = dualnet.data.Dataset.from_tensor_slices((x, y)).batch(4)
    with pytest.raises(ValueError, match="no class"):
        model.fit(data, class_weight=WEIGHT, verbose=0)


def test_whole_floats_and_smoothed_labels_are_classes() -> None:
    x = np.ones((4, 4), "float32")
    model_for((4,), 3, "sparse_categorical_crossentropy").train_on_batch(
        x, np.array([0.0, 1, 2, 2]), class_weight=WEIGHT
    )
    model_for((4,), 1, "binary_crossentropy").train_on_batch(
        x, np.array([0.05, 0.95, 1, 0]), class_weight={0: 2.0, 1: 0.5}
    )
