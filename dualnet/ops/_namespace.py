"""How the namespaces inside ``ops`` get their names: from the ops of the same names, when all of those are there."""

from __future__ import annotations

import sys
from typing import Any


def fill(namespace: dict[str, Any], names: str) -> list[str]:
    """Put the ops with these names into a module; returns those that there are, which is its ``__all__``."""
    ops = sys.modules[__package__]
    found = [name for name in names.split() if hasattr(ops, name)]
    namespace.update((name, getattr(ops, name)) for name in found)
    return found
