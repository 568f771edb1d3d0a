"""``ops.numpy``: the ops that NumPy has under the same names, all of which are in ``ops`` too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.hints import module_getattr

__all__: list[str] = []  # filled by ops from its registry

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


__getattr__ = module_getattr(__name__, __all__)
