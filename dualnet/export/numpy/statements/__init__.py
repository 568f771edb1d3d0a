"""Ops as statements, in the file of their topic; importing this registers them."""

from . import normalization, products, sequences, shapes, text  # noqa: F401  (they register their rules)
from .rules import RULES

__all__ = ["RULES"]
