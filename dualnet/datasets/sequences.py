"""What IMDB and Reuters have in common: texts as lists of word ranks, of which some words are left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.datasets.download import ContentError

Sequences = list[list[int]]


def check(sequences: Any, labels: Any) -> None:
    """Raise ContentError unless these are lists of whole numbers, one list and one label per text."""
    if sequences.dtype != object or not all(type(words) is list for words in sequences):
        raise ContentError(f"expected lists of words, found an array of {sequences.dtype}")
    if labels.shape != sequences.shape or labels.dtype.kind not in "iu":
        raise ContentError(
            f"expected a label for each of {len(sequences):,} texts, found {labels.shape} {labels.dtype}"
        )
    if not all(set(map(type, words)) <= {int} for words in sequences):
        raise ContentError("expected lists of whole numbers, found others")


def shuffle(sequences: Any, labels: Any, random: np.random.RandomState) -> tuple[Any, Any]:
    """Texts and labels in an order drawn from `random`, Keras's generator, whose stream NumPy has frozen."""
    order = np.arange(len(sequences))
    random.shuffle(order)
    return sequences[order], labels[order]


def begin(sequences: Any, start_char: int | None, index_from: int) -> Sequences:
    """Word ranks moved up by `index_from`, each text led by `start_char` unless that is None."""
    start = [] if start_char is None else [start_char]
    return [start + [word + index_from for word in words] for words in sequences]


def keep_short(sequences: Sequences, labels: Any, maxlen: int) -> tuple[Sequences, Any]:
    """The texts of fewer than `maxlen` entries, with their labels."""
    kept = [i for i, words in enumerate(sequences) if len(words) < maxlen]
    return [sequences[i] for i in kept], labels[kept]


def limit(sequences: Sequences, num_words: int | None, skip_top: int, oov_char: int | None) -> Sequences:
    """Texts whose words lie in `skip_top <= word < num_words`; others become `oov_char`, or are dropped if None."""
    if not num_words:
        # The largest word itself is left out, as in Keras.
        num_words = max((max(words, default=0) for words in sequences), default=0)
    if oov_char is None:
        return [[word for word in words if skip_top <= word < num_words] for words in sequences]
    return [[word if skip_top <= word < num_words else oov_char for word in words] for words in sequences]


def as_array(sequences: Sequences) -> Any:
    """One-dimensional array of lists, of equal length or not."""
    array = np.empty(len(sequences), object)
    for i, words in enumerate(sequences):
        array[i] = words
    return array
