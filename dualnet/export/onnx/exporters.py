"""All exporters: importing this registers them."""

from . import (  # noqa: F401
    activation,
    attention,
    colors,
    convolution,
    elementwise,
    encoding,
    indexing,
    linalg,
    losses,
    normalization,
    recurrent,
    reduction,
    scatter,
    shape,
    signal,
)
