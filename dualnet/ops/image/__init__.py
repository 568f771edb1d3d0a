"""``ops.image``: ops on images."""

from __future__ import annotations

from .borders import *
from .color import *
from .filters import *
from .patches import *
from .resizing import *
from .sampling import *
from .transforms import *

__all__: list[str] = []  # filled by ops from its registry
