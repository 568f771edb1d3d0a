"""Every row of the layer table in ONNX Runtime, with two sizes of the batch."""

from __future__ import annotations

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.layers.cases import Case
from tests.layers.table import ROWS

from .layer_rows import has_batch, model_of
from .running import compare


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_layer(row: Case) -> None:
    model, arrays = model_of(row)
    compare(model, arrays, batch=has_batch(row, arrays), rtol=2e-5)
