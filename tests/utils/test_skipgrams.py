"""`skipgrams` and `make_sampling_table`, against their definitions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import dualnet
from dualnet.preprocessing.sequence import make_sampling_table, skipgrams


def test_pairs_of_the_text() -> None:
    pairs, labels = skipgrams([1, 2, 0, 3, 4], 10, window_size=2, negative_samples=0, shuffle=False)
    assert pairs == [[1, 2], [2, 1], [2, 3], [3, 2], [3, 4], [4, 3]]
    assert labels == [1] * 6
    assert skipgrams([], 10) == ([], [])
    assert skipgrams([0, 0], 10) == ([], [])


def test_words_that_occur_twice() -> None:
    pairs, _ = skipgrams([5, 5, 6], 10, window_size=1, negative_samples=0, shuffle=False)
    assert pairs == [[5, 5], [5, 5], [5, 6], [6, 5]]


def test_random_pairs() -> None:
    text = list(range(1, 21)) * 20
    pairs, labels = skipgrams(text, 50, window_size=2, negative_samples=1.5, shuffle=False, seed=1)
    count = labels.count(1)
    assert labels == [1] * count + [0] * int(1.5 * count)
    positive, negative = pairs[:count], pairs[count:]
    assert positive == skipgrams(text, 50, window_size=2, negative_samples=0, shuffle=False)[0]
    # The first words of random pairs are those of the pairs of the text, as often in proportion.
    often, seldom = Counter(a for a, _ in negative), Counter(a for a, _ in positive)
    assert all(seldom[word] <= often[word] <= 2 * seldom[word] for word in range(1, 21))
    drawn = Counter(b for _, b in negative)
    assert set(drawn) == set(range(1, 50))
    expected = len(negative) / 49
    assert max(drawn.values()) < expected + 5 * expected**0.5
    assert len(skipgrams(text, 50, negative_samples=0.5)[1]) == len(skipgrams(text, 50, negative_samples=0)[1]) * 3 // 2


def test_shuffled_labels_stay_with_their_pairs() -> None:
    text = [1, 2, 3, 4, 5]
    pairs, labels = skipgrams(text, 1000, window_size=1, seed=3)
    in_text = {(a, b) for a, b in skipgrams(text, 1000, window_size=1, negative_samples=0, shuffle=False)[0]}
    assert sorted(tuple(p) for p, label in zip(pairs, labels) if label) == sorted(in_text)
    assert labels != sorted(labels, reverse=True)
    _, categorical = skipgrams(text, 1000, window_size=1, seed=3, categorical=True)
    assert categorical == [[0, 1] if label else [1, 0] for label in labels]


def test_the_seed() -> None:
    text = list(range(1, 30))
    assert skipgrams(text, 30, seed=1) == skipgrams(text, 30, seed=1) != skipgrams(text, 30, seed=2)
    drawn = []
    for _ in range(2):
        dualnet.utils.set_random_seed(4)
        drawn.append([skipgrams(text, 30), skipgrams(text, 30)])
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]


def test_the_sampling_table() -> None:
    table = make_sampling_table(5)
    # Keras 2's values.
    np.testing.assert_allclose(table, [0.00315225, 0.00315225, 0.00547597, 0.00741556, 0.00912817], rtol=1e-5)
    assert make_sampling_table(3, sampling_factor=10).tolist() == [1, 1, 1]
    keep = np.zeros(10)
    keep[2] = 1.0
    pairs, _ = skipgrams([1, 2, 3], 10, negative_samples=0, shuffle=False, sampling_table=keep)
    assert pairs == [[2, 1], [2, 3]]
    text = [7] * 4000
    half = skipgrams(text, 10, window_size=1, negative_samples=0, sampling_table=np.full(10, 0.5), seed=1)[0]
    assert 3700 < len(half) < 4300


def test_too_small_a_vocabulary() -> None:
    with pytest.raises(ValueError, match="vocabulary_size should be at least 2"):
        skipgrams([1, 1], 1)
