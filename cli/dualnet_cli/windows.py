"""Windows of sequences: of the rows of a table in the order of time, and of the characters of a text."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import listing, show
from .schema import Data
from .table_lines import DataError


def of_rows(x: Any, window: int) -> Any:
    """All windows of consecutive rows.  (rows, features) -> (rows - window + 1, window, features)

    Raises ``DataError`` where there are fewer rows than a window has.
    """
    if len(x) < window:
        raise DataError("window", f"a window has {window} rows, and there are {len(x)}")
    return np.ascontiguousarray(np.moveaxis(np.lib.stride_tricks.sliding_window_view(x, window, axis=0), -1, 1))


def with_targets(x: Any, y: dict[str, Any], data: Data, first: int = 0) -> tuple[Any, dict[str, Any]]:
    """Windows, each with the target ``horizon`` rows after its last row.

    x: (rows, features)   y: (rows, ...) by output. first: the row from which on a row may be a target: windows may reach back
    into the rows of the part before, which are known by then, but no part is trained on the target of another.
    """
    assert data.window is not None
    start = max(first, data.window + data.horizon - 1)
    if start >= len(x):
        rows = f"{len(x) - first} rows" if first else f"{len(x)} rows"
        message = f"{rows} hold no window of {data.window} rows with a target {data.horizon} after its last row"
        raise DataError("window", message)
    windows = of_rows(x[start - data.window - data.horizon + 1 : len(x) - data.horizon], data.window)
    return windows, {name: values[start:] for name, values in y.items()}


def encode_text(text: str, vocabulary: list[str]) -> Any:
    """The numbers of characters.  -> (characters,) int32. Raises ``DataError`` for characters that are not in the vocabulary."""
    known = np.array([ord(c) for c in vocabulary], np.uint32)  # sorted
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    ids = np.searchsorted(known, codes).astype(np.int32)
    wrong = known[np.minimum(ids, len(known) - 1)] != codes
    if wrong.any():
        strange = sorted({chr(c) for c in codes[wrong]})
        raise DataError("path", f"holds characters that the training did not have: {listing(map(show, strange))}")
    return ids


def of_text(ids: Any, data: Data) -> tuple[Any, Any]:
    """Windows of characters, and the same one character later.  (characters,) -> (n, window), (n, window)"""
    assert data.window is not None
    window, stride = data.window, data.stride or data.window
    if len(ids) <= window:
        raise DataError(
            "window", f"a window has {window} characters and one that follows, and a part of the text has {len(ids)}"
        )
    windows = np.lib.stride_tricks.sliding_window_view(ids, window + 1)[::stride]
    return np.ascontiguousarray(windows[:, :-1]), np.ascontiguousarray(windows[:, 1:])
