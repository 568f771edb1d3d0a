"""Every loss against Keras: random inputs where Keras is installed, and always numbers that Keras 3.15 gave."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from dualnet import Tensor, losses
from dualnet.losses.reduction import REDUCTIONS

from .cases import ROWS, SHAPES, Row, draw, fixed, reduced, weights

every_row = pytest.mark.parametrize("row", ROWS, ids=str)

# What Keras gives for ``fixed(row)``: the mean, the weighted mean, the weighted sum, the mean over the sum of the
# weights, and the masked mean.
FROZEN: dict[str, tuple[float, ...]] = {
    "MeanSquaredError": (2.119147, 1.336931, 5.347725, 1.527922, 2.251869),
    "MeanAbsoluteError": (1.304955, 0.9994482, 3.997793, 1.142227, 1.315849),
    "BinaryCrossentropy": (1.548766, 1.511597, 6.046386, 1.727539, 1.428692),
    "BinaryCrossentropy,from_logits=True": (1.353833, 1.320104, 5.280417, 1.508691, 1.240278),
    "BinaryCrossentropy,label_smoothing=0.2": (1.436818, 1.385769, 5.543076, 1.583736, 1.336795),
    "BinaryCrossentropy,from_logits=True,label_smoothing=0.2": (1.262963, 1.215611, 4.862446, 1.38927, 1.168417),
    "BinaryCrossentropy,axis=0": (1.548766, 1.589563, 4.768688, 1.907475, 1.272131),
    "CategoricalCrossentropy": (2.294729, 2.407539, 9.630157, 2.751474, 2.061584),
    "CategoricalCrossentropy,from_logits=True": (3.174352, 3.05188, 12.20752, 3.487862, 2.931343),
    "CategoricalCrossentropy,label_smoothing=0.2": (2.110951, 2.178641, 8.714562, 2.489875, 1.916364),
    "CategoricalCrossentropy,from_logits=True,label_smoothing=0.2": (2.900583, 2.744867, 10.97947, 3.136991, 2.706061),
    "CategoricalCrossentropy,axis=1": (2.294729, 2.407539, 9.630157, 2.751474, 2.061584),
    "SparseCategoricalCrossentropy": (2.294729, 2.407539, 9.630157, 2.751474, 2.061584),
    "SparseCategoricalCrossentropy,from_logits=True": (3.174352, 3.05188, 12.20752, 3.487862, 2.931343),
    "SparseCategoricalCrossentropy,ignore_class=1": (2.27683, 3.384037, 6.768075, 2.70723, 1.559497),
    "SparseCategoricalCrossentropy,ignore_class=-1,from_logits=True": (
        2.025918,
        0.5614936,
        1.684481,
        1.122987,
        2.025918,
    ),
}


def make(module: Any, row: Row, **kwargs: Any) -> Any:
    return getattr(module, row.name)(**row.kwargs, **kwargs)


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
    axis = row.kwargs.get("axis", -1)
    for shape in SHAPES[row.kind]:
        y_true, y_pred = draw(row, shape, random)
        forms = weights(shape, axis, random)
        mask = random.random(reduced(shape, axis)) < 0.6
        for reduction in REDUCTIONS:
            for weight in forms:
                for m in (None, mask) if weight is None or weight is forms[2] else (None,):
                    about = f"{row} {shape} {reduction} weights {np.shape(weight)} {m is not None}"
                    if reduced(shape, axis) == (1,) and isinstance(weight, float):
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
        expected = getattr(keras.losses, row.function)(y_true.astype("float32"), y_pred, **row.kwargs)
        got = getattr(losses, row.function)(y_true, y_pred, **row.kwargs)
        np.testing.assert_allclose(got.numpy(), np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_signatures(keras: Any) -> None:
    """Names, order and defaults of all arguments."""
    import inspect

    for cls in losses.CLASSES:
        ours = inspect.signature(cls).parameters.values()
        theirs = inspect.signature(getattr(keras.losses, cls.__name__)).parameters.values()
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], cls
    for name, function in losses.FUNCTIONS.items():
        ours = inspect.signature(function).parameters.values()
        theirs = inspect.signature(getattr(keras.losses, name)).parameters.values()
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name


@every_row
def test_keras_reads_the_config(row: Row, keras: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = keras.losses.deserialize(losses.serialize(make(losses, row, dtype="float16")))
    assert type(made) is getattr(keras.losses, row.name)
    assert made.dtype == "float16"
    back = losses.deserialize(keras.losses.serialize(make(keras.losses, row, name="mine")))
    assert type(back) is getattr(losses, row.name)
    assert back.name == "mine"
