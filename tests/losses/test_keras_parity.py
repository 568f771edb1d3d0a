"""Every loss against Keras: random inputs where Keras is installed, and always numbers that Keras 3.15 gave."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from dualnet import Tensor, losses
from dualnet.losses.reduction import REDUCTIONS

from .cases import OURS, ROWS, SHAPES, Row, draw, fixed, per_value, weights
from .frozen import FROZEN

# JAX compiles these anew for every call; the reductions are those of all others.
SLOW = ("CTC", "Hinge", "SquaredHinge")

every_row = pytest.mark.parametrize("row", ROWS, ids=str)

in_keras = pytest.mark.parametrize("row", [row for row in ROWS if row.name not in OURS], ids=str)


def make(module: Any, row: Row, **kwargs: Any) -> Any:
    """The loss of a row, of dualnet or of Keras; what Keras lacks is written with Keras's ops."""
    if hasattr(module, row.name):
        return getattr(module, row.name)(**row.kwargs, **kwargs)

    class Written(module.Loss):  # type: ignore[misc]
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return _function(module, row)(y_true, y_pred)

    return Written(**kwargs)


def _function(module: Any, row: Row) -> Any:
    if hasattr(module, row.function):
        return lambda y_true, y_pred: getattr(module, row.function)(y_true, y_pred, **row.kwargs)
    import keras

    delta = row.kwargs.get("delta", 1.0)

    def pseudo_huber(y_true: Any, y_pred: Any) -> Any:
        error = (y_pred - y_true) / delta
        return keras.ops.mean(delta**2 * (keras.ops.sqrt(1 + error**2) - 1), axis=-1)

    assert row.name == "PseudoHuber"
    return pseudo_huber


def test_every_loss_has_a_row() -> None:
    assert {row.name for row in ROWS} == {c.__name__ for c in losses.CLASSES}
    assert {row.function for row in ROWS} == set(losses.FUNCTIONS)


def masked(y_pred: Any, mask: Any) -> Tensor:
    tensor = Tensor(y_pred)
    tensor._keras_mask = None if mask is None else Tensor(mask)
    return tensor


def five_numbers(row: Row, module: Any, y_pred: Any, y_pred_masked: Any) -> list[float]:
    y_true, _, weight, _ = fixed(row)
    return [
        float(make(module, row)(y_true, y_pred)),
        float(make(module, row)(y_true, y_pred, weight)),
        float(make(module, row, reduction="sum")(y_true, y_pred, weight)),
        float(make(module, row, reduction="mean_with_sample_weight")(y_true, y_pred, weight)),
        float(make(module, row)(y_true, y_pred_masked)),
    ]


@every_row
def test_frozen_values(row: Row) -> None:
    _, y_pred, _, mask = fixed(row)
    got = five_numbers(row, losses, Tensor(y_pred), masked(y_pred, mask))
    np.testing.assert_allclose(got, FROZEN[str(row)], rtol=2e-6)


@every_row
def test_frozen_values_are_keras_s(row: Row, keras: Any) -> None:
    _, y_pred, _, mask = fixed(row)
    with_mask = keras_tensor(keras, y_pred, mask)
    got = five_numbers(row, keras.losses, keras_tensor(keras, y_pred, None), with_mask)
    np.testing.assert_allclose(got, FROZEN[str(row)], rtol=2e-6)


def keras_tensor(keras: Any, x: Any, mask: Any) -> Any:
    tensor = keras.ops.convert_to_tensor(x)
    if mask is not None:
        keras.src.backend.set_keras_mask(tensor, keras.ops.convert_to_tensor(mask))
    return tensor


@every_row
def test_random_inputs(row: Row, keras: Any) -> None:
    """Every reduction with every form of weights, on every rank, with and without a mask."""
    random = np.random.default_rng(len(str(row)))
    for shape in SHAPES[row.kind]:
        y_true, y_pred = draw(row, shape, random)
        forms = weights(row, shape, random)
        mask = random.random(per_value(row, shape) or shape[:1]) < 0.6
        for reduction in ("mean", None) if row.name in SLOW else REDUCTIONS:
            for weight in forms:
                for m in (None, mask) if weight is None or weight is forms[2] else (None,):
                    about = f"{row} {shape} {reduction} weights {np.shape(weight)} {m is not None}"
                    if per_value(row, shape) == (1,) and isinstance(weight, float):
                        continue  # Keras drops the only axis then; here a batch of one keeps it
                    expected = make(keras.losses, row, reduction=reduction)(
                        y_true, keras_tensor(keras, y_pred, m), weight
                    )
                    got = make(losses, row, reduction=reduction)(y_true, masked(y_pred, m), weight)
                    assert got.shape == tuple(expected.shape), about
                    assert got.dtype == "float32", about
                    np.testing.assert_allclose(got.numpy(), np.asarray(expected), rtol=1e-5, atol=1e-6, err_msg=about)


@every_row
def test_functions(row: Row, keras: Any) -> None:
    random = np.random.default_rng(1)
    for shape in SHAPES[row.kind]:
        y_true, y_pred = draw(row, shape, random)
        expected = _function(keras.losses, row)(y_true.astype("float32"), y_pred)
        got = _function(losses, row)(y_true, y_pred)
        np.testing.assert_allclose(got.numpy(), np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_signatures(keras: Any) -> None:
    """Names, order and defaults of all arguments."""
    import inspect

    for cls in losses.CLASSES:
        if cls.__name__ in OURS:
            continue
        ours = inspect.signature(cls).parameters.values()
        theirs = inspect.signature(getattr(keras.losses, cls.__name__)).parameters.values()
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], cls
    for name, function in losses.FUNCTIONS.items():
        if not hasattr(keras.losses, name):
            continue
        ours = inspect.signature(function).parameters.values()
        theirs = inspect.signature(getattr(keras.losses, name)).parameters.values()
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name


@in_keras
def test_keras_reads_the_config(row: Row, keras: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        restored = keras.saving.deserialize_keras_object(losses.serialize(make(losses, row, dtype="float16")))
    assert type(restored) is getattr(keras.losses, row.name)
    assert restored.dtype == "float16"
    back = losses.deserialize(keras.saving.serialize_keras_object(make(keras.losses, row, name="mine")))
    assert type(back) is getattr(losses, row.name)
    assert back.name == "mine"
