"""What ONNX cannot say is refused with one message, which names the layer, and the documentation lists it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")

from dualnet.export import ExportError
from dualnet.export.onnx.writer import to_onnx

from .refused import DOCS, TABLE, Refused, section


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.title)
def test_refused(row: Refused) -> None:
    model = row.model()
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(ExportError, match=row.message) as raised:
        to_onnx(model)
    assert str(raised.value).startswith(("layer 'layer' (", "layer 'inner' ("))
    assert "\n" not in str(raised.value)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_documentation_lists_them() -> None:
    assert section() in DOCS.read_text(encoding="utf-8"), "run python -m tests.export.refused"
