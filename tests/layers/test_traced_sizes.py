"""Sizes that are not known, read by code of the user while shapes are inferred: they never turn into a wrong known size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dualnet import Input, KerasTensor, Layer, Sequential, layers, ops


def flattened(x: Any) -> Any:
    return ops.reshape(x, (ops.shape(x)[0], -1))


def merged_axes(x: Any) -> Any:
    batch, length, channels = x.shape
    return ops.reshape(x, (batch, length * channels))


CASES: list[tuple[str, Callable[[Any], Any], tuple[Any, ...], tuple[Any, ...]]] = [
    ("flatten by hand", flattened, (4, 3), (None, 12)),
    ("unpacked shape", merged_axes, (4, 3), (None, 12)),
    ("flatten of an unknown length", flattened, (None, 3), (None, None)),
    ("positions", lambda x: x + ops.cast(ops.arange(x.shape[1]), "float32")[None, :, None], (None, 3), (None, None, 3)),
    ("every second position", lambda x: ops.arange(0, ops.shape(x)[1], 2), (None, 3), (None,)),
    ("causal mask", lambda x: ops.arange(x.shape[1])[:, None] >= ops.arange(x.shape[1])[None], (None, 3), (None, None)),
    ("a slice of a table", lambda x: x + ops.arange(12.0)[: x.shape[1]][None, :, None], (None, 3), (None, None, 3)),
    ("known entries alone", lambda x: ops.reshape(x, (-1, x.shape[1] * x.shape[2])), (4, 3), (None, 12)),
]


@pytest.mark.parametrize(("function", "shape", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_unknown_sizes_in_code_of_the_user(function: Any, shape: Any, expected: Any) -> None:
    assert layers.Lambda(function)(Input(shape)).shape == expected


def test_positions_beyond_a_table_are_not_tried() -> None:
    class Positions(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.table = layers.Embedding(10, 3)

        def call(self, x: Any) -> Any:
            return x + self.table(ops.arange(x.shape[1]))

    assert Positions()(Input((None, 3))).shape == (None, None, 3)


def test_a_sequential_of_such_a_layer() -> None:
    model = Sequential([layers.Lambda(flattened), layers.Dense(2)])
    assert model(np.ones((5, 4, 3))).shape == (5, 2)
    assert model.output_shape == (None, 2)


def test_shapes_outside_of_a_call_are_plain_tuples() -> None:
    x = Input((None, 3))
    assert x.shape[1] is None
    assert type(layers.Dense(2).compute_output_spec(KerasTensor((None, 3))).shape) is tuple
    assert list(layers.Lambda(lambda x: x * 2).compute_output_spec(KerasTensor((None, 3))).shape) == [None, 3]


def test_a_known_batch_is_kept() -> None:
    model = Sequential([layers.Dense(4), layers.Dense(5)])
    assert model(KerasTensor((3, 2))).shape == (3, 5)
    assert model.compute_output_shape((1, 2)) == (1, 5)


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (ops.det, (None, 3, 4)),
        (ops.cholesky, (2, 3, 4)),
        (ops.image.rgb_to_hsv, (4, 3)),
        (ops.image.rgb_to_hsv, (2, 4, 4, 5)),
    ],
)
def test_symbolic_tensors_that_do_not_fit_are_refused(op: Any, shape: Any) -> None:
    with pytest.raises(ValueError):
        op(KerasTensor(shape))
