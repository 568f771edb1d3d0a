"""All exporters: importing this registers them."""

from . import (  # noqa: F401
    activation,
    arithmetic,
    attention,
    colors,
    comparison,
    convolution,
    elementwise,
    encoding,
    indexing,
    linalg,
    loop,
    losses,
    normalization,
    quantiles,
    recurrent,
    reduction,
    scatter,
    shape,
    signal,
    text,
)
