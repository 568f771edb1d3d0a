"""What ``fit``, ``evaluate`` and ``predict`` accept, as batches on the device.

Arrays are checked on the host and moved to the device once; a batch is then a slice, or a gather by indices that are on
the device too. Generators and other iterables are moved batch by batch.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends

from .. import config, tree
from ..autodiff import to_array
from ..data import INFINITE_CARDINALITY, Dataset, py_dataset
from ..data.py_dataset import PyDataset
from ..data.streams import Turn
from ..dtypes import is_float
from ..tensor import Tensor

Batch = tuple[Any, Any, Any, int]  # x, y, sample_weight (nested structures of tensors, or None), number of samples


class ArrayData:
    """Arrays (or nested structures of them) with the samples along the first axis.

    shuffle: False, True (a new order in every pass) or "batch" (only inside consecutive batches). class_weight: label
    -> weight; labels that are not in it weigh 1.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: bool | str = False,
        class_weight: dict[int, float] | None = None,
        backend: backends.Backend | None = None,
    ) -> None:
        self.backend = backend or backends.current()
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("give class_weight or sample_weight, not both: they would both weigh the samples")
            sample_weight = _class_weights(y, class_weight)
        self.x, self.y = self._to_device(x, "x"), self._to_device(y, "y")
        self.weight = self._to_device(sample_weight, "sample_weight")
        self.size = _check_lengths({"x": self.x, "y": self.y, "sample_weight": self.weight})
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
            try:
                array = leaf.data if isinstance(leaf, Tensor) else _host(leaf)
                if array.ndim == 0:
                    raise ValueError("it is a single number: the first axis must count the samples")
                if array.dtype.kind == "O" or array.dtype.kind in "USM":
                    raise TypeError(f"it has dtype {array.dtype}: make it numbers of one shape first")
            except (TypeError, ValueError) as error:
                raise type(error)(f"{name} cannot be used as data: {error}") from None
            dtype = config.floatx() if is_float(array.dtype) or name == "sample_weight" else None
            return to_array(array, self.backend, dtype)

        if isinstance(part, list) and not any(hasattr(leaf, "shape") for leaf in part):
            return move(part)  # a nested list of numbers is one array
        return tree.map_structure(move, part)

    def order(self, epoch: int, step: int) -> Any:
        """The order of the samples in a pass, drawn on the host; a function of the seed, the step and the epoch."""
        from numpy import argsort

        key = backends.stream_key(config.global_seed(), "shuffle")
        host = backends.get("cpu")
        words = host.random_words(self.size, key, step << 32 | epoch)
        if self.shuffle == "batch":
            parts = [words[i : i + self.batch_size] for i in range(0, self.size, self.batch_size)]
            starts = range(0, self.size, self.batch_size)
            return host.xp.concatenate([argsort(p, kind="stable") + i for p, i in zip(parts, starts)])
        return argsort(words, kind="stable")

    def batches(self, epoch: int = 0, step: int = 0) -> Iterator[Batch]:
        """One pass over the data. epoch, step: they decide the order when shuffling."""
        if self.size == 0:
            return
        indices = self.backend.asarray(self.order(epoch, step)) if self.shuffle else None
        for start in range(0, self.size, self.batch_size):
            stop = min(start + self.batch_size, self.size)
            if indices is None:
                part: Any = slice(start, stop)
            else:
                part = indices[start:stop]
            yield (*(self._select(data, part) for data in (self.x, self.y, self.weight)), stop - start)

    def on_epoch_begin(self) -> None:
        """Nothing: arrays do not change."""

    def on_epoch_end(self) -> None:
        """Nothing: arrays do not change."""

    def _select(self, data: Any, part: Any) -> Any:
        if data is None:
            return None
        if isinstance(data, self.backend.array_type):  # the usual case, without walking a structure
            array: Any = data
            return Tensor(array[part] if isinstance(part, slice) else self.backend.take(array, part))
        return tree.map_structure(lambda a: self._select(a, part), data)


