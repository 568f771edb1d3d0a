"""Sequences of different lengths."""

from dualnet.preprocessing.timeseries_generator import TimeseriesGenerator
from dualnet.utils.sequence_utils import pad_sequences

__all__ = ["TimeseriesGenerator", "pad_sequences"]
