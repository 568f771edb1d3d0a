"""``validation_split``: a fraction at the end of the arrays, to validate on."""

from __future__ import annotations

import math
from typing import Any

import dualnet_backends as backends

from .. import tree
from ..core.conversion import to_array
from ..core.text import as_text, is_text
from .data_adapters.array_adapter import check_lengths, is_arrays, to_host


def train_validation_split(arrays: tuple[Any, ...], validation_split: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The first and the last part of every array; the last ``validation_split`` of the samples is for validation.

    Raises ``ValueError`` for anything but arrays, and when either part would be empty.
    """
    x = arrays[0]
    if not is_arrays(x):
        raise ValueError(f"validation_split needs arrays, got {type(x).__name__}: pass validation_data instead")
    if not 0 < validation_split < 1:
        raise ValueError(f"validation_split must be between 0 and 1, got {validation_split}")

    def prepare(part: Any) -> Any:
        if part is None:
            return None
        if isinstance(part, list) and is_text(part):
            return as_text(part)
        if isinstance(part, list) and not any(hasattr(leaf, "shape") for leaf in part):
            return to_array(part, backends.get("cpu"))
        return tree.map_structure(to_host, part)

    parts = tuple(prepare(a) for a in arrays)
    n = check_lengths({str(i): p for i, p in enumerate(parts) if p is not None})
    cut = math.floor(n * (1 - validation_split))
    if cut in (0, n):
        raise ValueError(f"{n} samples are too few for validation_split={validation_split}: one part would be empty")

    def part(start: int, stop: int) -> tuple[Any, ...]:
        return tuple(None if p is None else tree.map_structure(lambda a: a[start:stop], p) for p in parts)

    return part(0, cut), part(cut, n)
