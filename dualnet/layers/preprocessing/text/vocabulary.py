"""A vocabulary: its terms and weights, how they are learned, its file, and its checks."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ....core import text
from ..numeric.category_encoding import Constant

ASSET = "vocabulary.txt"


class Vocabulary:
    """A vocabulary and the counts it is learned from. Not a container, which would be searched for sublayers."""

    def __init__(self, initial_idf: Any = None) -> None:
        self.initial_idf = initial_idf  # of the constructor
        self.terms: list[Any] | None = None  # without the special ones
        self.idf: Any = None  # the weight of every entry, special ones included
        self.device_weights: Any = None  # the same weights, and their copies on devices
        self.table: dict[bytes, int] = {}
        self.reset()

    # -- learning --------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Discard the counts."""
        self.counts: Counter[Any] = Counter()
        self.documents: Counter[Any] = Counter()  # how many samples have a term
        self.samples = 0

    def count(self, rows: list[list[Any]], count_documents: bool) -> None:
        """Count the keys of samples, each a list; with ``count_documents`` also how many samples have each key."""
        for row in rows:
            self.counts.update(row)
            if count_documents:
                self.documents.update(set(row))
        self.samples += len(rows)

    def most_frequent(self, ignored: set[Any], most: int | None) -> list[Any]:
        """The ``most`` most frequent keys, the most frequent first, and among equals the greatest."""
        ranked = sorted(((n, key) for key, n in self.counts.items() if key not in ignored), reverse=True)
        return [key for _, key in ranked][:most]

    def learned_weights(self, keys: list[Any]) -> Any:
        """log(1 + samples / (1 + samples that have it)) for each key"""
        return np.log1p(np.array([self.samples / (1 + self.documents[key]) for key in keys]))

    # -- weights ---------------------------------------------------------------------------------------------------------

    def set_weights(self, weights: Any, special: int = 0) -> None:
        """Set the weights of the terms, after those of ``special`` entries, which are their mean."""
        weights = np.asarray(weights)
        if special:
            weights = np.concatenate([np.full(special, weights.mean() if len(weights) else 0.0), weights])
        self.idf = weights.astype("float32")

    def special_weights_differ(self, special: int) -> bool:
        """Whether the weights of the special entries differ from the mean."""
        return bool(special) and not np.allclose(self.idf[:special], self.idf[special:].mean(), rtol=1e-6)

    def weights(self, depth: int) -> Constant:
        """The weights, padded with zeros to ``depth`` entries."""
        if self.device_weights is None or self.device_weights[0] is not self.idf:
            self.device_weights = self.idf, Constant(np.pad(self.idf, (0, depth - len(self.idf))))
        return self.device_weights[1]


# -- its file ------------------------------------------------------------------------------------------------------------


def read_terms(file: Path, handwritten: bool = False) -> list[str]:
    """The lines of a file; of a handwritten one, without the line ends of Windows."""
    try:
        lines = file.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"a vocabulary must be a text file in utf-8, with a term on each line: {error}") from None
    if len(lines) > 1 and lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines] if handwritten else lines


def write_terms(file: Path, terms: list[Any]) -> None:
    """Write the file that ``read_terms`` reads."""
    lines = "\n".join(str(t) for t in terms)
    file.write_bytes((lines + ("\n" if lines.endswith("\n") else "")).encode())


def has_no_line_breaks(terms: list[Any]) -> bool:
    """Whether the terms can be in a file with one on each line."""
    return not any(isinstance(t, str) and ("\n" in t or "\r" in t) for t in terms)


# -- checks --------------------------------------------------------------------------------------------------------------


def check_terms(terms: list[Any], special: list[Any], reserved: dict[str, Any], max_tokens: int | None) -> None:
    """Refuse terms that are repeated, that are reserved (by name, None for those that are not used), or too many."""
    counts = Counter(terms)
    if len(counts) != len(terms):
        repeated = [term for term, n in counts.items() if n > 1]
        raise ValueError(
            "The passed vocabulary has at least one repeated term. Please uniquify your dataset. The repeated terms "
            f"are: {repeated}"
        )
    for which, token in reserved.items():
        if token is not None and token in counts:
            raise ValueError(
                f"Found reserved {which} token at unexpected location in `vocabulary`. Note that passed `vocabulary` "
                "does not need to include the OOV and mask tokens. Either remove all mask and OOV tokens, or include "
                f"them only at the start of the vocabulary in precisely this order: {special}. Received: "
                f"{which.lower()}_token={token!r} at vocabulary index {terms.index(token)}"
            )
    size = len(terms) + len(special)
    if max_tokens is not None and size > max_tokens:
        raise ValueError(
            "Attempted to set a vocabulary larger than the maximum vocab size. "
            f"Received vocabulary size is {size}; `max_tokens` is {max_tokens}."
        )


def refuse_path(cls: type, config: dict[str, Any]) -> None:
    """Refuse a path in a config, which may come from a file that must not cause others to be read."""
    if isinstance(config.get("vocabulary"), (str, bytes)):
        raise ValueError(
            f"{cls.__name__}: the vocabulary in a config must be a list of terms, got the path {config['vocabulary']!r}, "
            "which is not read: call set_vocabulary(path) on the layer yourself"
        )


# -- its data ------------------------------------------------------------------------------------------------------------


def batches_of(data: Any, steps: int | None = None) -> Iterator[Any]:
    """The batches in the data of ``adapt``: one array or list of values, or an iterable of batches."""
    if text.is_text(data, empty=True) or hasattr(data, "shape") or hasattr(data, "to_numpy") or _is_values(data):
        yield data
        return
    if not hasattr(data, "__iter__"):
        raise TypeError(f"adapt takes an array, a list, or an iterable of batches, got {type(data).__name__}")
    for batch in itertools.islice(data, steps):
        yield batch[0] if isinstance(batch, tuple) else batch


def _is_values(data: Any) -> bool:
    """Whether something is a nested list of numbers."""
    if not isinstance(data, (list, tuple)):
        return isinstance(data, (int, float))
    return len(data) == 0 or _is_values(data[0]) or np.isscalar(data[0])
