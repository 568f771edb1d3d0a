"""From sentences to words: what ``TextVectorization`` does to strings before it looks their words up."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ....core import text

_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_PUNCTUATION = string.punctuation.encode()

# What each standardization does to the bytes of a string, as arguments of ``bytes.translate``.
STANDARDIZE: dict[str, tuple[bytes | None, bytes]] = {
    "lower_and_strip_punctuation": (_LOWER, _PUNCTUATION),
    "lower": (_LOWER, b""),
    "strip_punctuation": (None, _PUNCTUATION),
}
SPLIT = ("whitespace", "character")

Rows = list[list[bytes]]


def standardized(strings: Any, mode: str | Callable[..., Any] | None, encoding: str) -> Any:
    """Strings as bytes, in an array of any shape -> the same, by one of ``STANDARDIZE`` or by a function"""
    if mode is None:
        return strings
    result = np.empty(strings.shape, object)
    if isinstance(mode, str):
        table, removed = STANDARDIZE[mode]
        result.reshape(-1)[:] = [s.translate(table, removed) for s in strings.reshape(-1).tolist()]
        return result
    returned = mode(_for_functions(strings, encoding))
    result = text.as_bytes(returned, encoding) if np.size(returned) else result
    if result.shape != strings.shape:
        raise ValueError(
            f"TextVectorization: the function given as standardize must keep the shape {strings.shape} of the strings, "
            f"it returned {result.shape}"
        )
    return result


def split_up(strings: list[bytes], mode: str | Callable[..., Any] | None, encoding: str) -> Rows:
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
    """Rows of words put together to runs of 1 to ngrams words, or of the lengths it lists; None: as they are"""
    if ngrams is None:
        return rows
    lengths = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
    return [list(_runs(row, lengths)) for row in rows]


def _runs(words: list[bytes], lengths: Any) -> Iterator[bytes]:
    """The words in runs of each of some lengths, joined by blanks."""
    for n in lengths:
        for i in range(len(words) - n + 1):
            yield b" ".join(words[i : i + n])
