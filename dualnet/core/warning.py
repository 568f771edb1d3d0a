"""Warnings at the line of the user's program, however many frames of dualnet lie between."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parents[1]) + os.sep


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is not dualnet's.

    Python shows a warning once for each line, so one at a line of dualnet would be lost for every model but the first.

    Args:
        message: the text, or a warning, whose class is the category then.
        category: the class of the warning.
    """
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    warnings.warn(message, category, stacklevel=level)
