"""A stand-in for the recordings of a GPU, for the strict device: a replay calls the function again, on the same addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends
import numpy as np
from dualnet_backends.recording import Recording, RecordingError, Rows

from dualnet import Tensor, tree
from dualnet.capture.trace import side_outputs

from . import strict


class Rerun(Recording):
    """Holds users to the order of calls that a graph needs: a run before the recording, the recording before a replay.

    refuses: asked when something is to be recorded.
    """

    refuses: Callable[[], bool] = staticmethod(lambda: False)

    def __init__(self, backend: backends.Backend, inputs: Sequence[Any], numbers: Sequence[Any]) -> None:
        self.inputs = [backend.xp.empty(shape, dtype=dtype) for shape, dtype in inputs]
        self.numbers = [backend.xp.zeros((), dtype=np.dtype(dtype)) for dtype in numbers]
        self._backend = backend
        self._result: Any = None
        self._function: Callable[[], Any] | None = None

    def run(self, function: Callable[[], Any], rows: Rows, numbers: Sequence[Any]) -> Any:
        self._set(rows, numbers)
        self._result = function()
        return self._result

    def record(self, function: Callable[[], Any]) -> Any:
        assert self._result is not None, "there was no run before"
        if self.refuses():
            raise RecordingError("refused")
        self._function = function
        return self._result

    def replay(self, rows: Rows, numbers: Sequence[Any]) -> None:
        assert self._function is not None, "nothing was recorded"
        self._set(rows, numbers)
        with strict.step():  # in which nothing may go to the host or come from it
            result = self._function()
        for old, new in zip(_tensors(self._result), _tensors(result), strict=True):
            old.data[...] = new.data

    def _set(self, rows: Rows, numbers: Sequence[Any]) -> None:
        for target, table in zip(self.inputs, rows.arrays, strict=True):
            part = slice(rows.start, rows.start + len(target))
            table = self._backend.asarray(table)  # a batch of the host is sent
            target[...] = table[part] if rows.order is None else self._backend.take(table, rows.order[part])
        for address, number in zip(self.numbers, numbers, strict=True):
            address[...] = number


def _tensors(result: Any) -> list[Tensor]:
    tensors = [t for t in tree.flatten(result) if type(t) is Tensor]
    return [*tensors, *(s for t in tensors for s in side_outputs(t).values())]
