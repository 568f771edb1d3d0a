"""Every so many-th element along one axis, read and written: what pooling is made of. The plain bodies.

A span indexes an array up to one axis and ends with a slice of that axis: ``x[:, :, 0::2]`` has the span
``(slice(None), slice(None), slice(0, None, 2))``.
"""

from __future__ import annotations

from typing import Any

Array = Any
Span = tuple[slice, ...]


class Pooling:
    """The kernels of ``Backend`` that pool."""

    xp: Any

    def part(self, x: Array, span: Span) -> Array:
        """x[span], to be read only: a view or a copy."""
        return x[span]

    def put(self, x: Array, span: Span, values: Array, where: Array | None = None) -> None:
        """x[span] = values, or values * where.  where: booleans of the shape of the values"""
        if where is None:
            x[span] = values
        else:
            self.xp.multiply(values, where, out=x[span])
