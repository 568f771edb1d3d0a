"""Sequences of different lengths."""

from dualnet.utils.sequence_utils import pad_sequences

__all__ = ["pad_sequences"]
