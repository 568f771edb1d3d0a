"""Pairs of words for word2vec with skip-grams (arXiv:1301.3781) and negative samples (arXiv:1310.4546)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.seeds import make_default_seed


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """How likely each word is to be kept, by its rank, so that frequent words are kept seldom.  -> (size,)

    p = min(1, sqrt(sampling_factor / frequency)), with the frequency of rank i by Zipf's law: 1 / (i (ln i + gamma) +
    1/2 - 1/(12 i)), gamma = 0.577. Ranks begin at 1; index 0 has the value of index 1.
    """
    rank = np.maximum(np.arange(size), 1).astype("float64")
    inverse_frequency = rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse_frequency))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of a word and one near it, with the label 1, and pairs of a word and a random one, with the label 0.

    Args:
        sequence: the words of a text as integers from 1 on; 0 is no word, and in no pair.
        vocabulary_size: one more than the largest word; random words lie from 1 to ``vocabulary_size - 1``.
        window_size: how far apart the words of a pair may be.
        negative_samples: how many random pairs there are for each pair of the text, which may be a fraction.
        shuffle: mix all pairs; otherwise those of the text come first, in its order.
        categorical: labels [0, 1] and [1, 0] instead of 1 and 0.
        sampling_table: how likely each word is to be taken as the first of pairs, see ``make_sampling_table``.
        seed: for all that is drawn; None for one from the global seed.

    Returns:
        (pairs, labels), two lists.
    """
    rng = random.Random(make_default_seed() if seed is None else seed)
    words = [int(word) for word in sequence]
    pairs: list[list[int]] = []
    for i, word in enumerate(words):
        if not word or (sampling_table is not None and sampling_table[word] < rng.random()):
            continue
        near = (*words[max(0, i - window_size) : i], *words[i + 1 : i + window_size + 1])
        pairs += [[word, other] for other in near if other]
    positive, negative = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels: list[Any] = [positive] * len(pairs)
    count = int(len(pairs) * negative_samples)
    if count:
        if vocabulary_size < 2:
            raise ValueError(f"skipgrams: vocabulary_size should be at least 2 for random words, got {vocabulary_size}")
        first = [word for word, _ in pairs]
        rng.shuffle(first)
        pairs += [[first[i % len(first)], rng.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [negative] * count
    if shuffle:
        order = list(range(len(pairs)))
        rng.shuffle(order)
        pairs, labels = [pairs[i] for i in order], [labels[i] for i in order]
    return pairs, labels
