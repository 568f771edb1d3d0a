"""No float64 within float32: what ``backward`` returns is added up as it is, and would be computed with at twice the cost."""

from __future__ import annotations

import inspect
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

from dualnet.core.tracing import Entry, recording

from .cases import Row
from .harness import GRADIENT_ROWS, floating, tensors


def gradients(entry: Entry) -> list[Any]:
    """What the ``backward`` of one op returns, for ones."""
    outputs = entry.outputs if isinstance(entry.outputs, tuple) else (entry.outputs,)
    dy = tuple(np.ones_like(y.data) for y in outputs)
    requests = [tuple(None for _ in entry.inputs)] if len(inspect.signature(entry.backward).parameters) == 2 else []
    grads = entry.backward(dy if isinstance(entry.outputs, tuple) else dy[0], *requests)
    return list(grads) if isinstance(grads, tuple) else [grads]


@pytest.mark.parametrize("row", GRADIENT_ROWS, ids=lambda row: row.name)
def test_gradients_in_float32(row: Row) -> None:
    for sample, args in row.draws():
        given = tensors(backends.get("cpu"), args, "float32")
        for i in floating(given):
            given[i].tracked = row.argnums is None or i in row.argnums
        with recording() as tape, np.errstate(all="ignore"):
            row(*given, **sample.options)
            wide = [
                entry.backward.__qualname__
                for entry in tape
                if all(str(y.data.dtype) != "float64" for y in (*entry.inputs, entry.outputs) if hasattr(y, "data"))
                for g in gradients(entry)
                if getattr(g, "dtype", None) == "float64"
            ]
        assert not wide, f"{sample}: float64 out of {wide}"
