"""Activations of Keras 1 and 2 that have another definition in Keras 3."""

from __future__ import annotations

from typing import Any

from .. import ops

__all__ = ["keras2_hard_sigmoid"]


def keras2_hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5, at least 0 and at most 1: the ``hard_sigmoid`` of Keras 1 and 2. That of Keras 3 has the slope 1/6."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
