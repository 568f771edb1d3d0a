"""`Dataset.sample_from_datasets` and `choose_from_datasets`; the examples are those of tf.data."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.data import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset, TensorSpec
from dualnet.data.streams import EpochKey


def numbers(dataset: Dataset) -> list[int]:
    return [int(x) for x in dataset.as_numpy_iterator()]


def span(*args: int) -> Dataset:
    return Dataset.range(*args)


def endless(*values: int) -> list[Dataset]:
    return [Dataset.from_tensors(value).repeat() for value in values]


def choices(*indices: int) -> Dataset:
    return Dataset.from_tensor_slices(np.array(indices, "int64"))


def test_choices() -> None:
    dataset = Dataset.choose_from_datasets(endless(10, 20, 30), span(3).repeat(2))
    assert numbers(dataset) == numbers(dataset) == [10, 20, 30, 10, 20, 30]
    assert dataset.cardinality() == UNKNOWN_CARDINALITY
    sources = [span(2), span(10, 20)]
    turns = choices(0, 0, 1, 0, 1, 1)
    assert numbers(Dataset.choose_from_datasets(sources, turns)) == [0, 1, 10]
    assert numbers(Dataset.choose_from_datasets(sources, turns, stop_on_empty_dataset=False)) == [0, 1, 10, 11, 12]
    assert numbers(Dataset.choose_from_datasets([span(1), span(1)], choices(0, 1).repeat(), False)) == [0, 0]


def test_what_choices_refuse() -> None:
    with pytest.raises(ValueError, match="expected a choice from 0 to 1, got 5"):
        list(Dataset.choose_from_datasets([span(2), span(2)], choices(0, 5)))
    with pytest.raises(TypeError, match="should return one whole number|choice_dataset"):
        list(Dataset.choose_from_datasets([span(2)], Dataset.from_tensor_slices([0.5])))
    with pytest.raises(TypeError, match="at least one"):
        Dataset.choose_from_datasets([], span(1))
    with pytest.raises(TypeError, match="a dataset of choices, got list"):
        Dataset.choose_from_datasets([span(1)], [0])  # type: ignore[arg-type]


def test_a_sample_has_every_element_once_and_in_its_order() -> None:
    dataset = Dataset.sample_from_datasets([span(5), span(10, 17), span(20, 21)], seed=1)
    assert len(dataset) == 13
    for _ in range(2):
        order = numbers(dataset)
        assert sorted(order) == [*range(5), *range(10, 17), 20]
        for start in (0, 10):
            part = [x for x in order if start <= x < start + 10]
            assert part == sorted(part)


def test_the_weights_are_frequencies() -> None:
    dataset = Dataset.sample_from_datasets(endless(0, 1, 2), weights=[1, 2, 5], seed=3)
    assert dataset.cardinality() == INFINITE_CARDINALITY
    counts = np.bincount(numbers(dataset.take(4000)), minlength=3)
    np.testing.assert_allclose(counts, [500, 1000, 2500], atol=130)  # 4 standard deviations
    assert numbers(Dataset.sample_from_datasets([span(3), span(10, 13)], [0.0, 1.0])) == [10, 11, 12]
    assert len(Dataset.sample_from_datasets([span(3), span(10, 13)], [0.0, 1.0])) == 3


def test_weights_that_change() -> None:
    weights = Dataset.from_tensor_slices([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    dataset = Dataset.sample_from_datasets(endless(0, 1), weights)
    assert numbers(dataset) == [0, 1, 1, 0]
    assert dataset.cardinality() == UNKNOWN_CARDINALITY
    short = Dataset.sample_from_datasets([span(1), span(10, 12)], weights.repeat())
    assert numbers(short) == [0, 10, 11]  # what has ended is passed over


def test_a_sample_that_stops_with_the_first_that_ends() -> None:
    for seed in range(10):
        dataset = Dataset.sample_from_datasets([span(3), *endless(9)], seed=seed, stop_on_empty_dataset=True)
        order = numbers(dataset)
        assert [x for x in order if x != 9] == [0, 1, 2]
        assert dataset.cardinality() == UNKNOWN_CARDINALITY


def test_the_draws_are_a_function_of_the_seed() -> None:
    def order(seed: Any, **options: Any) -> list[list[int]]:
        dataset = Dataset.sample_from_datasets([span(20), span(100, 120)], seed=seed, **options)
        return [numbers(dataset) for _ in range(2)]

    first = order(1)
    assert first[0] == first[1] == order(1)[0] != order(2)[0]
    again = order(1, rerandomize_each_iteration=True)
    assert again[0] != again[1]
    assert again == order(1, rerandomize_each_iteration=True)
    seeded = []
    for _ in range(2):
        dualnet.utils.clear_session()
        dualnet.utils.set_random_seed(7)
        seeded.append(order(None))
    assert seeded[0] == seeded[1]


def test_the_draws_are_frozen() -> None:
    # A function of the seed, for ever.
    assert numbers(Dataset.sample_from_datasets([span(5), span(10, 15)], [0.4, 0.6], seed=1)) == FROZEN


FROZEN = [0, 1, 10, 11, 12, 13, 2, 3, 14, 4]


def test_shuffled_sources_have_another_order_in_every_epoch() -> None:
    source = span(20).shuffle(20, seed=5)
    dataset = Dataset.sample_from_datasets([source, source], seed=1)
    epochs = [[int(x) for x in dataset._elements(EpochKey(e))] for e in (0, 1, 0)]
    assert epochs[0] == epochs[2] != epochs[1]
    chosen = Dataset.choose_from_datasets([source, source], span(2).repeat(5))
    first = [int(x) for x in chosen._elements(EpochKey(0))]
    assert first[::2] != first[1::2]  # each pass over the source has its own order


def test_what_a_sample_refuses() -> None:
    for weights, match in (
        ([1.0], "a number for each of 2, got 1"),
        ([-1.0, 1.0], "not negative"),
        ([0.0, 0.0], "not all 0"),
        ([np.nan, 1.0], "not negative"),
    ):
        with pytest.raises(ValueError, match=match):
            Dataset.sample_from_datasets([span(3), span(3)], weights)
    with pytest.raises(TypeError, match="a list of datasets"):
        Dataset.sample_from_datasets([span(3), 5])  # type: ignore[list-item]


def test_specs_are_what_all_have_in_common() -> None:
    a, b = Dataset.from_tensors(np.zeros((2, 3))), Dataset.from_tensors(np.zeros((4, 3)))
    assert Dataset.sample_from_datasets([a, b]).element_spec == TensorSpec((None, 3), "float64")
    assert Dataset.choose_from_datasets([a, a], span(2)).element_spec == TensorSpec((2, 3), "float64")


def test_threads_end_with_the_pass() -> None:
    sources = [span(1000).prefetch(2), span(1000).prefetch(2)]
    for dataset in (Dataset.sample_from_datasets(sources), Dataset.choose_from_datasets(sources, span(2).repeat())):
        assert len(numbers(dataset.take(3))) == 3
        assert not [t for t in threading.enumerate() if t.name.startswith(("dualnet-prefetch", "dualnet-worker"))]


def test_fit_takes_a_sample() -> None:
    def batches(value: float) -> Dataset:
        return Dataset.from_tensors((np.full((4, 2), value, "float32"), np.zeros((4, 1), "float32"))).repeat()

    model = dualnet.Sequential([dualnet.layers.Dense(1)])
    model.compile("sgd", "mse")
    mixed = Dataset.sample_from_datasets([batches(0.0), batches(1.0)], seed=1)
    history = model.fit(mixed, epochs=2, steps_per_epoch=5, verbose=0)
    assert len(history.history["loss"]) == 2
