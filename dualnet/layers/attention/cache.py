"""The cache of keys and values of an attention layer, for sequences that are generated step by step."""

from __future__ import annotations

import operator
from typing import Any, SupportsIndex

from ... import ops
from ...core.symbolic import KerasTensor
from ...core.tensor import Tensor


class Cache:
    """The keys and values of all steps: (batch, 2, steps, heads, size).

    Args:
        layer: whose call it is, for errors.
        array: what earlier calls computed; what is not yet written may be anything.
        index: the first of the steps that this call computes, a number or a tensor; None if it only reads.
    """

    def __init__(self, layer: Any, array: Any, index: Any) -> None:
        if len(array.shape) != 5 or array.shape[1] != 2:
            raise ValueError(
                f"{type(layer).__name__} layer {layer.name!r}: expected a cache of shape (batch, 2, steps, heads, size), with keys "
                f"and values on the second axis, got shape {tuple(array.shape)}"
            )
        self._name = f"{type(layer).__name__} layer {layer.name!r}"
        if isinstance(index, SupportsIndex) and not isinstance(index, Tensor):
            index = operator.index(index)
        elif not (index is None or isinstance(index, (Tensor, KerasTensor))):
            raise TypeError(
                f"{self._name}: expected a whole number or a tensor with one as cache_update_index, got {index!r}: the step "
                "from which on the keys and values of this call are written"
            )
        self.array, self.index = array, index
        self.keys, self.values = array[:, 0], array[:, 1]

    def update(self, keys: Any, values: Any) -> tuple[Any, Any]:
        """All keys and values, those of this call among them.  keys, values: (batch, new steps, heads, size)"""
        steps, new = self.keys.shape[1], keys.shape[1]
        for name, x in (("keys", keys), ("values", values)):
            if tuple(x.shape[2:]) != tuple(self.keys.shape[2:]):
                raise ValueError(
                    f"{self._name}: {name} have (heads, size) {tuple(x.shape[2:])}, and a cache of shape {tuple(self.array.shape)} "
                    f"has room for {tuple(self.keys.shape[2:])}"
                )
        if isinstance(self.index, int) and None not in (steps, new) and not 0 <= self.index <= steps - new:
            raise ValueError(
                f"{self._name}: cache_update_index={self.index} and {new} new steps do not fit in a cache of {steps} steps: make a "
                "longer one, of zeros, for as many steps as are to be generated"
            )
        start = [0, self.index, 0, 0]
        self.keys = ops.slice_update(self.keys, start, keys)
        self.values = ops.slice_update(self.values, start, values)
        self.array = ops.stack([self.keys, self.values], axis=1)
        return self.keys, self.values

    def mask(self, mask: Any, new: Any) -> Any:
        """A mask of all steps, from one that may be of the new ones alone: then the others are valid.  new: (batch, steps, ...)"""
        if mask is None or mask.shape[1] == self.keys.shape[1] or mask.shape[1] != new.shape[1]:
            return mask
        valid = ops.ones_like(self.keys[:, :, 0, 0], dtype="bool")
        return ops.slice_update(valid, [0, self.index], ops.cast(mask, "bool"))


def cache_of(layer: Any, cache: Any, index: Any) -> Cache | None:
    """The cache of a call; None without one."""
    if cache is None:
        if index is not None:
            raise ValueError(
                f"{type(layer).__name__} layer {layer.name!r}: `cache_update_index` should not be set if `cache` is `None`; got "
                f"cache_update_index={index!r}"
            )
        return None
    return Cache(layer, cache, index)
