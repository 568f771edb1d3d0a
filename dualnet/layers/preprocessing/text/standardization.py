"""From sentences to words, for ``TextVectorization``: standardization, splitting, ngrams."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import text
from .hash_functions import map_values

_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_PUNCTUATION = string.punctuation.encode()

# The arguments of ``bytes.translate`` for each standardization.
STANDARDIZE: dict[str, tuple[bytes | None, bytes]] = {
    "lower_and_strip_punctuation": (_LOWER, _PUNCTUATION),
    "lower": (_LOWER, b""),
    "strip_punctuation": (None, _PUNCTUATION),
}
SPLIT = ("whitespace", "character")

Rows = list[list[bytes]]


def standardize_strings(strings: Any, mode: str | Callable[..., Any] | None, encoding: str) -> Any:
    """Strings as bytes, in an array of any shape -> the same, by one of ``STANDARDIZE`` or by a function"""
    if mode is None:
        return strings
    if isinstance(mode, str):
        table, removed = STANDARDIZE[mode]
        return map_values(lambda s: s.translate(table, removed), strings, object)
    returned = mode(_for_functions(strings, encoding))
    result = text.as_bytes(returned, encoding) if np.size(returned) else np.empty(strings.shape, object)
    if result.shape != strings.shape:
        raise ValueError(
            f"TextVectorization: the function given as standardize must keep the shape {strings.shape} of the strings, "
            f"it returned {result.shape}"
        )
    return result


def split_strings(strings: list[bytes], mode: str | Callable[..., Any] | None, encoding: str) -> Rows:
    """The words of each string, by one of ``SPLIT`` or by a function"""
    if mode == "whitespace":
        return [s.split() for s in strings]
    if mode == "character":
        return [[c.encode(encoding) for c in s.decode(encoding, "replace")] for s in strings]
    result = list(mode(_for_functions(np.array(strings, dtype=object), encoding)))  # type: ignore[operator, misc]
    if len(result) != len(strings):
        raise ValueError(
            f"TextVectorization: the function given as split got {len(strings)} strings and must return as many lists of "
            f"words, it returned {len(result)}"
        )
    return [text.as_bytes(row, encoding).reshape(-1).tolist() if len(row) else [] for row in result]


def _for_functions(strings: Any, encoding: str) -> Any:
    """Bytes as an array of NumPy's strings, which ``numpy.char`` and ``numpy.strings`` work on."""
    decoded = [s.decode(encoding, "replace") for s in strings.reshape(-1).tolist()]
    return np.array(decoded, dtype=str).reshape(strings.shape)


def ngrams_of(rows: Rows, ngrams: int | tuple[int, ...] | None) -> Rows:
    """The ngrams of rows of words, of 1 to ``ngrams`` words or of the lengths in it; None: the words."""
    if ngrams is None:
        return rows
    lengths = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
    return [[b" ".join(row[i : i + n]) for n in lengths for i in range(len(row) - n + 1)] for row in rows]
