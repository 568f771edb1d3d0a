"""What a device offers that can record work once and replay it: CUDA graphs, on a GPU (``gpu/graph.py``)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Array = Any


class RecordingError(RuntimeError):
    """Work that the device cannot record. The message says why."""


class Rows(NamedTuple):
    """A batch as rows of arrays that are on the device: ``order[start], order[start + 1]...``, or ``start, start + 1...``.

    How many there are is known to whom they are given. NumPy arrays are the batch itself, which is then sent to the device; they
    may be filled anew as soon as that has been called which takes them.
    """

    arrays: Sequence[Array]
    order: Array | None = None  # int64
    start: int = 0


class Recording(ABC):
    """A function that a device records, and replays on other batches and other numbers.

    All that the function reads and writes has a fixed address: the batch is in ``inputs``, the numbers that the host decides anew
    each time in ``numbers``, everything else in arrays that are changed in place. What the function allocates belongs to the
    recording, and is written to by every replay: whoever wants to keep a result copies it. It is for one thread at a time.

    Args:
        inputs: shape and dtype of each array of a batch.
        numbers: the dtype of each number.
    """

    inputs: list[Array]
    numbers: list[Array]  # 0-d

    @abstractmethod
    def run(self, function: Callable[[], Any], rows: Rows, numbers: Sequence[Any]) -> Any:
        """Call the function on a batch and numbers, without recording. ``record`` needs one such call before it, which compiles
        kernels and reserves memory. Returns what the function returned."""

    @abstractmethod
    def record(self, function: Callable[[], Any]) -> Any:
        """Record what the function does, which does not happen now. Returns what it returned, the arrays that replays fill.

        Raises:
            RecordingError: it cannot be recorded. Nothing has happened then.
        """

    @abstractmethod
    def replay(self, rows: Rows, numbers: Sequence[Any]) -> None:
        """Do what was recorded on a batch and numbers. It does not wait for the device."""