class IterableData:
    """A dataset, ``PyDataset``, generator or any iterable of batches: x, (x,), (x, y) or (x, y, sample_weight).

    One that can be started again (a dataset, a list, an object with ``__iter__`` or with ``__len__`` and
    ``__getitem__``) gives a pass per epoch; a generator goes on where it stopped. shuffle: whether a ``PyDataset`` gives
    its batches in random order.
    """

    def __init__(
        self,
        source: Any,
        backend: backends.Backend | None = None,
        shuffle: bool | str = False,
        class_weight: dict[int, float] | None = None,
    ) -> None:
        self.backend = backend or backends.current()
        self.source = source
        self.class_weight = class_weight
        self.shuffle = bool(shuffle) and isinstance(source, PyDataset)
        self.endless = False
        if isinstance(source, PyDataset):
            self.steps = source.num_batches
            self.endless = self.steps is None
        elif isinstance(source, Dataset):
            size = int(source.cardinality())
            self.steps = size if size >= 0 else None
            self.endless = size == INFINITE_CARDINALITY
        else:
            self.steps = len(source) if hasattr(source, "__len__") else None
        self.size: int | None = None
        self.once = iter(source) if isinstance(source, Iterator) else None

    def batches(self, epoch: int = 0, step: int = 0) -> Iterator[Batch]:
        """The batches up to the end of the iterable. epoch, step: they decide the order when shuffling."""
        if self.once is not None:
            yield from map(self._batch, self.once)
            return
        items = self._items(epoch, step)
        try:
            yield from map(self._batch, items)
        finally:
            if hasattr(items, "close"):  # threads may hang on it
                items.close()

    def _items(self, epoch: int, step: int) -> Iterator[Any]:
        if isinstance(self.source, Dataset):
            return self.source._elements(Turn(step << 32 | epoch))
        if isinstance(self.source, PyDataset):
            numbers = py_dataset.numbers(self.source)
            if self.shuffle and self.steps is not None:
                numbers = _shuffled(self.steps, epoch, step).tolist()
            return py_dataset.batches(self.source, numbers)
        if hasattr(self.source, "__iter__"):
            return iter(self.source)
        return (self.source[i] for i in range(len(self.source)))

    def _batch(self, item: Any) -> Batch:
        if isinstance(item, list) and isinstance(self.source, PyDataset):
            item = tuple(item)
        if isinstance(item, list):
            raise ValueError(
                f"a batch must be a tuple, (x, y) or (x, y, sample_weight), got a list of {len(item)}: write (x, y), "
                "or ([x1, x2],) for several inputs without labels"
            )
        if not isinstance(item, tuple):
            item = (item,)
        if len(item) > 3:
            raise ValueError(f"a batch must be x, (x, y) or (x, y, sample_weight), got a tuple of {len(item)}")
        x, y, weight = (*item, None, None)[:3]
        move = ArrayData(x, y, weight, batch_size=1, class_weight=self.class_weight, backend=self.backend)
        tensors = [None if d is None else tree.map_structure(Tensor, d) for d in (move.x, move.y, move.weight)]
        return (*tensors, move.size)  # type: ignore[return-value]

    def on_epoch_begin(self) -> None:
        """Tell the source, if it listens."""
        if hasattr(self.source, "on_epoch_begin"):
            self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the source, if it listens."""
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


def _shuffled(n: int, epoch: int, step: int) -> Any:
    """0 to n - 1 in an order that is a function of the seed, the step and the epoch."""
    from numpy import argsort

    words = backends.get("cpu").random_words(
        n, backends.stream_key(config.global_seed(), "shuffle"), step << 32 | epoch
    )
    return argsort(words, kind="stable")


Data = ArrayData | IterableData


def make_data(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool | str = False,
    class_weight: dict[int, float] | None = None,
    backend: backends.Backend | None = None,
) -> Data:
    """Whatever the user gave, as ``ArrayData`` or ``IterableData``."""
    if _is_arrays(x):
        return ArrayData(x, y, sample_weight, batch_size, steps, shuffle, class_weight, backend)
    if not (hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))):
        raise TypeError(f"x must be arrays, or an iterable of batches, got {type(x).__name__}")
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(f"x is a {type(x).__name__} of batches: {name} must be in the batches, not an argument")
    if batch_size is not None:
        raise ValueError(f"with a {type(x).__name__} of batches, batch_size is decided by the batches")
    return IterableData(x, backend, shuffle, class_weight)


def _is_arrays(x: Any) -> bool:
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


def _host(leaf: Any) -> Any:
    """A list, data frame or array of any library as an array."""
    if hasattr(leaf, "dtype") and hasattr(leaf, "shape") and hasattr(leaf, "ndim"):
        return leaf if not hasattr(leaf, "to_numpy") else leaf.to_numpy()
    if hasattr(leaf, "to_numpy"):
        return leaf.to_numpy()
    return to_array(leaf)


def _check_lengths(parts: dict[str, Any]) -> int:
    sizes = {name: [a.shape[0] for a in tree.flatten(part)] for name, part in parts.items() if part is not None}
    if len({n for ns in sizes.values() for n in ns}) > 1:
        told = "; ".join(f"{name}: {', '.join(map(str, ns))}" for name, ns in sizes.items())
        raise ValueError(f"all arrays must have the same number of samples, got {told}")
    return next(iter(sizes.values()))[0]


def _class_weights(y: Any, class_weight: dict[int, float]) -> Any:
    """One weight per sample. Labels may be integers or one hot."""
    if y is None:
        raise ValueError("class_weight needs y, the labels it weighs")
    if tree.is_nested(y) and any(hasattr(leaf, "shape") for leaf in tree.flatten(y)):
        raise ValueError("class_weight is for models with a single output; with several, use sample_weight")
    host = backends.get("cpu")
    labels = host.asarray(y.numpy() if isinstance(y, Tensor) else _host(y))
    if labels.ndim > 1:
        labels = labels.argmax(axis=-1) if labels.shape[-1] != 1 else labels[..., 0]
    labels = host.xp.round(labels).astype("int64")
    weights = host.xp.ones(labels.shape, dtype=config.floatx())
    for label, weight in class_weight.items():
        weights[labels == int(label)] = weight
    return weights


def train_validation_split(arrays: tuple[Any, ...], validation_split: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The first and the last part of every array; the last ``validation_split`` of the samples is for validation.

    Raises ``ValueError`` for anything but arrays, and when either part would be empty.
    """
    x = arrays[0]
    if not _is_arrays(x):
        raise ValueError(f"validation_split needs arrays, got {type(x).__name__}: pass validation_data instead")
    if not 0 < validation_split < 1:
        raise ValueError(f"validation_split must be between 0 and 1, got {validation_split}")

    def prepare(part: Any) -> Any:
        if part is None:
            return None
        if isinstance(part, list) and not any(hasattr(leaf, "shape") for leaf in part):
            return to_array(part, backends.get("cpu"))
        return tree.map_structure(_host, part)

    parts = tuple(prepare(a) for a in arrays)
    n = _check_lengths({str(i): p for i, p in enumerate(parts) if p is not None})
    cut = math.floor(n * (1 - validation_split))
    if cut in (0, n):
        raise ValueError(f"{n} samples are too few for validation_split={validation_split}: one part would be empty")

    def part(start: int, stop: int) -> tuple[Any, ...]:
        return tuple(None if p is None else tree.map_structure(lambda a: a[start:stop], p) for p in parts)

    return part(0, cut), part(cut, n)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what ``train_step`` gets; what is missing is None."""
    if not isinstance(data, (list, tuple)):
        return data, None, None
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The opposite of ``unpack_x_y_sample_weight``: (x, y, sample_weight) or (x, y), or x itself when there is no more."""
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (list, tuple)) else x


