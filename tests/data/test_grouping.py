"""`Dataset.group_by_window` and `bucket_by_sequence_length`; expected values are those of TensorFlow 2.21."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.data import UNKNOWN_CARDINALITY, Dataset, TensorSpec
from dualnet.data.streams import EpochKey

ELEMENTS = [[0], [1, 2, 3, 4], [5, 6, 7], [7, 8, 9, 10, 11], [13, 14, 15, 16, 19, 20], [21, 22]]


def lists(dataset: Dataset) -> list[Any]:
    return [
        tuple(np.asarray(p).tolist() for p in x) if isinstance(x, tuple) else np.asarray(x).tolist()
        for x in dataset.as_numpy_iterator()
    ]


def span(*args: int) -> Dataset:
    return Dataset.range(*args)


def sequences(elements: Any = ELEMENTS) -> Dataset:
    return Dataset.from_generator(lambda: iter(elements), output_signature=TensorSpec((None,), "int64"))


def test_windows_come_when_they_are_full_and_the_rest_by_key() -> None:
    halves = span(10).group_by_window(lambda x: x % 2, lambda key, window: window.batch(3), window_size=3)
    assert lists(halves) == lists(halves) == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]
    assert halves.cardinality() == UNKNOWN_CARDINALITY
    rest = Dataset.from_tensor_slices([5, 3, 9, 1]).group_by_window(lambda x: x, lambda key, window: window, 3)
    assert lists(rest) == [1, 3, 5, 9]


def test_the_size_of_a_window_may_depend_on_the_key() -> None:
    def keyed(key: Any, window: Dataset) -> Dataset:
        return Dataset.zip(window, Dataset.from_tensors(key).repeat())

    dataset = span(10).group_by_window(lambda x: x % 3, keyed, window_size_func=lambda key: key + 1)
    assert lists(dataset) == [(0, 0), (3, 0), (1, 1), (4, 1), (6, 0), (2, 2), (5, 2), (8, 2), (9, 0), (7, 1)]


def test_a_window_can_be_read_twice_and_not_changed() -> None:
    pairs = Dataset.zip(span(4), span(4)).group_by_window(lambda a, b: 0, lambda k, w: w.concatenate(w), window_size=4)
    assert lists(pairs) == [(i, i) for i in range(4)] * 2

    def change(x: Any) -> Any:
        x += 1
        return x

    rows = Dataset.from_tensors(np.zeros(2)).map(lambda x: x)
    with pytest.raises(ValueError, match="read-only"):
        list(rows.group_by_window(lambda x: 0, lambda k, w: w.map(change), window_size=1))


def test_shuffled_windows() -> None:
    dataset = span(40).group_by_window(lambda x: 0, lambda k, w: w.shuffle(10, seed=1), window_size=10)
    first = [int(x) for x in dataset._elements(EpochKey(0))]
    assert [x - 10 for x in first[10:20]] != first[:10]  # each window has its own order
    assert first == [int(x) for x in dataset._elements(EpochKey(0))]


def test_what_groups_refuse() -> None:
    for sizes in ({}, {"window_size": 2, "window_size_func": lambda key: 2}):
        with pytest.raises(ValueError, match="window_size or window_size_func"):
            span(3).group_by_window(lambda x: x, lambda key, window: window, **sizes)
    with pytest.raises(TypeError, match=r"key_func should return one whole number, it returned 0\.5"):
        list(span(3).group_by_window(lambda x: 0.5, lambda key, window: window, 2))
    with pytest.raises(TypeError, match="must return a Dataset, it returned int64"):
        list(span(3).group_by_window(lambda x: 0, lambda key, window: key, 2))
    with pytest.raises(ValueError, match="window_size must be a positive"):
        list(span(3).group_by_window(lambda x: 0, lambda key, window: window, window_size_func=lambda key: 0))


def test_buckets() -> None:
    dataset = sequences().bucket_by_sequence_length(len, [3, 5], [2, 2, 2])
    assert lists(dataset) == [
        [[1, 2, 3, 4], [5, 6, 7, 0]],
        [[7, 8, 9, 10, 11, 0], [13, 14, 15, 16, 19, 20]],
        [[0, 0], [21, 22]],
    ]
    left = sequences([[1] * 6, [1], [1] * 3])
    assert lists(left.bucket_by_sequence_length(len, [3, 5], [2, 2, 2])) == [[[1]], [[1, 1, 1]], [[1] * 6]]
    dropped = sequences().bucket_by_sequence_length(len, [3], [4, 3], padding_values=-1, drop_remainder=True)
    assert lists(dropped) == [[[1, 2, 3, 4, -1], [5, 6, 7, -1, -1], [7, 8, 9, 10, 11]]]


def test_buckets_padded_to_their_boundary() -> None:
    short = sequences(ELEMENTS[:3]).bucket_by_sequence_length(len, [3, 6], [2, 2, 2], pad_to_bucket_boundary=True)
    assert lists(short) == [[[1, 2, 3, 4, 0], [5, 6, 7, 0, 0]], [[0, 0]]]
    long = sequences().bucket_by_sequence_length(len, [3, 5], [2, 2, 2], pad_to_bucket_boundary=True)
    with pytest.raises(ValueError, match="shorter than the last of bucket_boundaries, 5"):
        list(long)


def test_labels_are_not_padded_to_a_boundary() -> None:
    pairs = Dataset.zip(sequences(ELEMENTS[:3]), Dataset.from_tensor_slices(np.eye(3)))
    arguments = {"bucket_boundaries": [6], "bucket_batch_sizes": [3, 1], "pad_to_bucket_boundary": True}
    (x, y) = next(iter(pairs.bucket_by_sequence_length(lambda x, y: len(x), **arguments)))
    assert (x.shape, y.shape) == ((3, 5), (3, 3))
    mapped = pairs.map(lambda x, y: (x, y))
    with pytest.raises(ValueError, match=r"give padded_shapes, with None"):
        mapped.bucket_by_sequence_length(lambda x, y: len(x), **arguments)
    shapes = ([None], [4])
    (x, y) = next(iter(mapped.bucket_by_sequence_length(lambda x, y: len(x), padded_shapes=shapes, **arguments)))
    assert (x.shape, y.shape) == ((3, 5), (3, 4))


def test_buckets_of_equal_lengths_need_no_padding() -> None:
    same = sequences([[1, 2], [3], [4, 5], [6]])
    dataset = same.bucket_by_sequence_length(len, [2], [2, 2], no_padding=True)
    assert lists(dataset) == [[[1, 2], [4, 5]], [[3], [6]]]
    with pytest.raises(ValueError, match="batch: the elements have different shapes"):
        list(sequences().bucket_by_sequence_length(len, [3, 5], [2, 2, 2], no_padding=True))


def test_what_buckets_refuse() -> None:
    with pytest.raises(ValueError, match="2 boundaries make 3 buckets, got 2 bucket_batch_sizes"):
        sequences().bucket_by_sequence_length(len, [3, 5], [2, 2])
    with pytest.raises(ValueError, match=r"must increase, got \[5, 3\]"):
        sequences().bucket_by_sequence_length(len, [5, 3], [2, 2, 2])
    with pytest.raises(ValueError, match="bucket_batch_sizes must be a positive"):
        sequences().bucket_by_sequence_length(len, [3], [2, 0])


def test_fit_takes_buckets() -> None:
    pairs = Dataset.zip(sequences(), Dataset.from_tensor_slices(np.zeros((6, 1), "float32")))
    layers = dualnet.layers
    model = dualnet.Sequential([layers.Embedding(30, 2), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    model.compile("adam", "mse")
    buckets = pairs.bucket_by_sequence_length(lambda x, y: len(x), [3, 5], [2, 2, 2])
    model.fit(buckets, epochs=2, verbose=0)
