"""``ops.nn``: the ops of neural networks, all of which are in ``ops`` too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__: list[str] = []  # filled by ops from its registry

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
