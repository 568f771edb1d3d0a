"""What is in a file or a folder: its format, layers, arrays, compile arguments and optimizer state, and why it would be refused.

Files are told apart by their content. No model is built, no array is read, nothing is run: only configs and headers are looked at,
and of a checkpoint its checksums.
"""

from .configs import describe
from .inspect import inspect, size_on_disk
from .report import Port, Report, StoredArray, StoredLayer

__all__ = ["Port", "Report", "StoredArray", "StoredLayer", "describe", "inspect", "size_on_disk"]
