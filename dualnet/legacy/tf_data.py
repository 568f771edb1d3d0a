"""``tf.data.experimental``: what became methods of ``Dataset``, and functions for ``Dataset.apply``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..data import Dataset
from ..data.streams import closing

Transformation = Callable[[Dataset], Dataset]


class AutoShardPolicy:
    """The values of ``options.experimental_distribute.auto_shard_policy``, which have no effect."""

    OFF, AUTO, FILE, DATA, HINT = -1, 0, 1, 2, 3


def counter(start: int = 0, step: int = 1, dtype: Any = "int64") -> Dataset:
    """``Dataset.counter``."""
    return Dataset.counter(start, step, dtype)


def sample_from_datasets(
    datasets: Any, weights: Any = None, seed: int | None = None, stop_on_empty_dataset: bool = False
) -> Dataset:
    """``Dataset.sample_from_datasets``."""
    return Dataset.sample_from_datasets(datasets, weights, seed, stop_on_empty_dataset)


def choose_from_datasets(datasets: Any, choice_dataset: Dataset, stop_on_empty_dataset: bool = False) -> Dataset:
    """``Dataset.choose_from_datasets``, which goes on without those that have ended."""
    return Dataset.choose_from_datasets(datasets, choice_dataset, stop_on_empty_dataset)


def bucket_by_sequence_length(*args: Any, **options: Any) -> Transformation:
    """For ``apply``: the method of this name, with the same arguments."""
    return lambda dataset: dataset.bucket_by_sequence_length(*args, **options)


def group_by_window(*args: Any, **options: Any) -> Transformation:
    """For ``apply``: the method of this name, with the same arguments."""
    return lambda dataset: dataset.group_by_window(*args, **options)


def unique_elements() -> Transformation:
    """For ``apply``: ``Dataset.unique``."""
    return lambda dataset: dataset.unique()


def get_single_element(dataset: Dataset) -> Any:
    """``Dataset.get_single_element``."""
    return dataset.get_single_element()


def assert_cardinality(expected_cardinality: int) -> Transformation:
    """For ``apply``: the same elements, of which there are as many as said; ``len`` and progress bars know it then.

    A pass that meets more or fewer raises ``ValueError``.
    """
    expected = int(expected_cardinality)

    def counted(elements: Iterator[Any]) -> Iterator[Any]:
        found = 0
        for element in closing(elements):
            found += 1
            if found > expected >= 0:
                raise ValueError(f"assert_cardinality: expected {expected} elements, the dataset has more")
            yield element
        if found != expected and expected != -2:
            raise ValueError(
                f"assert_cardinality: expected {expected if expected >= 0 else 'no end'}, got {found} elements"
            )

    def apply(dataset: Dataset) -> Dataset:
        return Dataset(lambda key: counted(dataset._elements(key)), expected, spec=lambda: dataset.element_spec)

    return apply
