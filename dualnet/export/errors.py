"""What an export raises."""

from __future__ import annotations


class ExportError(ValueError):
    """A model that cannot be said in the format it is exported to: the message names the layer and the op."""
