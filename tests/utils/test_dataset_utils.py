"""`split_dataset` and `timeseries_dataset_from_array`."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.data import Dataset
from dualnet.utils import split_dataset, timeseries_dataset_from_array

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


class ByNumber:
    """Samples as the data sets of PyTorch give them."""

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> Any:
        return X[i], Y[i]


def labels(dataset: Any) -> list[int]:
    return [int(np.asarray(element[-1] if isinstance(element, tuple) else element)) for element in dataset]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"left_size": 0.7}, (7, 3)),
        ({"left_size": 4}, (4, 6)),
        ({"right_size": 0.25}, (8, 2)),
        ({"right_size": 1}, (9, 1)),
        ({"left_size": 0.5, "right_size": 0.2}, (5, 2)),
        ({"left_size": 3, "right_size": 3}, (3, 3)),
        ({"left_size": 0.55}, (6, 4)),
        ({"left_size": 2, "right_size": 0.5}, (2, 5)),
    ],
)
def test_sizes(keras: Any, sizes: dict[str, Any], expected: tuple[int, int]) -> None:
    left, right = split_dataset((X, Y), **sizes)
    assert (len(left), len(right)) == expected
    assert labels(left) == list(range(expected[0]))
    assert labels(right) == list(range(10 - expected[1], 10))  # the right part is the end
    rescale = importlib.import_module("keras.src.utils.dataset_utils")._rescale_dataset_split_sizes
    assert rescale(sizes.get("left_size"), sizes.get("right_size"), 10) == expected


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (X, "float64[2]"),
        ((X, Y), "(float64[2], int64[])"),
        ([X, Y], "(float64[2], int64[])"),
        ({"a": X, "b": Y}, "{'a': float64[2], 'b': int64[]}"),
        (Dataset.from_tensor_slices((X, Y)), "(float64[2], int64[])"),
        (ByNumber(), "(float64[2], int64[])"),
        (Dataset.from_tensor_slices(({"a": X}, Y)), "({'a': float64[2]}, int64[])"),
    ],
)
def test_forms(data: Any, form: str) -> None:
    from dualnet.data.elements import describe

    left, right = split_dataset(data, left_size=0.6)
    assert [describe(element) for element in left.as_numpy_iterator()] == [form] * 6
    assert [describe(element) for element in right.as_numpy_iterator()] == [form] * 4


def test_batches_are_split_by_samples_and_batched_again() -> None:
    left, right = split_dataset(Dataset.from_tensor_slices((X, Y)).batch(4), left_size=7)
    assert [len(y) for _, y in left] == [4, 3]
    assert [y.tolist() for _, y in right] == [[7, 8, 9]]


def test_shuffle() -> None:
    left, right = split_dataset((X, Y), 0.5, shuffle=True, seed=4)
    assert sorted(labels(left) + labels(right)) == list(range(10))
    assert labels(left) == labels(split_dataset((X, Y), 0.5, shuffle=True, seed=4)[0])
    assert labels(left) != labels(split_dataset((X, Y), 0.5, shuffle=True, seed=5)[0])
    import random

    order = list(range(10))
    random.Random(4).shuffle(order)
    assert labels(left) == order[:5]  # as in Keras
    dualnet.utils.set_random_seed(1)
    first = labels(split_dataset(Y, 0.5, shuffle=True)[0])
    dualnet.utils.set_random_seed(1)
    assert labels(split_dataset(Y, 0.5, shuffle=True)[0]) == first


@pytest.mark.parametrize(
    ("data", "sizes", "error", "message"),
    [
        (X, {}, ValueError, "give left_size or right_size"),
        (X, {"left_size": 1.0}, ValueError, "left_size must lie between 0 and 1"),
        (X, {"left_size": 10}, ValueError, "a number of the 10 samples, got 10"),
        (X, {"right_size": 0}, ValueError, "right_size must lie"),
        (X, {"right_size": -0.1}, ValueError, "right_size must lie"),
        (X, {"left_size": "half"}, TypeError, "left_size must be a whole number"),
        (X, {"left_size": 0.6, "right_size": 0.6}, ValueError, "more than 1"),
        (X, {"left_size": 6, "right_size": 6}, ValueError, "ask for 12 samples, there are 10"),
        (X, {"left_size": 0.01}, ValueError, "one part would be empty"),
        ((X, Y[:3]), {"left_size": 1}, ValueError, r"same number of samples, got \[3, 10\]"),
        (Dataset.range(0), {"left_size": 1}, ValueError, "the dataset is empty"),
        ("text", {"left_size": 1}, TypeError, "got str"),
    ],
)
def test_mistakes_in_a_split(data: Any, sizes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        split_dataset(data, **sizes)


def test_windows() -> None:
    dataset = timeseries_dataset_from_array(
        np.arange(99), None, sequence_length=10, sampling_rate=2, sequence_stride=3, batch_size=5
    )
    windows = np.concatenate(list(dataset))
    np.testing.assert_array_equal(windows[0], np.arange(0, 20, 2))
    np.testing.assert_array_equal(windows[1], np.arange(3, 23, 2))
    np.testing.assert_array_equal(windows[-1], np.arange(78, 98, 2))
    assert len(windows) == 27
    assert [len(batch) for batch in dataset] == [5, 5, 5, 5, 5, 2]
    assert len(dataset) == 6


def test_targets_follow_their_windows() -> None:
    data = np.arange(100.0).reshape(50, 2)
    dataset = timeseries_dataset_from_array(data[:-5], data[5:, 0], sequence_length=5, batch_size=7)
    count = 0
    for windows, targets in dataset:
        assert windows.shape[1:] == (5, 2)
        np.testing.assert_array_equal(targets, windows[:, -1, 0] + 2)
        count += len(targets)
    assert count == 41


def test_parts_of_a_series() -> None:
    data = np.arange(60)
    whole = np.concatenate(list(timeseries_dataset_from_array(data, None, 4, start_index=10, end_index=20)))
    assert whole.tolist() == [[i, i + 1, i + 2, i + 3] for i in range(10, 17)]
    # Targets that end with the series, and not before.
    for windows, targets in timeseries_dataset_from_array(data[:-4], data[4:], 4, start_index=30):
        np.testing.assert_array_equal(targets, windows[:, -1] + 1)
        assert targets[-1] == 56


def test_single_windows_and_lists() -> None:
    singles = list(timeseries_dataset_from_array(list(range(6)), [10, 11, 12], 2, batch_size=None))
    assert [(w.tolist(), int(t)) for w, t in singles] == [([0, 1], 10), ([1, 2], 11), ([2, 3], 12)]
    assert list(timeseries_dataset_from_array(list(range(3)), None, 5)) == []


def test_windows_are_shuffled_whole() -> None:
    arguments: dict[str, Any] = {"sequence_length": 3, "batch_size": 8, "shuffle": True}
    dataset = timeseries_dataset_from_array(np.arange(40), np.arange(40), **arguments, seed=3)
    first, second = ([int(t) for _, targets in dataset for t in targets] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(38))
    assert first != second
    for windows, targets in dataset:
        np.testing.assert_array_equal(windows, targets[:, None] + np.arange(3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start_index": -1}, "`start_index` must be at least 0"),
        ({"start_index": 10}, "below the length of the data, 10"),
        ({"end_index": 0}, "`end_index` must be above 0"),
        ({"end_index": 10}, "`end_index` must be above 0 and below"),
        ({"start_index": 5, "end_index": 4}, "`end_index` must be above start_index=5"),
        ({"sampling_rate": 0}, "`sampling_rate` must be above 0"),
        ({"sequence_stride": 10}, "`sequence_stride` must be above 0 and below"),
        ({"format": "csv"}, "`format` should be"),
    ],
)
def test_mistakes_in_windows(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        timeseries_dataset_from_array(np.arange(10), None, 2, **arguments)
    assert dualnet.preprocessing.timeseries_dataset_from_array is timeseries_dataset_from_array
