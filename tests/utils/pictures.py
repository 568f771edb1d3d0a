"""Looking at picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def ink_share(path: Path) -> float:
    """The share of a PNG file that is not white."""
    from matplotlib import image

    pixels = np.asarray(image.imread(path))[..., :3]
    return float((pixels < 0.97).any(axis=-1).mean())
