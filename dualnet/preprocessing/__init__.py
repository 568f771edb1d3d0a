"""Data preparation, under the names that Keras preserves for compatibility."""

from __future__ import annotations

import importlib
from typing import Any

from ..core.hints import no_attribute

_HOME = {
    "image_dataset_from_directory": "dualnet.utils.image_dataset_utils",
    "text_dataset_from_directory": "dualnet.utils.text_dataset_utils",
    "timeseries_dataset_from_array": "dualnet.utils.timeseries_dataset_utils",
}

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