class Epochs:
    """Batches, epoch by epoch. steps: how many make an epoch; None for a pass over the data.

    With steps, an epoch goes on where the last one stopped, and a new pass (shuffled anew) begins with an epoch, never
    inside one: an epoch that finds too few batches left is shorter, with a warning. A generator that has no more sets
    ``exhausted``.
    """

    def __init__(self, data: Data, steps: int | None = None) -> None:
        self.data, self.steps = data, steps
        self.exhausted = False
        self._rest: Iterator[Batch] | None = None
        self._began = (0, 0)  # epoch and step that decided the order of the present pass
        self._seen = 0  # batches of the present pass
        self._passes = 0

    def position(self) -> dict[str, Any] | None:
        """Where the present pass is, for ``resume``; None between two passes."""
        return None if self._rest is None else {"began": list(self._began), "seen": self._seen}

    def resume(self, position: dict[str, Any] | None) -> None:
        """Go on where another run was. A generator goes on from where it is itself."""
        if position is None or (isinstance(self.data, IterableData) and self.data.once is not None):
            return
        epoch, step = self._began = tuple(position["began"])
        self._seen = int(position["seen"])
        self._rest = itertools.islice(self.data.batches(epoch, step), self._seen, None)
        self._passes += 1

    def epoch(self, epoch: int, step: int = 0, done: int = 0) -> Iterator[Batch]:
        """The batches of one epoch. step: updates so far, which decide the order of shuffled data. done: batches of it
        that another run has had, after ``resume``."""
        if self.steps is None and isinstance(self.data, IterableData) and self.data.endless:
            raise ValueError("the data has no end: say how many batches make an epoch, with steps_per_epoch or steps")
        self.data.on_epoch_begin()
        if self._rest is None:
            self._rest, self._seen, self._began = self.data.batches(epoch, step), 0, (epoch, step)
            self._passes += 1
        got = done
        for batch in itertools.islice(self._rest, None if self.steps is None else max(self.steps - done, 0)):
            got += 1
            self._seen += 1
            yield batch
        once = isinstance(self.data, IterableData) and self.data.once is not None
        short = got < self.steps if self.steps is not None else once and got == 0 and self._passes > 1
        if short:
            self.exhausted = once
            warnings.warn(
                "Your input ran out of data; interrupting training. Make sure that your dataset or "
                "generator can generate at least `steps_per_epoch * epochs` batches.",
                stacklevel=4,
            )
        if short or self.steps is None or self._seen == self.data.steps:
            self._rest = None
        self.data.on_epoch_end()
