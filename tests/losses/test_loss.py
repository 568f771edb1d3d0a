"""What the base class does for every loss: conversion, masks, weights, reductions, and clear errors."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet import Tensor, Variable, config, losses, ops
from tests.backends import strict

from .cases import ROWS, fixed


class SquaredDifference(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return (y_true - y_pred) ** 2


T, P = [1.0, 0.0, 1.0, 0.0], [0.1, 0.2, 0.3, 0.4]  # squared differences 0.81 0.04 0.49 0.16


def masked(values: Any, mask: Any) -> Tensor:
    tensor = ops.convert_to_tensor(values)
    tensor._keras_mask = ops.convert_to_tensor(mask)
    return tensor


@pytest.mark.parametrize(
    ("reduction", "plain", "weighted", "with_mask"),
    [
        ("sum_over_batch_size", 1.5 / 4, 0.45 / 4, 1.46 / 3),
        ("mean", 1.5 / 4, 0.45 / 4, 1.46 / 3),
        ("sum", 1.5, 0.45, 1.46),
        ("mean_with_sample_weight", 1.5 / 4, 0.45 / 1.0, 1.46 / 3),
        (None, [0.81, 0.04, 0.49, 0.16], [0.324, 0.012, 0.098, 0.016], [0.81, 0, 0.49, 0.16]),
        ("none", [0.81, 0.04, 0.49, 0.16], [0.324, 0.012, 0.098, 0.016], [0.81, 0, 0.49, 0.16]),
    ],
)
def test_reductions(backend: Backend, reduction: Any, plain: Any, weighted: Any, with_mask: Any) -> None:
    loss = SquaredDifference(reduction=reduction)
    mask = [True, False, True, True]
    np.testing.assert_allclose(loss(T, P).numpy(), plain, rtol=1e-6)
    np.testing.assert_allclose(loss(T, P, [0.4, 0.3, 0.2, 0.1]).numpy(), weighted, rtol=1e-6)
    np.testing.assert_allclose(loss(T, masked(P, mask)).numpy(), with_mask, rtol=1e-6)
    assert loss(T, P).device == backend.device


def test_mask_and_weights_in_any_rank() -> None:
    loss, mask, weight = SquaredDifference(), np.array([True, False, True, True]), np.array([0.4, 0.3, 0.2, 0.1])
    expected = (0.4 * 0.81 + 0.2 * 0.49 + 0.1 * 0.16) / 3
    t, p = np.array(T), np.array(P)
    for y_true, y_pred, m, w in [
        (t, p, mask, weight),
        (t, p, mask[:, None], weight),
        (t, p, mask, weight[:, None]),
        (t[:, None], p[:, None], mask, weight),
        (np.stack([t, t]), np.stack([p, p]), np.stack([mask, mask]), np.stack([weight, weight])),
    ]:
        assert float(loss(y_true, masked(y_pred, m), w)) == pytest.approx(expected, rel=1e-6)


def test_nothing_left_to_count() -> None:
    """No NaN where a mean is over nothing."""
    loss = SquaredDifference()
    assert float(loss(T, masked(P, [False] * 4))) == 0
    assert float(loss(T, P, [0.0] * 4)) == 0
    assert float(SquaredDifference(reduction="mean_with_sample_weight")(T, P, [0.0] * 4)) == 0
    assert float(loss(np.zeros(0), np.zeros(0))) == 0
    assert float(losses.MeanSquaredError()(np.zeros((0, 3)), np.zeros((0, 3)))) == 0


def test_ignored_class_and_mask_together() -> None:
    y_pred = np.array([[[0.6, 0.4], [0.1, 0.9], [0.3, 0.7]]])
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    value = loss([[0, -1, 1]], masked(y_pred, [[True, True, False]]))
    assert float(value) == pytest.approx(-np.log(0.6), rel=1e-6)
    unsigned = losses.SparseCategoricalCrossentropy(ignore_class=255)(np.array([[0, 255, 1]], "uint8"), y_pred)
    assert float(unsigned) == pytest.approx(-np.log(0.6 * 0.7) / 2, rel=1e-6)
    nothing = losses.SparseCategoricalCrossentropy(ignore_class=-1)(np.array([[0, 255, 1]], "uint8") % 2, y_pred)
    assert float(nothing) == pytest.approx(-np.log(0.6 * 0.9 * 0.7) / 3, rel=1e-6)


def test_weights_belong_to_the_first_axes() -> None:
    """A weight per sample is one per sample, also where there are as many time steps as samples."""
    y_true, y_pred = np.zeros((3, 3, 1)), np.ones((3, 3, 1)) * np.arange(1, 4)[:, None, None]
    value = losses.MeanSquaredError(reduction="sum")(y_true, y_pred, [1.0, 0.0, 0.0])
    assert float(value) == 3.0
    with pytest.raises(ValueError, match=r"\(4,\) does not fit the loss of shape \(3, 3\)"):
        losses.MeanSquaredError()(y_true, y_pred, np.ones(4))


def test_one_number_for_the_batch() -> None:
    """A function that averages by itself is as good as a constant loss of every sample."""
    loss = losses.LossFunctionWrapper(lambda t, p: ops.mean((t - p) ** 2))
    assert float(loss(T, P)) == pytest.approx(0.375)
    assert float(loss(T, P, [1.0, 1.0, 0.0, 0.0])) == pytest.approx(0.375 / 2)
    assert float(loss(T, masked(P, [True, False, True, True]))) == pytest.approx(0.375)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "float16", "float64"])
def test_target_of_any_dtype(backend: Backend, dtype: str) -> None:
    y_true = np.array([[1, 0, 1], [0, 0, 1]], dtype)
    y_pred = np.full((2, 3), 0.25, "float32")
    for name, expected in [("MeanSquaredError", 0.3125), ("BinaryCrossentropy", 0.8369882)]:
        value = getattr(losses, name)()(y_true, y_pred)
        assert value.dtype == "float32"
        assert float(value) == pytest.approx(expected, rel=1e-6)
    assert float(losses.MeanAbsoluteError()(y_true, y_pred.astype("float64"))) == pytest.approx(0.5)


def test_labels_stay_integers() -> None:
    """As float32 the label 16777217 would be 16777216."""
    seen = []

    @losses.loss.keeps_labels
    def spy(y_true: Any, y_pred: Any) -> Any:
        seen.append(str(y_true.dtype))
        return ops.sum(y_pred, axis=-1)

    losses.LossFunctionWrapper(spy)(np.array([16777217]), np.ones((1, 2)))
    assert seen == ["int64"]
    assert losses.SparseCategoricalCrossentropy()._keeps_labels
    assert losses.LossFunctionWrapper(losses.sparse_categorical_crossentropy)._keeps_labels
    assert not losses.MeanSquaredError()._keeps_labels


def test_dtype() -> None:
    assert losses.MeanSquaredError(dtype="float64")(T, P).dtype == "float64"
    half = SquaredDifference(dtype="mixed_float16")
    assert half(T, P).dtype == "float16"
    assert half(np.array(T, "float64"), np.array(P, "float64"), 0.5).dtype == "float16"
    with pytest.raises(AttributeError):
        half.dtype = "float32"  # type: ignore[misc]
    config.set_floatx("float64")
    try:
        assert SquaredDifference()(T, P).dtype == "float64"
    finally:
        config.set_floatx("float32")


def test_variables_and_several_outputs() -> None:
    class Both(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return ops.abs(y_true["a"] - y_pred["a"]) + ops.abs(y_true["b"] - y_pred["b"])

    value = Both()({"a": T, "b": T}, {"a": Variable(P), "b": np.array(P)})
    assert float(value) == pytest.approx(2 * 0.55)
    pair = losses.LossFunctionWrapper(lambda t, p: ops.abs(t[0] - p[1]))
    assert float(pair([np.array(T), np.array(T)], [np.array(P), np.array(P)])) == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "message"),
    [
        ("mean_squared_error", (32, 10), (32, 1), r"\(32, 10\) and \(32, 1\)"),
        ("mean_squared_error", (32,), (32, 32), r"\(32,\) and \(32, 32\)"),
        ("mean_absolute_error", (32, 5), (32, 5, 2), r"\(32, 5\) and \(32, 5, 2\)"),
        ("mean_squared_error", (), (), "at least one axis"),
        ("binary_crossentropy", (32,), (32, 10), "integer labels go with sparse_categorical_crossentropy"),
        ("categorical_crossentropy", (32,), (32, 10), "For integer labels use sparse_categorical"),
        ("categorical_crossentropy", (32, 1), (32, 10), "For integer labels use sparse_categorical"),
        ("sparse_categorical_crossentropy", (32, 10), (32, 10), "For one-hot targets use categorical"),
        ("sparse_categorical_crossentropy", (31,), (32, 10), r"\(32,\), got \(31,\)"),
    ],
)
def test_shapes_that_cannot_be_compared(name: str, y_true: Any, y_pred: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(losses, name)(np.zeros(y_true), np.full(y_pred, 0.5))


def test_other_mistakes() -> None:
    with pytest.raises(ValueError, match=r"Invalid value for argument `reduction`.*got 'average'"):
        losses.MeanSquaredError(reduction="average")
    with pytest.raises(ValueError, match="label_smoothing must be from 0 to 1, got 2"):
        losses.CategoricalCrossentropy(label_smoothing=2)
    with pytest.raises(ValueError, match="must be of type `int`"):
        losses.categorical_crossentropy([[1.0, 0.0]], [[0.5, 0.5]], axis=True)
    with pytest.warns(SyntaxWarning, match="use binary_crossentropy"):
        losses.categorical_crossentropy([[1.0]], [[0.5]])
    with pytest.raises(NotImplementedError, match="Loss must define call"):
        losses.Loss()(T, P)
    w = Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="got a list of 2: give every output a loss of its own"):
        losses.MeanSquaredError()([T[:2], T[:2]], [w, w])


def test_no_transfer_inside_a_step() -> None:
    """With everything on the device nothing crosses to the host, masks and weights included."""
    with dualnet.device("strict:0"):
        for row in ROWS:
            y_true, y_pred, weight, mask = (ops.convert_to_tensor(x) for x in fixed(row))
            for reduction in ("mean", "mean_with_sample_weight", None):
                loss = getattr(losses, row.name)(reduction=reduction, **row.kwargs)
                for m in (None, mask):
                    y_pred._keras_mask = m
                    with strict.step():
                        plain, weighted = loss(y_true, y_pred), loss(y_true, y_pred, weight)
                    assert plain.device == weighted.device == "strict:0"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_config_round_trip(row: Any) -> None:
    cls = getattr(losses, row.name)
    loss = cls(**row.kwargs, name="mine", reduction="sum", dtype="float16")
    again = cls.from_config(loss.get_config())
    assert again.get_config() == loss.get_config()
    options = {**row.kwargs, "name": "mine", "reduction": "sum", "dtype": "float16"}
    assert options.items() <= again.get_config().items()
    assert set(again.get_config()) == set(inspect.signature(cls).parameters)
    assert all(getattr(again, k) == v for k, v in options.items())
    y_true, y_pred, weight, _ = fixed(row)
    for other in (again, losses.deserialize(losses.serialize(loss)), pickle.loads(pickle.dumps(loss))):
        assert float(other(y_true, y_pred, weight)) == float(loss(y_true, y_pred, weight))


def test_config_of_a_wrapped_function() -> None:
    loss = losses.LossFunctionWrapper(losses.binary_crossentropy, label_smoothing=0.3, name="smooth")
    again = losses.LossFunctionWrapper.from_config(loss.get_config())
    assert again.get_config() == loss.get_config()
    assert float(again([[1.0]], [[0.2]])) == float(loss([[1.0]], [[0.2]]))
    assert "dtype" not in SquaredDifference().get_config()  # a subclass need not take the argument


def test_get() -> None:
    for name in ("mse", "MSE", "mean_squared_error"):
        assert losses.get(name) is losses.mean_squared_error
    for name in ("mae", "MAE", "mean_absolute_error"):
        assert losses.get(name) is losses.mean_absolute_error
    for name in ("bce", "BCE", "binary_crossentropy"):
        assert losses.get(name) is losses.binary_crossentropy
    for cls in losses.CLASSES:
        assert type(losses.get(cls.__name__)) is cls
        assert type(losses.get(cls)) is cls
    for name, function in losses.FUNCTIONS.items():
        assert losses.get(name) is function is losses.deserialize(name)
    loss = losses.get({"class_name": "CategoricalCrossentropy", "config": {"from_logits": True}})
    assert loss.from_logits
    assert losses.get(None) is None
    assert losses.get(loss) is loss
    with pytest.raises(ValueError, match="did you mean 'binary_crossentropy'"):
        losses.get("binary_crosentropy")
    with pytest.raises(ValueError, match="cannot make a loss of 3"):
        losses.get(3)


def test_names() -> None:
    assert losses.MeanSquaredError().name == "mean_squared_error"
    assert losses.SparseCategoricalCrossentropy().name == "sparse_categorical_crossentropy"
    assert SquaredDifference().name.startswith("squared_difference")
    assert repr(losses.MeanSquaredError(name="x")) == "<MeanSquaredError name=x>"
