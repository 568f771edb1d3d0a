"""Strided slices along one axis, read and written, of which pooling is composed: the reference kernels.

An index ends with the slice of that axis: that of ``x[:, :, 0::2]`` is ``(slice(None), slice(None), slice(0, None, 2))``.
"""

from __future__ import annotations

from typing import Any

Array = Any
Index = tuple[slice, ...]


class Pooling:
    """The pooling kernels of ``Backend``."""

    xp: Any

    def read_slice(self, x: Array, index: Index) -> Array:
        """x[index], read-only: a view or a copy."""
        return x[index]

    def write_slice(self, x: Array, index: Index, values: Array, where: Array | None = None) -> None:
        """x[index] = values, or values * where.  where: booleans of the shape of values"""
        if where is None:
            x[index] = values
        else:
            self.xp.multiply(values, where, out=x[index])
