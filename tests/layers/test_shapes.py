"""Inferred shapes hold: every row of the layer table on symbolic tensors with unknown sizes, then on data of several sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

from dualnet import tree
from dualnet.core.symbolic import KerasTensor
from dualnet.core.tensor import Tensor

from .cases import Case, drawn
from .harness import make
from .table import ROWS

# Which axes of an input are unknown, by the number of its axes.
PATTERNS: dict[str, Callable[[int], tuple[bool, ...]]] = {
    "batch": lambda n: tuple(i == 0 for i in range(n)),
    "all but the last": lambda n: tuple(i < n - 1 for i in range(n)),
    "all but the second": lambda n: tuple(i != 1 for i in range(n)),
    "all": lambda n: (True,) * n,
}
CHANGES: list[Callable[[int], int]] = [
    lambda n: n,
    lambda n: n + 3 if n > 1 else n,
    lambda n: 2 * n,
    lambda n: max(n - 1, 1),
]


def shapes(row: Case, unknown: Callable[[int], tuple[bool, ...]]) -> list[tuple[int | None, ...]]:
    arrays = drawn(row, row.inputs, "inputs")
    return [tuple(None if u else n for u, n in zip(unknown(x.ndim), x.shape)) for x in arrays]


def on_data(row: Case, layer: Any, unknown: Callable[[int], tuple[bool, ...]], change: Callable[[int], int]) -> Any:
    backend = backends.current()
    inputs = []
    for x in drawn(row, row.inputs, "inputs"):
        shape = tuple(change(n) if u else n for u, n in zip(unknown(x.ndim), x.shape))
        inputs.append(Tensor(backend.asarray(np.resize(x, shape))))
    return layer(*row.arguments(inputs))


@pytest.mark.parametrize("row", [row for row in ROWS if not row.call], ids=str)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_inferred_shapes_hold(row: Case, pattern: str) -> None:
    unknown = PATTERNS[pattern]
    layer = make(row)
    dtypes = [str(x.dtype) for x in drawn(row, row.inputs, "inputs")]
    symbols = [KerasTensor(shape, dtype) for shape, dtype in zip(shapes(row, unknown), dtypes)]
    try:
        inferred = tree.flatten(layer(*row.arguments(symbols)))
    except ValueError:
        assert pattern != "batch"  # a weight has the length of an axis, or a window is larger than what is known
        return
    ran = 0
    if row.kwargs.get("output_shape") and pattern != "batch":
        return  # the shape that the user says
    for change in CHANGES:
        try:
            outputs = tree.flatten(on_data(row, layer, unknown, change))
        except (ValueError, IndexError):
            assert change is not CHANGES[0]
            continue
        ran += 1
        for spec, y in zip(inferred, outputs, strict=True):
            assert len(spec.shape) == y.ndim, f"inferred {spec.shape}, is {y.shape}"
            assert all(n in (None, m) for n, m in zip(spec.shape, y.shape)), f"inferred {spec.shape}, is {y.shape}"
            assert spec.dtype == str(y.dtype)
    assert ran
    if len(symbols) == 1:
        output_shapes = layer.compute_output_shape(symbols[0].shape)
        assert tree.map_structure(lambda y: y.shape, inferred) == _flat_shapes(output_shapes)


def _flat_shapes(structure: Any) -> list[tuple[int | None, ...]]:
    shapes: list[tuple[int | None, ...]] = []
    tree.map_shape_structure(lambda shape: shapes.append(tuple(shape)), structure)
    return shapes
