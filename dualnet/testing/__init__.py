"""Gradient checks for custom ops, layers and models."""

from .grads import check_grads
from .model import LayerCheck, check_model

__all__ = ["LayerCheck", "check_grads", "check_model"]
