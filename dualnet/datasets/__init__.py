"""Data sets as NumPy arrays: `digits` comes with the package, the others are downloaded once and cached."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ..core.hints import no_attribute

if TYPE_CHECKING:
    from dualnet.datasets import (
        boston_housing,
        california_housing,
        cifar10,
        cifar100,
        cora,
        digits,
        fashion_mnist,
        imdb,
        mnist,
        reuters,
        shakespeare,
    )

__all__ = [
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "cora",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
    "shakespeare",
]


# Imported on first use: `import dualnet` loads no file, archive or network module.
def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
