"""Masking: steps of a sequence that are there to fill it up."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...serialization.objects import deserialize_keras_object
from ..base.elementwise import Elementwise


class Masking(Elementwise):
    """Marks the steps whose features all equal ``mask_value``: layers that follow leave them out.

    x: (batch, steps, features); marked steps become 0.
    """

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):  # an array, in a config
            mask_value = deserialize_keras_object(mask_value)
        self.mask_value = mask_value
        self._build_at_init()

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        mask = self.compute_mask(inputs)
        y = ops.where(ops.expand_dims(mask, -1), inputs, 0)
        y._keras_mask = mask
        return y
