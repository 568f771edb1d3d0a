"""What is random in a dataset, such as the order of a shuffled one: a function of the seed and the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np

from ..core.seeds import Stream
from . import background

_WORDS = 1024  # drawn at a time


class Draws:
    """Random words for each pass, a function of (seed, kind, pass).

    Args:
        kind: what they are for; two kinds with one seed have nothing in common.
        seed: None for the global one.
        again: draw other words in every pass.
    """

    def __init__(self, kind: str, seed: int | None, again: bool) -> None:
        self.kind, self.seed, self.again = kind, seed, again
        self.stream = Stream(kind)
        self.passes = 0  # started outside fit, which has its own epoch numbers

    def words(self, key: Any) -> Iterator[int]:
        """Whole numbers below 2^64, without end. key: an `EpochKey` inside `fit`, else None."""
        return _words(self._random(key))

    def _random(self, key: Any) -> np.random.Philox:
        epoch, nested = key if key is not None else (self.passes, 0)
        self.passes += key is None
        if not self.again:
            epoch, nested = 0, 0
        own = "/own" if key is None and self.again else ""
        if self.seed is None:
            low, high = self.stream.key(own)
        else:  # datasets shuffled with the same seed stay aligned
            low, high = backends.stream_key(self.seed, f"{self.kind}{own}")
        return np.random.Philox(key=low | high << 64, counter=((epoch % 2**64) << 64 | nested) << 128)


class Shuffle:
    """Draws each element from a buffer of the next `size` ones."""

    def __init__(self, size: int, seed: int | None, reshuffle: bool) -> None:
        self.size = size
        self.draws = Draws("dataset_shuffle", seed, reshuffle)

    def apply(self, items: Iterator[Any], key: Any) -> Iterator[Any]:
        """One pass. key: an `EpochKey` inside `fit`, else None."""
        words = self.draws.words(key)
        buffer: list[Any] = []
        try:
            for item in items:
                if len(buffer) < self.size:
                    buffer.append(item)
                    continue
                # Drawn from the raw stream of the bit generator, which NumPy guarantees never to change.
                i = next(words) * self.size >> 64
                drawn, buffer[i] = buffer[i], item
                yield drawn
        finally:
            background.close(items)
        while buffer:
            i = next(words) * len(buffer) >> 64
            buffer[i], buffer[-1] = buffer[-1], buffer[i]
            yield buffer.pop()


def _words(random: np.random.Philox) -> Iterator[int]:
    while True:
        yield from random.random_raw(_WORDS).tolist()
