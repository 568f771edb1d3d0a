"""All rows of the layer table: those of every ``rows_*.py`` beside this file."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from .cases import Case

_FILES = sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name.startswith("rows_"))
ROWS: list[Case] = [row for name in _FILES for row in importlib.import_module(f"{__package__}.{name}").ROWS]
