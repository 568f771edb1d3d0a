"""Batches that are named by the numbers of their rows, and are not taken out of the data before somebody needs them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from dualnet_backends.recording import Rows

from .. import tree
from ..core.tensor import Array


class Samples:
    """The arrays of a run, on the device, in the structure of ``train_step``'s argument."""

    def __init__(self, packed: Any) -> None:
        self.arrays = [a for a in tree.flatten(packed) if a is not None]
        self._structure = None if _is_usual(packed) else tree_structure(packed)
        self._signatures: dict[int, Hashable] = {}

    def signature(self, size: int) -> Hashable:
        """The signature of a batch of so many samples, as ``signature_of`` gives it for tensors."""
        if size not in self._signatures:
            arrays = [((size, *a.shape[1:]), a.dtype) for a in self.arrays]
            self._signatures[size] = (self._structure, *arrays)
        return self._signatures[size]


@dataclass(slots=True)
class IndexedBatch:
    """The samples ``order[start : start + size]``, or from ``start`` on without an order.

    A recorded step fetches them itself (``executors/graph.py``); any other one takes ``tensors()``.
    """

    samples: Samples
    order: Array | None
    start: int
    size: int
    tensors: Callable[[], Any]

    @property
    def signature(self) -> Hashable:
        return self.samples.signature(self.size)

    @property
    def rows(self) -> Rows:
        return Rows(self.samples.arrays, self.order, self.start)


def _is_usual(packed: Any) -> bool:
    """Whether this is one array, or a pair of them."""
    return hasattr(packed, "dtype") or (
        type(packed) is tuple and len(packed) == 2 and all(hasattr(a, "dtype") for a in packed)
    )


def tree_structure(data: Any) -> Any:
    """How a batch is nested, and where it has None."""
    if isinstance(data, dict):
        return tuple([(key, tree_structure(value)) for key, value in data.items()])
    if isinstance(data, (tuple, list)):
        return tuple([tree_structure(value) for value in data])
    return data is None
