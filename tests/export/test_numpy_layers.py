"""Every layer as a program of NumPy, at two sizes of the batch that the program was not made with."""

from __future__ import annotations

import numpy as np
import pytest

from dualnet import tree
from tests.layers.cases import Case
from tests.layers.table import ROWS

from .numpy_programs import assert_equal, invented, loaded, one_layer, signature, unpacked

# Rows whose first axis is no batch: one image, or a cell whose states are in one tensor.
ONE_SAMPLE = {"CenterCrop": 3, "RandomCrop": 3, "LSTMCell": 2}  # the rank of the first input


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_layer(row: Case) -> None:
    has_batch = len(row.inputs[0].shape) != ONE_SAMPLE.get(row.layer)
    symbols = signature(row, has_batch)
    model = one_layer(row)
    predict = loaded(model, symbols)["predict"]
    for batch in (1, 6) if has_batch else (1,):
        inputs = unpacked(invented(symbols, batch, seed=batch))
        with np.errstate(all="ignore"):  # a mask may leave nothing to average
            expected = tree.map_structure(lambda y: y.numpy(), model(inputs, training=False))
            actual = predict(inputs)
        assert_equal(actual, expected)
