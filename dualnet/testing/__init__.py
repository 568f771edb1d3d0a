"""Gradient checks for custom ops, layers and models, and comparisons of devices, precisions, and captured with eager steps."""

from .compare import compare_captured, compare_devices, compare_precision
from .differences import Comparison, Difference
from .grads import check_grads
from .model import LayerCheck, check_model

__all__ = [
    "Comparison",
    "Difference",
    "LayerCheck",
    "check_grads",
    "check_model",
    "compare_captured",
    "compare_devices",
    "compare_precision",
]
