"""How the namespaces inside ``ops`` get their names: from the ops of the same names, when all of those are there."""

from __future__ import annotations

import sys
from typing import Any


def fill(namespace: Any) -> None:
    """Put the ops that ``namespace.NAMES`` lists into a module; those that exist are its ``__all__``."""
    ops = sys.modules[__package__]
    namespace.__all__ = [name for name in namespace.NAMES.split() if hasattr(ops, name)]
    vars(namespace).update((name, getattr(ops, name)) for name in namespace.__all__)
