"""Sequences of different lengths."""

from dualnet.core.hints import module_getattr
from dualnet.preprocessing.skipgrams import make_sampling_table, skipgrams
from dualnet.preprocessing.timeseries_generator import TimeseriesGenerator
from dualnet.utils.sequence_utils import pad_sequences

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]

__getattr__ = module_getattr(__name__, __all__)
