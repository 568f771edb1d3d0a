"""The order of a shuffled dataset: a function of the seed and the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np

from ..core.seeds import Stream
from . import background

_WORDS = 1024  # drawn at a time


class Shuffle:
    """Draws each element from a buffer of the next `size` ones."""

    def __init__(self, size: int, seed: int | None, reshuffle: bool) -> None:
        self.size, self.seed, self.reshuffle = size, seed, reshuffle
        self.stream = Stream("dataset_shuffle")
        self.passes = 0  # started outside fit, which has its own epoch numbers

    def _random(self, key: Any) -> np.random.Philox:
        epoch, nested = key if key is not None else (self.passes, 0)
        self.passes += key is None
        if not self.reshuffle:
            epoch, nested = 0, 0
        own = "/own" if key is None and self.reshuffle else ""
        if self.seed is None:
            low, high = self.stream.key(own)
        else:  # datasets shuffled with the same seed stay aligned
            low, high = backends.stream_key(self.seed, f"dataset_shuffle{own}")
        return np.random.Philox(key=low | high << 64, counter=((epoch % 2**64) << 64 | nested) << 128)

    def apply(self, items: Iterator[Any], key: Any) -> Iterator[Any]:
        """One pass. key: an `EpochKey` inside `fit`, else None."""
        words = _words(self._random(key))
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
