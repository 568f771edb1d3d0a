"""Data that reaches the first layers with a kernel in a scale that gradient descent does badly on.

A check is a function of the values of such an input, ``x: (samples, ...)`` on the host, and returns what it found, or None.
What a normalization layer takes in next is no mistake: it makes the scale of its input irrelevant.
"""

from __future__ import annotations

from typing import Any

from ...core.tensor import Array, Tensor
from ...layers.base.layer import Layer
from ...layers.convolution.base import Convolutional
from ...layers.core.dense import Dense
from ...layers.normalization.batch_normalization import BatchNormalization
from ...layers.normalization.normalization import OverAxes
from .observation import Finding, Found, sample, tensors

PIXELS = 48  # fewer numbers in a sample are no image
LARGE = 100.0  # a feature that reaches this is not scaled
RATIO = 100.0  # between the largest features and the smallest


def raw_pixels(x: Array) -> Found:
    """Pixels from 0 to 255."""
    if x.dtype.kind not in "fiu" or x.ndim < 2 or x[0].size < PIXELS:
        return None
    low, high = float(x.min()), float(x.max())
    if low < 0 or not LARGE < high <= 255:
        return None
    is_image = x.ndim == 4 and (x.shape[-1] in (1, 3) or x.shape[1] in (1, 3))
    if not is_image and bool((abs(x - x.round()) > 1e-3).any()):
        return None
    return (
        f"the inputs go from {low:g} to {high:g}, like pixels that are not scaled",
        "Networks learn best from numbers near 0 to 1: divide the data by 255, or begin the model with Rescaling(1 / 255)",
    )


def different_scales(x: Array) -> Found:
    """Features of very different size."""
    if x.dtype.kind not in "fiu" or x.ndim != 2 or len(x) < 8 or raw_pixels(x) is not None:
        return None
    varying = x.max(axis=0) > x.min(axis=0)
    sizes = abs(x.astype("float64")).max(axis=0)
    sizes, columns = sizes[varying], varying.nonzero()[0]
    if len(sizes) < 2 or sizes.max() < LARGE or sizes.max() < RATIO * sizes.min():
        return None
    large, small = sizes.argmax(), sizes.argmin()
    return (
        f"the features are of very different scale: feature {columns[large]} goes up to {sizes[large]:.4g}, "
        f"feature {columns[small]} to {sizes[small]:.4g}",
        "The large ones decide everything: begin the model with Normalization(), adapted to the training data, or subtract "
        "the mean of each feature and divide by its standard deviation",
    )


CHECKS = (raw_pixels, different_scales)


class InputChecks:
    """Applies the checks to what no trained weight has changed yet, in the order of the calls."""

    def __init__(self) -> None:
        self._findings: list[tuple[Array, str, str, str]] = []  # (array that the input became, check, problem, remedy)

    def __call__(self, layer: Layer, inputs: list[Tensor], result: Any) -> None:
        outputs = tensors(result)
        if not inputs or not outputs:
            return
        if isinstance(layer, (BatchNormalization, OverAxes)):
            self._findings = [f for f in self._findings if f[0] is not inputs[0].data]
        elif not layer.weights:  # an activation, a pooling: what follows may still be a normalization
            self._findings = [(outputs[0].data if f[0] is inputs[0].data else f[0], *f[1:]) for f in self._findings]
        elif isinstance(layer, (Dense, Convolutional)) and not inputs[0].tracked:
            values = sample(inputs[0])
            for check in CHECKS if values.size else ():
                finding = check(values)
                if finding is not None:
                    self._findings.append((outputs[0].data, check.__name__, *finding))

    def results(self) -> list[Finding]:
        """What was found."""
        return [(check, problem, remedy) for _, check, problem, remedy in self._findings]
