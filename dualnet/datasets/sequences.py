"""The common format of IMDB and Reuters: texts as lists of word ranks, with a limited vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.datasets.download import ContentError

Sequences = list[list[int]]


def check(sequences: Any, labels: Any) -> None:
    """Raise ContentError unless `sequences` contains lists of integers, with one label each."""
    if sequences.dtype != object or not all(type(words) is list for words in sequences):
        raise ContentError(f"expected lists of words, found an array of {sequences.dtype}")
    if labels.shape != sequences.shape or labels.dtype.kind not in "iu":
        raise ContentError(
            f"expected a label for each of {len(sequences):,} texts, found {labels.shape} {labels.dtype}"
        )
    if not all(set(map(type, words)) <= {int} for words in sequences):
        raise ContentError("expected lists of whole numbers, found others")


def shuffle(sequences: Any, labels: Any, random: np.random.RandomState) -> tuple[Any, Any]:
    """Shuffle texts and labels with Keras's generator, whose stream NumPy has frozen."""
    order = np.arange(len(sequences))
    random.shuffle(order)
    return sequences[order], labels[order]


def add_start(sequences: Any, start_char: int | None, index_from: int) -> Sequences:
    """Add `index_from` to the word ranks, and prepend `start_char` to each text unless it is None."""
    start = [] if start_char is None else [start_char]
    return [start + [word + index_from for word in words] for words in sequences]


def keep_short(sequences: Sequences, labels: Any, maxlen: int) -> tuple[Sequences, Any]:
    """The texts with fewer than `maxlen` entries, and their labels."""
    short = [i for i, words in enumerate(sequences) if len(words) < maxlen]
    return [sequences[i] for i in short], labels[short]


def limit_vocabulary(sequences: Sequences, num_words: int | None, skip_top: int, oov_char: int | None) -> Any:
    """An array of lists: words outside `skip_top <= word < num_words` become `oov_char`, or are dropped if that is None."""
    if not num_words:
        # As in Keras this excludes the largest word itself.
        num_words = max((max(words, default=0) for words in sequences), default=0)
    array = np.empty(len(sequences), object)
    for i, words in enumerate(sequences):
        limited = (word if skip_top <= word < num_words else oov_char for word in words)
        array[i] = [word for word in limited if word is not None]
    return array
