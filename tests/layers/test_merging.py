"""Merge layers in functional models, as functions, with masks, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, layers, ops
from dualnet.layers import Layer

A = np.arange(24, dtype="float32").reshape(2, 3, 4)
B = np.cos(A)
BOTH: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add,
    "Average": lambda a, b: (a + b) / 2,
    "Concatenate": lambda a, b: np.concatenate([a, b], -1),
    "Dot": lambda a, b: np.einsum("bik,bjk->bij", a, b),
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Multiply": np.multiply,
    "Subtract": np.subtract,
}
every_merge = pytest.mark.parametrize("name", BOTH)


def make(name: str) -> Any:
    return getattr(layers, name)(**({"axes": -1} if name == "Dot" else {}))


@every_merge
def test_in_a_functional_model(name: str) -> None:
    a, b = Input((3, 4)), Input((None, 4) if name == "Dot" else (3, 4))
    out = make(name)([a, b])
    model = Model([a, b], out)
    expected = BOTH[name](A, B)
    got = model([A, B])
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5, atol=1e-5)
    assert out.shape[0] is None
    assert all(m in (None, n) for m, n in zip(out.shape, expected.shape, strict=True))
    again = Model.from_config(model.get_config())
    np.testing.assert_array_equal(again([A, B]).numpy(), got.numpy())


@every_merge
def test_as_a_function(name: str) -> None:
    function = getattr(layers, name.lower())
    np.testing.assert_allclose(function([A, B]).numpy(), BOTH[name](A, B), rtol=1e-5, atol=1e-5)
    a, b = Input((3, 4)), Input((3, 4))
    out = function([a, b], name="merged")
    assert out.shape == make(name)([a, b]).shape
    assert Model([a, b], out).get_layer("merged").name == "merged"


def test_training_through_a_residual_and_two_towers() -> None:
    dualnet.utils.set_random_seed(1)
    x, extra = Input((4,)), Input((2,))
    h = layers.Dense(8, activation="tanh")(x)
    h = layers.add([h, layers.Dense(8, activation="relu")(h)])
    h = layers.concatenate([h, layers.Multiply()([layers.Dense(2)(h), extra])])
    model = Model([x, extra], layers.Dense(1)(h))
    model.compile(dualnet.optimizers.Adam(0.02), "mse")
    random = np.random.default_rng(0)
    data, more = random.normal(size=(64, 4)).astype("float32"), random.normal(size=(64, 2)).astype("float32")
    target = data[:, :1] * more[:, :1] + data[:, 1:2]
    losses = model.fit([data, more], target, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.25 * losses[0]


def test_more_than_two_inputs_and_open_lengths() -> None:
    inputs = [Input((None, 4)), Input((3, 4)), Input((1, 4))]
    assert layers.Add()(inputs).shape == (None, None, 4)
    assert layers.Concatenate(axis=1)(inputs).shape == (None, None, 4)
    assert layers.Concatenate(axis=1)(inputs[1:]).shape == (None, 4, 4)
    assert layers.Maximum()([Input((4,)), Input((5, 3, 4))]).shape == (None, 5, 3, 4)
    assert layers.Average()([Input(batch_shape=(2, 3)), Input((3,))]).shape == (2, 3)
    assert layers.Dot(axes=(-2, -1))([Input((3, 2)), Input((1, 2, 3))]).shape == (None, 2, 1, 2)


def masked(x: Any, *keep: bool) -> Any:
    tensor = ops.convert_to_tensor(x)
    tensor._keras_mask = ops.convert_to_tensor(np.array([keep, keep]))
    return tensor


def test_masks() -> None:
    a, b = masked(A, True, False, False), masked(B, True, True, False)
    for name in BOTH:
        mask = make(name)([a, b])._keras_mask
        if name == "Dot":
            assert mask is None
        else:
            assert mask.numpy()[0].tolist() == [True, True, False], name
        if name != "Concatenate":
            assert make(name)([a, B])._keras_mask is None, name
    joined = layers.Concatenate(axis=1)([a, B])._keras_mask
    assert joined.numpy()[1].tolist() == [True, False, False, True, True, True]
    product = layers.Multiply()([a, b]).numpy()
    np.testing.assert_allclose(product[:, 0], A[:, 0] * B[:, 0])
    np.testing.assert_array_equal(product[:, 1], B[:, 1])
    np.testing.assert_array_equal(product[:, 2], 0)
    np.testing.assert_array_equal(layers.Minimum()([a, b]).numpy()[:, 1], B[:, 1])


def test_compute_mask_refuses_what_does_not_fit() -> None:
    layer = layers.Add()
    with pytest.raises(ValueError, match="`mask` should be a list"):
        layer.compute_mask([A, B], A)
    with pytest.raises(ValueError, match="`inputs` should be a list"):
        layer.compute_mask(A, [None, None])
    with pytest.raises(ValueError, match="same length, got 2 and 1"):
        layer.compute_mask([A, B], [None])
    assert layer.compute_mask([A, B], None) is None


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: layers.Add()(A), ValueError, r"should be called on a list of inputs, got"),
    (lambda: layers.Concatenate()(A), ValueError, r"should be called on a list of inputs, got"),
    (lambda: layers.Dot(1)(A), ValueError, r"should be called on a list of inputs, got"),
    (lambda: layers.Add().build([]), ValueError, "at least 1 input, got none"),
    (lambda: layers.Add()([A, B[:, :2]]), ValueError, r"incompatible shapes"),
    (lambda: layers.Add()([A, B[:1]]), ValueError, "different batch sizes"),
    (lambda: layers.Subtract()([A, A, A]), ValueError, "exactly 2 inputs, got 3"),
    (lambda: layers.Subtract()([A]), ValueError, "exactly 2 inputs, got 1"),
    (lambda: layers.Concatenate()([A, B[:, :2]]), ValueError, "matching shapes except for the concatenation axis"),
    (lambda: layers.Concatenate()([A, B[0]]), ValueError, "matching shapes except for the concatenation axis"),
    (lambda: layers.Concatenate(axis=5)([A, B]), ValueError, "axis 5 is out of range"),
    (lambda: layers.Dot(axes=0)([A, B]), ValueError, "not the batch"),
    (lambda: layers.Dot(axes=(1, 3))([A, B]), ValueError, "an axis of each input"),
    (lambda: layers.Dot(axes=(1, 2))([A, B]), ValueError, r"3 != 4 along axes=\[1, 2\]"),
    (lambda: layers.Dot(axes=1)([A, B, A]), ValueError, "2 inputs, got 3"),
    (lambda: layers.Dot(axes=1)([A, B[:1]]), ValueError, "different batch sizes"),
    (lambda: layers.Dot(axes=(1, 2, 1)), ValueError, "a pair of them"),
    (lambda: layers.Dot(axes="1"), TypeError, "a pair of them"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=lambda x: x if isinstance(x, str) else "")
def test_errors_say_what_was_expected(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_list_is_needed_on_symbolic_tensors_too() -> None:
    with pytest.raises(ValueError, match="list of inputs"):
        layers.Add()(Input((3,)))
    with pytest.raises(ValueError, match="different batch sizes"):
        layers.Add()([Input(batch_shape=(2, 3)), Input(batch_shape=(4, 3))])


def test_a_merge_of_one_s_own() -> None:
    class Norm(layers.Add):
        def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
            return ops.sqrt(super()._merge([ops.square(x) for x in inputs], masks))

    assert isinstance(Norm(), Layer)
    np.testing.assert_allclose(Norm()([A, B]).numpy(), np.hypot(A, B), rtol=1e-6)
