"""The order of a shuffled dataset: a function of the seed and of the pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np

from ..core import settings

_WORDS = 1024  # drawn at a time


class Shuffle:
    """Draws each element from a buffer of the next `size` ones."""

    def __init__(self, size: int, seed: int | None, again: bool, name: str) -> None:
        self.size, self.seed, self.again, self.name = size, seed, again, name
        self.passes = 0  # begun outside of fit, which numbers its own

    def _random(self, turn: Any) -> np.random.Philox:
        if self.seed is None:
            seed, name = settings.global_seed(), self.name
        else:
            seed, name = self.seed, "dataset_shuffle"  # datasets shuffled with one seed stay in step
        number, lap = turn if turn is not None else (self.passes, 0)
        self.passes += turn is None
        if not self.again:
            number, lap = 0, 0
        low, high = backends.stream_key(seed, name if turn is not None or not self.again else name + "/own")
        return np.random.Philox(key=low | high << 64, counter=((number % 2**64) << 64 | lap) << 128)

    def apply(self, items: Iterator[Any], turn: Any) -> Iterator[Any]:
        """One pass. turn: which one, when `fit` says so."""
        random = self._random(turn)
        words = _words(random)
        buffer: list[Any] = []
        try:
            for item in items:
                if len(buffer) < self.size:
                    buffer.append(item)
                    continue
                # NumPy promises the raw stream of a bit generator for ever, so the draw is made from it.
                i = next(words) * self.size >> 64
                chosen, buffer[i] = buffer[i], item
                yield chosen
        finally:
            if hasattr(items, "close"):
                items.close()
        while buffer:
            i = next(words) * len(buffer) >> 64
            buffer[i], buffer[-1] = buffer[-1], buffer[i]
            yield buffer.pop()


def _words(random: np.random.Philox) -> Iterator[int]:
    while True:
        yield from random.random_raw(_WORDS).tolist()
