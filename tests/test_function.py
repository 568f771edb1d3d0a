"""Function: a part of a graph, run again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, utils


def parts() -> tuple[Any, Any, Any, Any]:
    a, b = dualnet.Input((3,), name="a"), dualnet.Input((3,), name="b")
    middle = layers.Dense(2, kernel_initializer="ones")(a + b)
    return a, b, middle, middle * 2


def test_it_runs_again() -> None:
    a, b, middle, end = parts()
    function = dualnet.Function({"a": a, "b": b}, [middle, end])
    x = np.ones((4, 3), "float32")
    first, second = function({"a": x, "b": 2 * x})
    np.testing.assert_array_equal(first, np.full((4, 2), 9.0))
    np.testing.assert_array_equal(second, np.full((4, 2), 18.0))
    part = dualnet.Function(middle, end, name="part")
    np.testing.assert_array_equal(part(np.ones((1, 2))), [[2.0, 2.0]])
    assert (part.name, part.input, part.outputs) == ("part", middle, [end])
    assert function.operations[:2] == [a._keras_history.operation, b._keras_history.operation]


def test_symbolic_inputs_and_shapes() -> None:
    a, b, middle, end = parts()
    function = dualnet.Function([a, b], (middle, end))
    again = function([dualnet.Input((3,)), dualnet.Input((3,))])
    assert [type(y) for y in again] == [dualnet.KerasTensor] * 2
    assert dualnet.Model(utils.get_source_inputs(again[1]), again[1]).count_params() == 8
    assert function.compute_output_shape([(5, 3), (5, 3)]) == ((5, 2), (5, 2))
    spec = function.compute_output_spec([a, b])
    assert [(y.shape, y.dtype) for y in spec] == [((None, 2), "float32")] * 2


def test_mismatches_are_reported() -> None:
    a, b, _, end = parts()
    with pytest.raises(ValueError, match="it depends on 'b'"):
        dualnet.Function(a, end)
    with pytest.raises(ValueError, match="takes 2 inputs, got 1"):
        dualnet.Function([a, b], end)([np.ones((1, 3))])


def test_gradients_flow_through_it() -> None:
    a, b, _, end = parts()
    function = dualnet.Function([a, b], end)
    x = dualnet.Variable(np.ones((1, 3), "float32"))
    with dualnet.GradientTape() as tape:
        y = dualnet.ops.sum(function([x, x]))
    np.testing.assert_array_equal(tape.gradient(y, x), np.full((1, 3), 8.0))
