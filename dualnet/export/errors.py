"""The error of everything that cannot be exported."""

from __future__ import annotations


class ExportError(ValueError):
    """A model computes something that the format cannot say."""
