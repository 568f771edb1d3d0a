"""`split_dataset`: samples split in two parts."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from ..data import Dataset
from ..data.elements import as_element, leaves, map_leaves, own_element, stack

Size = int | float | None


def split_dataset(
    dataset: Any,
    left_size: Size = None,
    right_size: Size = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Split samples into a left and a right part, such as training and test.

    Args:
        dataset: an array, a list, tuple or dictionary of arrays of equal length, a finite `dualnet.data.Dataset`, or
            an object with `len` and integer indices. A dataset created by `batch` is split by samples and batched again.
        left_size: a number of samples, or a fraction between 0 and 1. Defaults to all samples not in the right part.
        right_size: the same for the right part, which is taken from the end.
        shuffle: shuffle the samples before the split.
        seed: seed of the shuffle; random by default.
        preferred_backend: ignored, for compatibility with Keras.

    Returns:
        Two `dualnet.data.Dataset`s of samples, tuples if there are several arrays.

    Raises:
        ValueError: both sizes are missing, one is out of range, or a part would be empty.
        TypeError: `dataset` or a size has the wrong type.
    """
    rows, count, batch_size = _rows(dataset)
    if left_size is None and right_size is None:
        raise ValueError("give left_size or right_size, or both")
    left, right = _sizes(left_size, right_size, count)
    order = list(range(count))
    if shuffle:
        # Python's generator, used as in Keras: the same seed gives the same parts.
        random.Random(random.randint(0, 10**6) if seed is None else seed).shuffle(order)
    parts = []
    for indices in (order[:left], order[count - right :]):
        part = Dataset.from_tensor_slices(map_leaves(lambda array: array[np.array(indices)], rows))  # noqa: B023
        parts.append(part.batch(batch_size) if batch_size else part)
    return parts[0], parts[1]


def _rows(dataset: Any) -> tuple[Any, int, int | None]:
    """(arrays of all samples, their number, the batch size or None)"""
    batch_size = getattr(dataset, "_batch_size", None)
    samples = None
    if isinstance(dataset, Dataset):
        samples = list((dataset.unbatch() if batch_size else dataset).as_numpy_iterator())
    elif isinstance(dataset, (list, tuple)):
        rows = tuple(as_element(array) for array in dataset)
    elif isinstance(dataset, dict) or hasattr(dataset, "shape"):
        rows = as_element(dataset)
    elif hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__") and not isinstance(dataset, (str, bytes)):
        samples = [own_element(dataset[i]) for i in range(len(dataset))]  # like PyTorch's map-style data sets
    else:
        raise TypeError(f"dataset must be a Dataset, an array or arrays, got {type(dataset).__name__}")
    if samples is not None:
        if not samples:
            raise ValueError("the dataset is empty: there is nothing to split")
        rows = stack(samples)
    lengths = {len(leaf) if np.ndim(leaf) else -1 for leaf in leaves(rows)}
    if len(lengths) != 1 or -1 in lengths:
        raise ValueError(f"all arrays must have the same number of samples, got {sorted(lengths)}")
    return rows, lengths.pop(), batch_size


def _sizes(left: Size, right: Size, count: int) -> tuple[int, int]:
    sizes = {"left_size": left, "right_size": right}
    for name, size in sizes.items():
        if size is None:
            continue
        if isinstance(size, bool) or not isinstance(size, (int, float)):
            raise TypeError(f"{name} must be a whole number, a fraction or None, got {type(size).__name__}")
        if not 0 < size < (1 if isinstance(size, float) else count):
            raise ValueError(f"{name} must lie between 0 and 1, or be a number of the {count} samples, got {size}")
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            f"left_size and right_size are fractions: they must not add up to more than 1, got {left + right}"
        )
    left_count, right_count = (round(size * count) if isinstance(size, float) else size or 0 for size in sizes.values())
    if left is None:
        left_count = count - right_count
    elif right is None:
        right_count = count - left_count
    if left_count + right_count > count:
        raise ValueError(f"left_size and right_size ask for {left_count + right_count} samples, there are {count}")
    if not left_count or not right_count:
        raise ValueError(f"with {count} samples, left_size={left} and right_size={right}, one part would be empty")
    return left_count, right_count
