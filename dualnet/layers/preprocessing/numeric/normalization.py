"""Normalization of features by their mean and variance, learned before training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends

from .... import config, ops
from ....core.tracing import no_grad
from ....serialization.configurable import attributes
from ...base.layer import Layer, Shape
from .category_encoding import Constant, plain

CHUNK = 1 << 21  # elements processed at a time


class Normalization(Layer):
    """(x - mean) / sqrt(variance), for each feature.

    mean and variance are given, or learned by ``adapt(data)`` before training.

    Args:
        axis: the axis of the features, or several; None: one mean and variance for all.
        invert: compute the inverse, x sqrt(variance) + mean.
    """

    supports_masking = True
    _config_attributes = attributes(mean=None, variance=None)

    adapt_mean: Any = None
    adapt_variance: Any = None

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        if mean is not None:
            shapes = ops.shape(mean), ops.shape(variance)
            if shapes[0] != shapes[1]:
                raise ValueError(
                    "When setting values directly, `mean` and `variance` must have the same shape. "
                    f"Received: mean shape {shapes[0]} and variance shape {shapes[1]}"
                )
            if len(shapes[0]) > len(self.axis):
                raise ValueError(
                    f"The rank of `mean` must be less than or equal to the number of axes ({len(self.axis)}). "
                    f"Received: mean shape {shapes[0]} for axis {self.axis}"
                )
        self.input_mean, self.input_variance = mean, variance
        self.invert = invert

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ValueError(
                "All `axis` values must be in the range [-ndim, ndim). "
                f"Received inputs with ndim={rank}, while axis={self.axis}"
            )
        self._feature_axes = tuple(sorted(a % rank for a in self.axis))
        if any(input_shape[a] is None for a in self._feature_axes):
            raise ValueError(
                f"All `axis` values to be kept must have a known shape. Received axis={self.axis}, "
                f"inputs.shape={tuple(input_shape)}"
            )
        self._broadcast = tuple(n if a in self._feature_axes else 1 for a, n in enumerate(input_shape))
        if self.input_mean is None:
            lengths = tuple(input_shape[a] for a in self._feature_axes)
            self.adapt_mean = self.add_weight(lengths, initializer="zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(lengths, initializer="ones", trainable=False, name="variance")
            self.count = self.add_weight((), initializer="zeros", dtype="int32", trainable=False, name="count")
            return
        self._constants = tuple(Constant(self._aligned(v)) for v in (self.input_mean, self.input_variance))

    def _aligned(self, value: Any) -> Any:
        """A mean or variance of the constructor on the host, its axes aligned with the last feature axes."""
        array = ops.convert_to_numpy(value)
        shape = [1] * len(self._broadcast)
        for i in range(1, array.ndim + 1):
            shape[self._feature_axes[-i]] = array.shape[-i]
        return backends.of(array).xp.broadcast_to(array.reshape(shape), self._broadcast)

    @property
    def mean(self) -> Any:
        """The mean, in a shape that broadcasts against inputs; None before the layer is built."""
        return self._statistic(0)

    @property
    def variance(self) -> Any:
        """The variance, in a shape that broadcasts against inputs; None before the layer is built."""
        return self._statistic(1)

    def _statistic(self, which: int, like: Any = None) -> Any:
        if not self.built:
            return None
        if self.input_mean is None:
            return ops.reshape((self.adapt_mean, self.adapt_variance)[which], self._broadcast)
        return self._constants[which].on_device_of(ops.zeros(()) if like is None else like, self.compute_dtype)

    def adapt(self, data: Any) -> None:
        """Learn mean and variance from data: one array, or an iterable of batches (a ``Dataset``, a list of arrays, a
        generator); of a tuple (x, y) x is taken. Earlier results are discarded.
        """
        if self.input_mean is not None:
            raise ValueError("Normalization: adapt() has nothing to learn, mean and variance were given to the layer")
        mean: Any = None
        variance: Any = None
        total = 0
        with no_grad():
            for batch in batches(data, whole=0 in self._axes_of(data)):
                self._check(batch)
                axes = tuple(a for a in range(len(batch.shape)) if a not in self._feature_axes)
                n = math.prod(batch.shape[a] for a in axes)
                if n == 0:
                    continue
                # In float64, so that the error does not grow with the number of rows.
                m, v = ops.moments(ops.cast(ops.convert_to_tensor(batch), "float64"), axes)
                if total == 0:
                    mean, variance, total = m, v, n
                    continue
                # The two parts as one: the variance within each, and that between their means.
                share = n / (total + n)
                variance = variance + (v - variance) * share + ops.square(m - mean) * (share * (1 - share))
                mean, total = mean + (m - mean) * share, total + n
        if total == 0:
            raise ValueError("Normalization: adapt() received no data, from which there is nothing to learn")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def _axes_of(self, data: Any) -> list[int]:
        """The feature axes, for data that is one array."""
        rank = len(getattr(data, "shape", ()))
        return [a % rank for a in self.axis] if rank else []

    def _check(self, batch: Any) -> None:
        shape = tuple(batch.shape)
        if not self.built:
            self.build(shape)
        expected = tuple(self._build_shape)
        if len(shape) != len(expected) or any(shape[a] != expected[a] for a in self._feature_axes):
            raise ValueError(
                f"The layer was built with input_shape={expected}, but adapt() is being called with data with an "
                f"incompatible shape, data.shape={shape}"
            )

    def call(self, inputs: Any) -> Any:
        x = ops.cast(inputs, self.compute_dtype)
        mean, variance = self._statistic(0, x), self._statistic(1, x)
        deviation = ops.maximum(ops.sqrt(variance), config.epsilon())
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": plain(self.input_mean), "variance": plain(self.input_variance)}


def batches(data: Any, whole: bool = False) -> Iterator[Any]:
    """The batches in the data of ``adapt``: parts of one array (or all of it), or the items of an iterable."""
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        if whole:
            yield data
            return
        # Part by part, so that intermediate results need little memory.
        rows = data.shape[0] if data.shape else 0
        step = max(CHUNK // max(math.prod(data.shape[1:]), 1), 1)
        yield from (data[i : i + step] for i in range(0, rows, step))
        return
    if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
        raise TypeError(
            f"Unsupported data type: {type(data).__name__}. `adapt` takes an array, a tensor, or an iterable of batches."
        )
    received = False
    for batch in data:
        x = batch[0] if isinstance(batch, tuple) else batch
        if not hasattr(x, "shape"):
            raise TypeError(
                "adapt() expects an iterable that yields arrays or tensors with a `.shape` attribute (or tuples that begin "
                f"with one). Got an element of type {type(x).__name__}: make one array of the data, with numpy.asarray(...)"
            )
        received = True
        yield x
    if not received:
        raise ValueError(
            "adapt() received an empty iterable (no batches). Expected at least one batch, e.g. layer.adapt([x])."
        )
