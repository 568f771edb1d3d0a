"""``tf.data.experimental``: the functions that became methods, and `assert_cardinality`."""

from __future__ import annotations

import numpy as np
import pytest

import dualnet as tf
from dualnet.data import Dataset

E = tf.data.experimental


def numbers(dataset: Dataset) -> list[int]:
    return [int(x) for x in dataset.as_numpy_iterator()]


def test_functions() -> None:
    assert numbers(E.Counter(1, 2).take(3)) == [1, 3, 5]
    assert int(E.get_single_element(Dataset.range(4, 5))) == 4
    turns = Dataset.from_tensor_slices(np.array([0, 0, 1, 1]))
    assert numbers(E.choose_from_datasets([Dataset.range(1), Dataset.range(5, 9)], turns)) == [0, 5, 6]
    sample = Dataset.sample_from_datasets([Dataset.range(5), Dataset.range(10, 15)], [0.5, 0.5], seed=3)
    assert numbers(E.sample_from_datasets([Dataset.range(5), Dataset.range(10, 15)], seed=3)) == numbers(sample)


def test_transformations() -> None:
    assert numbers(Dataset.from_tensor_slices([1, 2, 1]).apply(E.unique())) == [1, 2]
    grouped = Dataset.range(4).apply(E.group_by_window(lambda x: x % 2, lambda key, window: window, window_size=2))
    assert numbers(grouped) == [0, 2, 1, 3]
    rows = Dataset.from_generator(lambda: iter([[1], [1, 2], [3]]), output_signature=tf.TensorSpec([None], tf.int64))
    buckets = rows.apply(E.bucket_by_sequence_length(len, [2], [2, 1]))
    assert [b.tolist() for b in buckets] == [[[1, 2]], [[1], [3]]]


def test_the_number_of_elements_can_be_said() -> None:
    unknown = Dataset.from_generator(lambda: iter(range(3)))
    known = unknown.apply(E.assert_cardinality(3))
    assert len(known) == 3
    assert numbers(known) == numbers(known) == [0, 1, 2]
    with pytest.raises(ValueError, match="expected 4, got 3 elements"):
        numbers(unknown.apply(E.assert_cardinality(4)))
    with pytest.raises(ValueError, match="expected 2 elements, the dataset has more"):
        numbers(unknown.apply(E.assert_cardinality(2)))
    assert unknown.apply(E.assert_cardinality(E.cardinality(unknown))).cardinality() == -2
    with pytest.raises(ValueError, match="expected no end, got 3"):
        numbers(unknown.apply(E.assert_cardinality(-1)))


def test_options_of_distribution() -> None:
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = E.AutoShardPolicy.DATA
    assert numbers(Dataset.range(2).with_options(options)) == [0, 1]


@pytest.mark.parametrize("name", ["TextLineDataset", "TFRecordDataset", "CsvDataset"])
def test_what_is_not_there(name: str) -> None:
    with pytest.raises(AttributeError, match="read the"):
        getattr(tf.data, name)
