"""The labels of a batch on its way to the device, while the host still has them: no step waits for the check."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from ... import tree
from ...core.conversion import to_array
from ...losses.targets import check_targets
from .array_adapter import ArrayData
from .data_checks import check_data


def check_batch(model: Any, batch: ArrayData, y: Any, is_first: bool = False) -> None:
    """Raise ``ValueError`` for labels that the loss of their output is not defined for.

    This is for losses whose steps are captured, and run no Python code. Labels outside the classes are found by the
    cross-entropy itself.

    Args:
        batch: on the device of the model.
        y: its labels as the user gave them.
        is_first: whether it is the first batch of a source, which is checked as arrays are, before anything is trained on it.
    """
    if is_first:
        check_data(model, batch, probabilities=False)
    compiled = model._compiled_loss
    if compiled is None or y is None:
        return
    for labels, fn in compiled.with_ranges(batch.y if batch.backend.device == "cpu" else _on_host(y)):
        check_targets(fn, labels)


def _on_host(y: Any) -> Any:
    """Labels as arrays, as far as the host has them: a list of numbers is one array."""
    if isinstance(y, list) and y and not any(leaf is None or hasattr(leaf, "shape") for leaf in tree.flatten(y)):
        return to_array(y, backends.get("cpu"))
    return y
