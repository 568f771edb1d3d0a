"""``dualnet.backend``: what Keras has under ``keras.backend``. The settings themselves are in ``dualnet.config``."""

from __future__ import annotations

import gc
from typing import Any

from .config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .core import naming
from .core.dtypes import is_float, result_type, standardize_dtype
from .core.naming import get_uid
from .core.symbolic import KerasTensor

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def clear_session(free_memory: bool = True) -> None:
    """Start the counters of automatic names again, and let go of what is no longer used.

    Args:
        free_memory: whether to collect garbage now: models, whose layers refer to each other, otherwise wait for it.
    """
    naming.reset()
    if free_memory:
        gc.collect()


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype (name, Python type or dtype object) is floating point."""
    return is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype (name, Python type or dtype object) is an integer, signed or not."""
    return standardize_dtype(dtype).startswith(("int", "uint"))


def is_keras_tensor(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor: one that stands for the input or an intermediate result of a model."""
    return isinstance(x, KerasTensor)


def __getattr__(name: str) -> Any:
    from .legacy.tf_names import find

    return find(name, "backend")
