"""Elements of several datasets in turns, by chance or by choice; and one with other frequencies of its classes."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import background
from .elements import as_element
from .grouping import whole_number
from .shuffling import Draws
from .streams import EpochKey, call, closing

_END = object()


def sampled(
    sources: list[Iterator[Any]], weights: Iterator[Any], words: Iterator[int], stop_on_empty: bool
) -> Iterator[Any]:
    """Each element from the source that chance chooses.

    Args:
        weights: one for each source, for every choice.
        stop_on_empty: end where a source ends that was chosen; otherwise the others go on, in their proportion.
    """
    left = list(sources)
    try:
        for row in closing(weights):
            odds = [0.0 if source is None else w for source, w in zip(left, row)]
            if not any(odds):
                if all(source is None for source in left):
                    return
                continue
            # What ended is found out by choosing it, and then another is chosen with the same weights.
            while any(odds):
                chosen = _choose(odds, next(words))
                element = next(left[chosen], _END)
                if element is not _END:
                    yield element
                    break
                if stop_on_empty:
                    return
                left[chosen], odds[chosen] = None, 0.0  # type: ignore[call-overload]
    finally:
        for source in sources:
            background.close(source)


def _choose(odds: list[float], word: int) -> int:
    """An index, with a probability in proportion to its odds. word: uniform below 2^64."""
    limits = list(itertools.accumulate(odds))
    last = max(i for i, w in enumerate(odds) if w)
    return min(bisect.bisect_right(limits, word / 2**64 * limits[-1]), last)


def check_weights(weights: Any, count: int, name: str = "sample_from_datasets: weights") -> list[float]:
    """Weights as a list of `count` numbers."""
    row = np.asarray(as_element(weights), "float64").reshape(-1)
    if len(row) != count:
        raise ValueError(f"{name} should have a number for each of {count}, got {len(row)}")
    if not (np.isfinite(row).all() and (row >= 0).all() and row.any()):
        raise ValueError(f"{name} should be numbers that are not negative, and not all 0, got {row.tolist()}")
    return [float(w) for w in row]


def chosen(sources: list[Iterator[Any]], choices: Iterator[Any], stop_on_empty: bool) -> Iterator[Any]:
    """The next element of the source that each choice names. One that ended is passed over, or ends it all."""
    left: list[Any] = list(sources)
    try:
        for choice in closing(choices):
            i = whole_number(choice, "choose_from_datasets: choice_dataset")
            if not 0 <= i < len(left):
                raise ValueError(f"choose_from_datasets: expected a choice from 0 to {len(left) - 1}, got {i}")
            element = _END if left[i] is None else next(left[i], _END)
            if element is not _END:
                yield element
            elif stop_on_empty:
                return
            else:
                left[i] = None
                if all(source is None for source in left):
                    return
    finally:
        for source in sources:
            background.close(source)


class Resampling:
    """Keeps elements at random, so that their classes have the frequencies wanted."""

    def __init__(
        self,
        class_func: Callable[..., Any],
        target: Any,
        initial: Any,
        seed: int | None,
        name: str = "rejection_resample",
    ) -> None:
        self.class_func = class_func
        self.target = check_weights(target, len(target), f"{name}: target_dist")
        self.initial = None if initial is None else check_weights(initial, len(target), f"{name}: initial_dist")
        self.draws = Draws("dataset_resample", seed, True)

    def apply(self, elements: Iterator[Any], key: EpochKey | None) -> Iterator[Any]:
        """One pass: `(class, element)`."""
        words, seen = self.draws.words(key), [1.0] * len(self.target)
        for element in closing(elements):
            i = whole_number(call(self.class_func, element), "rejection_resample: class_func")
            if not 0 <= i < len(seen):
                raise ValueError(f"rejection_resample: expected a class from 0 to {len(seen) - 1}, got {i}")
            seen[i] += 1
            ratios = self._ratios(self.initial or seen)
            if next(words) / 2**64 * max(ratios) < ratios[i]:
                yield np.int32(i), element

    def _ratios(self, frequencies: Sequence[float]) -> list[float]:
        return [t / f if f else 0.0 for t, f in zip(self.target, frequencies)]
