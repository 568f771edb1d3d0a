"""The labels of a batch on its way to the device, while the host still has them: no step waits for the check."""

from __future__ import annotations

from typing import Any

from ... import tree
from ...losses.targets import check_targets
from .array_adapter import ArrayData


def check_batch(model: Any, batch: ArrayData, y: Any) -> None:
    """Raise ``ValueError`` for labels that the loss of their output is not defined for.

    This is for losses whose steps are captured, and run no Python code. Labels outside the classes are found by the
    cross-entropy itself.

    Args:
        batch: on the device of the model.
        y: its labels as the user gave them.
    """
    compiled = model._compiled_loss
    if compiled is None or y is None:
        return
    functions = compiled.functions()
    if functions:
        labels = tree.flatten(batch.y if batch.backend.device == "cpu" else y)
        for i, fn in functions:
            if i < len(labels) and labels[i] is not None:
                check_targets(fn, labels[i])
