"""Data pipelines on the host: the part of tf.data that courses use, in plain NumPy."""

from typing import Any

from .dataset import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset
from .options import Options
from .specs import TensorSpec

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset", "Options", "TensorSpec"]


def __getattr__(name: str) -> Any:
    from ..legacy.tf_names import find

    return find(name, "data")
