"""`pad_sequences`: lists of different lengths as the rows of one array."""

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
    """Return sequences as an array of rows of one length, filled up or cut off.

    Args:
        sequences: list of lists or arrays, whose entries have one shape.
        maxlen: length of the rows; that of the longest sequence when None.
        dtype: of the result. Numbers are converted as NumPy does it: with the default, fractions are cut off.
        padding: `"pre"` fills short sequences up in front, `"post"` behind.
        truncating: `"pre"` cuts long sequences off in front, `"post"` behind.
        value: what they are filled up with. For text, give `dtype=object`.

    Returns:
        `(len(sequences), maxlen)`, with the shape of an entry behind.

    Raises:
        ValueError: an argument is none of these, or the entries differ in shape.
    """
    for name, chosen in (("padding", padding), ("truncating", truncating)):
        if chosen not in ("pre", "post"):
            raise ValueError(f'{name} must be "pre" or "post", got {chosen!r}')
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
        kept = np.asarray(
            sequence[max(len(sequence) - maxlen, 0) :] if truncating == "pre" else sequence[:maxlen], dtype
        )
        if kept.shape[1:] != shape:
            raise ValueError(f"entries must have one shape: those of sequence {i} have {kept.shape[1:]}, not {shape}")
        start = maxlen - len(kept) if padding == "pre" else 0
        rows[i, start : start + len(kept)] = kept
    return rows
