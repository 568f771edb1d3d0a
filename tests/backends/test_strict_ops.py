"""No op talks to the host: every row of the op table runs, forward and backward, with transfers forbidden."""

from __future__ import annotations

import dualnet_backends as backends
import pytest

from dualnet import ops, tree
from dualnet.core.autodiff import backward
from dualnet.core.sparse import SparseMatrix
from dualnet.core.tracing import recording
from dualnet.ops.core import counting

from ..ops.cases import Row, Sample
from ..ops.harness import ROWS, floating, tensors
from . import strict

TO_HOST = {
    ops.convert_to_numpy: "it is for the host",
    ops.while_loop: "its condition is read back",
    **dict.fromkeys((ops.nonzero, counting._nonzero), "how long the result is, the values say"),
    **dict.fromkeys((ops.unique, counting._unique), "how long the result is, the values say"),
    ops.bincount: "how long the result is, the values say",
}
# Calls that hand over host data by what they are: a list of indices.
LISTS = {ops.get_item: "a list of indices", ops.select: "lists of host arrays"}


def waits(row: Row, sample: Sample) -> bool:
    return row.op in TO_HOST or (row.op in LISTS and "[" in str(sample.args[1]))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_transfer(row: Row) -> None:
    with backends.device("strict:0") as backend:
        for sample, args in row.draws():
            if waits(row, sample):
                continue
            inputs = tensors(backend, args, "float32")
            for i in floating(inputs):
                inputs[i].tracked = True
            for value in [*inputs, *sample.options.values()]:
                if isinstance(value, SparseMatrix):
                    value.on(backend)  # moved when it is used first, and kept there
            with strict.step(), recording() as tape:
                outputs = tree.flatten(row(*inputs, **sample.options))
                for y in outputs:
                    if getattr(y, "tracked", False) and not row.gradient:
                        backward(tape, y)


def test_numbers_do_not_travel_either() -> None:
    """1 - x, x / 2, where(c, x, 0): Python numbers go with the kernel."""
    with backends.device("strict:0") as backend:
        x = ops.convert_to_tensor(backend.asarray([1.0, 2.0, 3.0]))
        mask = x > 1.5
        x.tracked = True
        with strict.step(), recording() as tape:
            y = 1 - x + 2 / x - x * 3.0 + 2.0**x + ops.maximum(0.5, x) + ops.minimum(x, 1)
            z = ops.where(mask, y, 0.0) + ops.where(mask, 1, x) + ops.clip(x, 0, 1) + ops.divide_no_nan(x, 2)
            backward(tape, ops.sum(ops.where(mask, 1.0, 0.0) * z, axis=0))
