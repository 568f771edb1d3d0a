"""Functions of TensorFlow whose arguments have other names, another order or other defaults than the ops of Keras.

``tf_names.py`` says under which names they are found. All run eagerly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import ops
from ..core.tensor import Tensor

newaxis = None  # in an index, a new axis of length 1


def function(func: Callable[..., Any] | None = None, **options: Any) -> Any:
    """``@tf.function``, with or without options: the function as it is. Nothing is traced, every call runs its Python."""
    return (lambda f: f) if func is None else func


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor; with ``shape``, one number fills it and several are put into it."""
    x = ops.convert_to_tensor(value, dtype=dtype)
    if shape is None:
        return x
    return ops.broadcast_to(x, tuple(shape)) if x.size == 1 else ops.reshape(x, tuple(shape))


def argmax(input: Any, axis: int | None = 0, output_type: Any = "int64") -> Any:
    """Where the largest value is; along the first axis unless told otherwise."""
    return ops.cast(ops.argmax(input, axis=0 if axis is None else axis), output_type)


def argmin(input: Any, axis: int | None = 0, output_type: Any = "int64") -> Any:
    """Where the smallest value is; along the first axis unless told otherwise."""
    return ops.cast(ops.argmin(input, axis=0 if axis is None else axis), output_type)


def argmax_last(x: Any, axis: int = -1) -> Any:
    """Where the largest value is, along the last axis unless told otherwise."""
    return ops.argmax(x, axis=axis)


def argmin_last(x: Any, axis: int = -1) -> Any:
    """Where the smallest value is, along the last axis unless told otherwise."""
    return ops.argmin(x, axis=axis)


def concat(values: Sequence[Any], axis: int = 0, name: str | None = None) -> Any:
    """One tensor of several, joined along an axis."""
    return ops.concatenate(values, axis=axis)


def concat_last(tensors: Sequence[Any], axis: int = -1) -> Any:
    """One tensor of several, joined along the last axis unless told otherwise."""
    return ops.concatenate(tensors, axis=axis)


def split(value: Any, num_or_size_splits: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Parts of a tensor: a number of equal ones, or one of each size (one size may be -1: what is left)."""
    if isinstance(num_or_size_splits, int):
        return list(ops.split(value, num_or_size_splits, axis=axis))
    sizes = list(num_or_size_splits)
    if -1 in sizes:
        sizes[sizes.index(-1)] = ops.shape(value)[axis] - sum(sizes) - 1
    return list(ops.split(value, [sum(sizes[: n + 1]) for n in range(len(sizes) - 1)], axis=axis))


def transpose(a: Any, perm: Sequence[int] | None = None) -> Any:
    """Axes in another order; reversed without ``perm``."""
    return ops.transpose(a, axes=perm)


def one_hot(
    indices: Any, depth: int, on_value: float = 1.0, off_value: float = 0.0, axis: int = -1, dtype: Any = "float32"
) -> Any:
    """A vector for each index, with ``on_value`` in its place; none for an index outside 0..depth-1."""
    hot = ops.one_hot(indices, depth, axis=axis, dtype=dtype)
    return hot if (on_value, off_value) == (1.0, 0.0) else hot * (on_value - off_value) + off_value


def gather(params: Any, indices: Any, axis: int = 0) -> Any:
    """The slices at the indices, along the first axis unless told otherwise."""
    return ops.take(params, indices, axis=axis)


def boolean_mask(tensor: Any, mask: Any) -> Any:
    """The entries where the mask is true. Its shape depends on values, so it cannot run within a training step."""
    return ops.convert_to_tensor(tensor)[ops.convert_to_tensor(mask)]


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """``x`` where the condition holds, else ``y``; without both, the indices where it holds, (found, axes)."""
    if x is None and y is None:
        return ops.stack(ops.nonzero(condition), axis=-1)
    return ops.where(condition, x, y)


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running sums. exclusive: without the entry itself. reverse: from the end."""
    start = ops.flip(x, axis=axis) if reverse else x
    sums = ops.cumsum(start, axis=axis)
    sums = sums - start if exclusive else sums
    return ops.flip(sums, axis=axis) if reverse else sums


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: float = 0) -> Any:
    """Borders around a tensor. paddings: (before, after) of each axis. mode: CONSTANT, REFLECT or SYMMETRIC."""
    pairs = tuple((int(a), int(b)) for a, b in ops.convert_to_numpy(paddings))
    mode = mode.lower()
    return ops.pad(tensor, pairs, mode=mode, **({"constant_values": constant_values} if mode == "constant" else {}))


