"""Arrays as batches: checked on the host and moved to the device once. A batch is then a slice, or a gather by indices that are
on the device too."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends

from ... import config, tree
from ...capture.batches import IndexedBatch, Samples
from ...core.conversion import to_array, to_own_array
from ...core.dtypes import is_float
from ...core.tensor import Tensor
from ...core.text import as_text, is_text
from .class_weights import ClassWeight, sample_weights_of
from .packing import pack_x_y_sample_weight
from .shuffling import shuffled

_GATHER_BYTES = 1 << 17  # of samples that are gathered at once
Batch = tuple[Any, Any, Any, int]  # x, y, sample_weight (nested structures of tensors, or None), number of samples


class ArrayData:
    """Arrays (or nested structures of them) with the samples along the first axis.

    shuffle: False, True (a new order in every pass) or "batch" (only inside consecutive batches). class_weight: by
    class; other classes have weight 1. own: whether to copy arrays that are on the device already, for a source that may fill
    them anew. text: whether ``x`` may be strings, which stay on the host.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: bool | str = False,
        class_weight: ClassWeight | None = None,
        backend: backends.Backend | None = None,
        text: bool = False,
        own: bool = False,
    ) -> None:
        self.backend = backend or backends.current()
        self.text = text
        self._convert = to_own_array if own else to_array
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("pass class_weight or sample_weight, not both: they would both weigh the samples")
            labels = y.numpy() if isinstance(y, Tensor) else y if y is None or tree.is_nested(y) else to_host(y)
            sample_weight = sample_weights_of(labels, class_weight)
        self.x, self.y = self._to_device(x, "x"), self._to_device(y, "y")
        self.weight = self._to_device(sample_weight, "sample_weight")
        self.size = check_lengths({"x": self.x, "y": self.y, "sample_weight": self.weight})
        if batch_size is not None:
            if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__") or batch_size < 1:
                raise ValueError(f"batch_size must be a positive whole number or None, got {batch_size!r}")
            batch_size = int(batch_size)
        self.batch_size = batch_size or max(1, math.ceil(self.size / steps) if steps else 32)
        self.shuffle = shuffle
        self.steps = math.ceil(self.size / self.batch_size)

    def _to_device(self, part: Any, name: str) -> Any:
        if part is None:
            return None

        def move(leaf: Any) -> Any:
            if leaf is None:
                return None  # an optional input that is left out, labels that no loss uses
            try:
                if name == "x" and is_text(leaf, empty=self.text):
                    return self._text(leaf)
                array = leaf.data if isinstance(leaf, Tensor) else to_host(leaf)
                if array.ndim == 0:
                    raise ValueError("it is a single number: the first axis must count the samples")
                if array.dtype.kind == "O" or array.dtype.kind in "USM":
                    raise TypeError(f"it has dtype {array.dtype}: make it numbers of one shape first")
            except (TypeError, ValueError) as error:
                raise type(error)(f"{name} cannot be used as data: {error}") from None
            dtype = config.floatx() if is_float(array.dtype) or name == "sample_weight" else None
            return self._convert(array, self.backend, dtype)

        if isinstance(part, list) and part and not any(leaf is None or hasattr(leaf, "shape") for leaf in part):
            return move(part)  # a nested list of numbers is one array
        return tree.map_structure(move, part)

    def _text(self, leaf: Any) -> Any:
        if not self.text:
            raise TypeError(
                f"it is text of dtype {getattr(leaf, 'dtype', 'str')}, and no layer of the model takes text: begin with "
                "TextVectorization or StringLookup"
            )
        array = as_text(leaf)
        if array.ndim == 0:
            raise ValueError("it is a single string: the first axis must count the samples")
        return array

    def order(self, epoch: int, step: int) -> Any:
        """The order of the samples in a pass, drawn on the host: a function of the seed, the step and the epoch."""
        return shuffled(self.size, epoch, step, self.batch_size if self.shuffle == "batch" else None)

    @property
    def can_be_indexed(self) -> bool:
        """Whether a device that records steps can take the rows of a batch by itself."""
        arrays = [a for a in tree.flatten([self.x, self.y, self.weight]) if a is not None]
        return self.backend.can_record and all(type(a) is self.backend.array_type for a in arrays)

    def indexed_batches(self, epoch: int = 0, step: int = 0) -> Iterator[Batch]:
        """The same as ``batches``, with an ``IndexedBatch`` in the place of x."""
        if self.size == 0:
            return
        whole = self.x, self.y, self.weight
        samples = Samples(pack_x_y_sample_weight(*whole))
        chunk, order = self.size, None
        if self.shuffle:
            chunk, order = self._batches_per_gather() * self.batch_size, self.backend.asarray(self.order(epoch, step))
        for first in range(0, self.size, chunk):
            count = min(chunk, self.size - first)
            gathered = functools.cache(functools.partial(self._gather_all, order, first, count))
            for start in range(0, count, self.batch_size):
                stop = min(start + self.batch_size, count)
                tensors = functools.partial(self._packed, gathered, slice(start, stop))
                yield IndexedBatch(samples, order, first + start, stop - start, tensors), None, None, stop - start

    def _gather_all(self, order: Any, first: int, count: int) -> tuple[Any, Any, Any]:
        """x, y and sample weights of some samples in an order."""
        if order is None:
            return self.x, self.y, self.weight
        indices = order[first : first + count]
        return self._gather(self.x, indices), self._gather(self.y, indices), self._gather(self.weight, indices)

    def _packed(self, gathered: Callable[[], tuple[Any, Any, Any]], part: slice) -> Any:
        """A batch as tensors, from what was gathered for several."""
        return pack_x_y_sample_weight(*(self._slice(data, part) for data in gathered()))

    def batches(self, epoch: int = 0, step: int = 0) -> Iterator[Batch]:
        """One pass over the data. epoch, step: they determine the order when shuffling."""
        if self.size == 0:
            return
        whole = x, y, weight = self.x, self.y, self.weight
        chunk, order = self.size, None
        if self.shuffle:
            chunk, order = self._batches_per_gather() * self.batch_size, self.backend.asarray(self.order(epoch, step))
        for first in range(0, self.size, chunk):
            count = min(chunk, self.size - first)
            if order is not None:
                x, y, weight = (self._gather(data, order[first : first + count]) for data in whole)
            for start in range(0, count, self.batch_size):
                stop = min(start + self.batch_size, count)
                part = slice(start, stop)
                yield self._slice(x, part), self._slice(y, part), self._slice(weight, part), stop - start

    def _batches_per_gather(self) -> int:
        """How many batches are gathered at once: several small ones, which saves calls and still fits in a cache."""
        arrays = [a for a in tree.flatten([self.x, self.y, self.weight]) if a is not None]
        return max(1, min(_GATHER_BYTES * self.size // max(sum(a.nbytes for a in arrays) * self.batch_size, 1), 32))

    def _gather(self, data: Any, indices: Any) -> Any:
        """Samples in the order of ``indices``, in new arrays."""
        if data is None:
            return None
        if type(data) is self.backend.array_type:
            return self.backend.take(data, indices)
        if getattr(getattr(data, "dtype", None), "kind", "") == "O":  # text, which only the host has
            return data[self.backend.to_numpy(indices)]
        return tree.map_structure(lambda a: self._gather(a, indices), data)

    def _slice(self, data: Any, part: slice) -> Any:
        """A slice of the samples, as tensors."""
        if data is None:
            return None
        if hasattr(data, "dtype"):  # the usual case, without walking a structure
            return Tensor(data[part])
        return tree.map_structure(lambda a: self._slice(a, part), data)


def tensors_of(data: Any) -> Any:
    """A structure of arrays as one of tensors."""
    return tree.map_structure(lambda a: None if a is None else Tensor(a), data)


def is_arrays(x: Any) -> bool:
    """Whether ``x`` is the data itself, arrays or numbers, and not an iterable of batches."""
    if x is None:
        raise ValueError("x is None: data is needed")
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return True
    if isinstance(x, dict):
        return True
    if isinstance(x, (list, tuple)):
        first = x[0] if len(x) else 0.0
        # A list of batches holds tuples of arrays; a list of arrays or numbers is data.
        return not (isinstance(first, tuple) and any(hasattr(part, "shape") for part in first))
    return hasattr(x, "__array__") or hasattr(x, "__dataframe__")


def to_host(leaf: Any) -> Any:
    """A list, data frame or array of any library as an array; what is on a GPU stays there."""
    if not hasattr(leaf, "get") and backends.is_on_gpu(leaf):  # of another library than CuPy
        return backends.from_dlpack(leaf)
    if hasattr(leaf, "detach"):  # a tensor of torch
        return leaf.detach().cpu().numpy()
    if hasattr(leaf, "to_numpy"):
        return leaf.to_numpy()
    return leaf if hasattr(leaf, "dtype") and hasattr(leaf, "shape") and hasattr(leaf, "ndim") else to_array(leaf)


def check_lengths(parts: dict[str, Any]) -> int:
    """The number of samples of all parts; ``ValueError`` when they differ."""
    sizes = {name: [a.shape[0] for a in tree.flatten(part) if a is not None] for name, part in parts.items()}
    sizes = {name: ns for name, ns in sizes.items() if ns}
    if not sizes:
        raise ValueError("there is no data: all arguments are None")
    if len({n for ns in sizes.values() for n in ns}) > 1:
        lengths = "; ".join(f"{name}: {', '.join(map(str, ns))}" for name, ns in sizes.items())
        raise ValueError(f"all arrays must have the same number of samples, got {lengths}")
    return next(iter(sizes.values()))[0]
