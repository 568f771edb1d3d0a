"""TensorFlow's functions in ``tf.nn`` and ``tf.image`` whose arguments differ from those of the ops of Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops, random
from ..ops.nn.embedding import embedding

# tf.nn


def leaky_relu(features: Any, alpha: float = 0.2) -> Any:
    """x where it is positive, else alpha * x."""
    return ops.leaky_relu(features, negative_slope=alpha)


def gelu(features: Any, approximate: bool = False) -> Any:
    """x * Phi(x), exact by default."""
    return ops.gelu(features, approximate=approximate)


def dropout(x: Any, rate: float, seed: int | None = None) -> Any:
    """Random entries are set to zero, the others scaled by 1 / (1 - rate)."""
    mask = ops.cast(random.uniform(ops.shape(x), seed=seed) >= rate, "float32")
    return ops.multiply(x, mask / (1 - rate))


def l2_loss(t: Any) -> Any:
    """Half the sum of squares."""
    return ops.sum(ops.square(t)) / 2


def embedding_lookup(params: Any, ids: Any) -> Any:
    """params: (words, size)  ids: any shape -> ids.shape + (size,)"""
    return embedding(params, ids)


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1) -> Any:
    """labels, logits: (..., classes) -> (...)"""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """labels: (...)  logits: (..., classes) -> (...)"""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def sigmoid_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """labels, logits: any one shape -> the same"""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float) -> Any:
    """scale * (x - mean) / sqrt(variance + epsilon) + offset; scale and offset may be None"""
    y = (ops.convert_to_tensor(x) - mean) * ops.rsqrt(ops.add(variance, variance_epsilon))
    y = y if scale is None else y * scale
    return y if offset is None else y + offset


def _sizes(value: Any) -> Any:
    """(rows, columns) from sizes for four axes, for two axes, or one number."""
    value = [value] if isinstance(value, int) else list(value)
    return tuple(value[1:3]) if len(value) == 4 else tuple(value * 2) if len(value) == 1 else tuple(value)


def conv2d(input: Any, filters: Any, strides: Any, padding: str, dilations: Any = 1) -> Any:
    """input: (batch, rows, columns, channels)  filters: (rows, columns, channels, out); padding: SAME or VALID."""
    return ops.conv(input, filters, _sizes(strides), padding.lower(), "channels_last", _sizes(dilations))


def max_pool2d(input: Any, ksize: Any, strides: Any, padding: str) -> Any:
    """input: (batch, rows, columns, channels); padding: SAME or VALID."""
    return ops.max_pool(input, _sizes(ksize), _sizes(strides), padding.lower(), "channels_last")


def avg_pool2d(input: Any, ksize: Any, strides: Any, padding: str) -> Any:
    """input: (batch, rows, columns, channels); padding: SAME or VALID."""
    return ops.average_pool(input, _sizes(ksize), _sizes(strides), padding.lower(), "channels_last")


# tf.image


def resize_images(images: Any, size: Sequence[int], method: str = "bilinear", antialias: bool = False) -> Any:
    """images: (batch, rows, columns, channels) or (rows, columns, channels) -> size, in float32 unless "nearest" """
    if method != "nearest":
        images = ops.cast(images, "float32")
    return ops.image.resize(images, tuple(size), interpolation=method, antialias=antialias, data_format="channels_last")


def flip_left_right(image: Any) -> Any:
    """image: (..., rows, columns, channels), columns from right to left"""
    return ops.flip(image, axis=-2)


def flip_up_down(image: Any) -> Any:
    """image: (..., rows, columns, channels), rows from bottom to top"""
    return ops.flip(image, axis=-3)


def grayscale_to_rgb(images: Any) -> Any:
    """images: (..., rows, columns, 1) -> (..., rows, columns, 3)"""
    return ops.repeat(images, 3, axis=-1)
