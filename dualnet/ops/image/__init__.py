"""``ops.image``: ops on images."""

from __future__ import annotations

from ...core.hints import module_getattr
from .borders import *
from .color import *
from .filters import *
from .patches import *
from .resizing import *
from .sampling import *
from .transforms import *

__all__: list[str] = []  # filled by ops from its registry

__getattr__ = module_getattr(__name__, __all__)