def sorted_values(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    """Sorted along an axis. direction: ASCENDING or DESCENDING."""
    found = ops.sort(values, axis=axis)
    return ops.flip(found, axis=axis) if direction == "DESCENDING" else found


def sorted_places(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    """The indices that would sort. direction: ASCENDING or DESCENDING."""
    return ops.argsort(-ops.convert_to_tensor(values) if direction == "DESCENDING" else values, axis=axis)


def reshape(tensor: Any, shape: Any) -> Any:
    """The same entries in another shape; -1 stands for what is left."""
    return ops.reshape(tensor, tuple(shape))


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    """Entries no smaller and no larger than the bounds."""
    return ops.clip(t, clip_value_min, clip_value_max)


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The product of matrices, the last two axes of each, after transposing them if told to."""
    a = ops.swapaxes(a, -1, -2) if transpose_a else a
    return ops.matmul(a, ops.swapaxes(b, -1, -2) if transpose_b else b)


class TopK(NamedTuple):
    """The largest values and where they are."""

    values: Any
    indices: Any


def top_k(input: Any, k: int = 1, sorted: bool = True) -> TopK:
    """The ``k`` largest entries along the last axis, and their indices."""
    return TopK(*ops.top_k(input, k, sorted=sorted))


def add_n(inputs: Sequence[Any]) -> Any:
    """The sum of tensors of one shape."""
    total = ops.convert_to_tensor(inputs[0])
    for x in inputs[1:]:
        total = total + x
    return total


def squared_difference(x: Any, y: Any) -> Any:
    """(x - y)^2"""
    return ops.square(ops.subtract(x, y))


def l2_normalize(x: Any, axis: Any = -1, epsilon: float = 1e-12) -> Any:
    """Divided by the Euclidean norm along an axis, or by the root of epsilon where that is larger.

    axis: None takes the norm of all entries.
    """
    total = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, epsilon)))


def clip_by_norm(t: Any, clip_norm: float, axes: Any = None) -> Any:
    """Scaled down where the Euclidean norm is larger than ``clip_norm``."""
    norm = ops.sqrt(ops.sum(ops.square(t), axis=axes, keepdims=True))
    return ops.multiply(t, clip_norm) / ops.maximum(norm, clip_norm)


def clip_by_global_norm(t_list: Sequence[Any], clip_norm: float) -> tuple[list[Any], Any]:
    """(tensors scaled down together where the norm of all is larger than ``clip_norm``, that norm). None stays None."""
    norm = ops.sqrt(add_n([ops.sum(ops.square(t)) for t in t_list if t is not None]))
    scale = clip_norm / ops.maximum(norm, clip_norm)
    return [None if t is None else t * scale for t in t_list], norm


def matvec(a: Any, b: Any) -> Any:
    """a: (..., m, n)  b: (..., n) -> (..., m)"""
    return ops.squeeze(ops.matmul(a, ops.expand_dims(b, -1)), -1)


def confusion_matrix(labels: Any, predictions: Any, num_classes: int | None = None) -> Any:
    """Counts, (classes, classes): rows are labels, columns are predictions."""
    from ..utils import confusion_matrix as count

    labels, predictions = ops.convert_to_numpy(labels), ops.convert_to_numpy(predictions)
    size = num_classes or int(max(labels.max(), predictions.max())) + 1
    return ops.convert_to_tensor(count(labels, predictions, num_classes=size).astype("int32"))


# tf.nn


def leaky_relu(features: Any, alpha: float = 0.2) -> Any:
    """x where it is positive, else alpha * x."""
    return ops.leaky_relu(features, negative_slope=alpha)


def gelu(features: Any, approximate: bool = False) -> Any:
    """x * Phi(x), exact unless told otherwise."""
    return ops.gelu(features, approximate=approximate)


def dropout(x: Any, rate: float, seed: int | None = None) -> Any:
    """Some entries zero, the others scaled by 1 / (1 - rate)."""
    from .. import random

    kept = ops.cast(random.uniform(ops.shape(x), seed=seed) >= rate, "float32")
    return ops.multiply(x, kept / (1 - rate))


def l2_loss(t: Any) -> Any:
    """Half the sum of squares."""
    return ops.sum(ops.square(t)) / 2


def embedding_lookup(params: Any, ids: Any) -> Any:
    """params: (words, size)  ids: any shape -> ids.shape + (size,)"""
    return ops.take(params, ids, axis=0)


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
    """TensorFlow gives sizes for all four axes, two axes, or one number."""
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


# tf.random, tf.data, tf.config, and the rest


def set_seed(seed: int) -> None:
    """Fix what dualnet draws; NumPy's own global generator goes on from where it is."""
    import random

    from ..core import seeds, settings

    random.seed(seed)
    settings.set_global_seed(int(seed))
    seeds._start_again()


def cardinality(dataset: Any) -> Any:
    """How many elements a data set has; -1 without end, -2 unknown."""
    return dataset.cardinality()


def nothing_to_set(*args: Any, **kwargs: Any) -> None:
    """A setting of TensorFlow that has nothing to change here: all runs eagerly, and GPU memory grows as needed."""


def executing_eagerly() -> bool:
    """True."""
    return True


def print_to_stderr(*inputs: Any, output_stream: Any = None, sep: str = " ", end: str = "\n", **options: Any) -> None:
    """Print tensors as arrays, to standard error unless told otherwise."""
    import sys

    values = [x.numpy() if isinstance(x, Tensor) else x for x in inputs]
    print(*values, sep=sep, end=end, file=output_stream or sys.stderr)


def get_logger() -> Any:
    """The logger of dualnet."""
    import logging

    return logging.getLogger("dualnet")


def shape_of(dims: Any) -> tuple[int | None, ...]:
    """A shape; here a tuple."""
    return tuple(dims)


def is_gpu_available() -> bool:
    """Whether a GPU answers."""
    from ..config import list_physical_devices

    return bool(list_physical_devices("GPU"))


def gpu_device_name() -> str:
    """ "/device:GPU:0" when a GPU answers, else ""."""
    return "/device:GPU:0" if is_gpu_available() else ""


# keras.backend


def value_of(x: Any) -> Any:
    """The value as a NumPy array."""
    return ops.convert_to_numpy(x)


def set_value(x: Any, value: Any) -> None:
    """Assign to a variable, or to a learning rate."""
    x.assign(value)


def cast_to_floatx(x: Any) -> Any:
    """In the default float type; an array stays an array."""
    from ..config import floatx

    return ops.cast(x, floatx()) if isinstance(x, Tensor) else ops.convert_to_numpy(x).astype(floatx())


def batch_flatten(x: Any) -> Any:
    """x: (batch, ...) -> (batch, values)"""
    return ops.reshape(x, (ops.shape(x)[0], -1))


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two expressions (or what functions of no arguments return), entry by entry where the condition says."""
    first, second = (e() if callable(e) else e for e in (then_expression, else_expression))
    return ops.where(condition, first, second)
