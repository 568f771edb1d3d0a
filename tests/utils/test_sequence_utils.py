"""`pad_sequences` against Keras and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.utils import pad_sequences

LISTS = [[1], [2, 3], [4, 5, 6], []]
VECTORS = [[[1, 2]], [[3, 4], [5, 6], [7, 8]], []]

CASES: list[tuple[Any, dict[str, Any]]] = [
    (LISTS, {}),
    (LISTS, {"maxlen": 2}),
    (LISTS, {"maxlen": 2, "truncating": "post"}),
    (LISTS, {"maxlen": 5, "padding": "post", "value": -1}),
    (LISTS, {"padding": "post", "dtype": "float64", "value": 0.5}),
    (VECTORS, {}),
    (VECTORS, {"maxlen": 2, "padding": "post", "truncating": "post", "dtype": "float32"}),
    ([["a"], ["b", "c"]], {"dtype": object, "value": "pad"}),
    ([np.arange(3), np.arange(5)], {"maxlen": 4}),
    (np.arange(6).reshape(2, 3), {"maxlen": 4}),
    (([1, 2], (3,)), {}),
]


@pytest.mark.parametrize(("sequences", "arguments"), CASES)
def test_equals_keras(keras: Any, sequences: Any, arguments: dict[str, Any]) -> None:
    ours, theirs = pad_sequences(sequences, **arguments), keras.utils.pad_sequences(sequences, **arguments)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_by_hand() -> None:
    assert pad_sequences(LISTS).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]
    assert pad_sequences(LISTS, 2, padding="post").tolist() == [[1, 0], [2, 3], [5, 6], [0, 0]]
    assert pad_sequences(LISTS, 0).shape == (4, 0)
    assert pad_sequences([]).shape == (0, 0)
    assert dualnet.preprocessing.sequence.pad_sequences is pad_sequences


@pytest.mark.parametrize(
    ("sequences", "arguments", "message"),
    [
        (5, {}, "must be a list of sequences, got int"),
        ([[1], 2], {}, "its entry 1 is 2"),
        (LISTS, {"padding": "left"}, "padding must be"),
        (LISTS, {"truncating": "left"}, "truncating must be"),
        (LISTS, {"value": "pad"}, "`dtype` int32 is not compatible with .* give dtype=object"),
        ([[[1, 2]], [[3]]], {}, r"those of sequence 1 have \(1,\), not \(2,\)"),
    ],
)
def test_mistakes_are_said(sequences: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pad_sequences(sequences, **arguments)
