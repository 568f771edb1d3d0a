"""`pad_sequences`: lists of different lengths as rows of one array."""

from __future__ import annotations

from typing import Any

import numpy as np


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Any:
    """Return sequences as an array with rows of equal length, padded or truncated.

    Args:
        sequences: list of lists or arrays, whose entries have the same shape.
        maxlen: length of the rows; by default that of the longest sequence.
        dtype: dtype of the result. Numbers are cast as by NumPy: the default truncates fractions.
        padding: pad short sequences at the start (`"pre"`) or at the end (`"post"`).
        truncating: truncate long sequences at the start (`"pre"`) or at the end (`"post"`).
        value: the padding value. For text, pass `dtype=object`.

    Returns:
        `(len(sequences), maxlen)`, followed by the shape of an entry.

    Raises:
        ValueError: an argument is invalid, or the entries differ in shape.
    """
    for name, mode in (("padding", padding), ("truncating", truncating)):
        if mode not in ("pre", "post"):
            raise ValueError(f'{name} must be "pre" or "post", got {mode!r}')
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"sequences must be a list of sequences, got {type(sequences).__name__}")
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"sequences must be a list of sequences, its entry {i} is {sequence!r:.40}")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUS":
        raise ValueError(f"`dtype` {dtype} is not compatible with the text {value!r} as value: give dtype=object")
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    first = next((sequence for sequence in sequences if len(sequence)), ())
    shape = np.asarray(first).shape[1:]

    rows = np.full((len(sequences), maxlen, *shape), value, dtype)
    for i, sequence in enumerate(sequences):
        if not len(sequence):
            continue
        truncated = sequence[max(len(sequence) - maxlen, 0) :] if truncating == "pre" else sequence[:maxlen]
        truncated = np.asarray(truncated, dtype)
        if truncated.shape[1:] != shape:
            message = f"entries must have one shape: those of sequence {i} have {truncated.shape[1:]}, not {shape}"
            raise ValueError(message)
        start = maxlen - len(truncated) if padding == "pre" else 0
        rows[i, start : start + len(truncated)] = truncated
    return rows
