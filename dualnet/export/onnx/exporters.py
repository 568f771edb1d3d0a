"""All exporters: importing this registers them."""

from . import activation, attention, convolution, elementwise, encoding, indexing, linalg, normalization, recurrent, reduction, shape  # noqa: F401
