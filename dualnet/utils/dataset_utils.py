"""`split_dataset`: the samples in two parts."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from ..data import Dataset
from ..data.elements import as_element, leaves, map_leaves, stack

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
        dataset: an array, a list, tuple or dictionary of arrays of one length, a `dualnet.data.Dataset`, which is read
            to its end, or anything with `len` that gives samples by number. A dataset that was made by `batch` is split
            by samples and batched again.
        left_size: a number of samples, or a share of them between 0 and 1. What is right of the others when None.
        right_size: the same for the right part, which is taken from the end.
        shuffle: mix the samples before they are split.
        seed: of the shuffle; drawn when None.
        preferred_backend: accepted for Keras's sake.

    Returns:
        Two `dualnet.data.Dataset`s of samples. Several arrays give samples that are tuples.

    Raises:
        ValueError: no size is given, one is out of range, or a part would be empty.
        TypeError: `dataset` is none of these, or a size is no number.
    """
    rows, count, batch_size = _rows(dataset)
    if left_size is None and right_size is None:
        raise ValueError("give left_size or right_size, or both")
    left, right = _sizes(left_size, right_size, count)
    order = list(range(count))
    if shuffle:
        # Python's generator, drawn and used as Keras does: the same seed gives the same parts.
        random.Random(random.randint(0, 10**6) if seed is None else seed).shuffle(order)
    parts = []
    for chosen in (order[:left], order[count - right :]):
        part = Dataset.from_tensor_slices(map_leaves(lambda array: array[np.array(chosen)], rows))  # noqa: B023
        parts.append(part.batch(batch_size) if batch_size else part)
    return parts[0], parts[1]


def _rows(dataset: Any) -> tuple[Any, int, int | None]:
    """(arrays of all samples, their number, the batch size or None)"""
    batch_size = getattr(dataset, "_batch_size", None)
    if isinstance(dataset, Dataset) or _by_number(dataset):
        if not isinstance(dataset, Dataset):
            samples = [as_element(dataset[i]) for i in range(len(dataset))]
        else:
            samples = list(dataset.unbatch().as_numpy_iterator() if batch_size else dataset.as_numpy_iterator())
        if not samples:
            raise ValueError("the dataset is empty: there is nothing to split")
        rows = stack(samples)
    elif isinstance(dataset, (list, tuple)):
        rows = tuple(as_element(array) for array in dataset)
    elif isinstance(dataset, dict) or hasattr(dataset, "shape"):
        rows = as_element(dataset)
    else:
        raise TypeError(f"dataset must be a Dataset, an array or arrays, got {type(dataset).__name__}")
    lengths = {len(leaf) if np.ndim(leaf) else -1 for leaf in leaves(rows)}
    if len(lengths) != 1 or -1 in lengths:
        raise ValueError(f"all arrays must have the same number of samples, got {sorted(lengths)}")
    return rows, lengths.pop(), batch_size


def _by_number(dataset: Any) -> bool:
    """Whether it gives samples by number, as the data sets of PyTorch do, and is no array."""
    plain = isinstance(dataset, (list, tuple, dict, str, bytes)) or hasattr(dataset, "shape")
    return not plain and hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")


def _sizes(left: Size, right: Size, count: int) -> tuple[int, int]:
    given = {"left_size": left, "right_size": right}
    for name, size in given.items():
        if size is None:
            continue
        if isinstance(size, bool) or not isinstance(size, (int, float)):
            raise TypeError(f"{name} must be a whole number, a share or None, got {type(size).__name__}")
        if not 0 < size < (1 if isinstance(size, float) else count):
            raise ValueError(f"{name} must lie between 0 and 1, or be a number of the {count} samples, got {size}")
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            f"left_size and right_size are shares: they must not add up to more than 1, got {left + right}"
        )
    numbers = {name: round(size * count) if isinstance(size, float) else size for name, size in given.items()}
    wanted_left, wanted_right = numbers["left_size"], numbers["right_size"]
    if wanted_left is None:
        wanted_left = count - (wanted_right or 0)
    elif wanted_right is None:
        wanted_right = count - wanted_left
    assert wanted_right is not None
    if wanted_left + wanted_right > count:
        raise ValueError(f"left_size and right_size ask for {wanted_left + wanted_right} samples, there are {count}")
    if not wanted_left or not wanted_right:
        raise ValueError(f"with {count} samples, left_size={left} and right_size={right}, one part would be empty")
    return wanted_left, wanted_right
