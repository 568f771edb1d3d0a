"""Spellings of TensorFlow and Keras 2 that course material still uses."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name != "saving":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(".saving", __name__)  # it imports layers, which import this package
