"""TensorFlow's functions of arrays whose arguments have other names, another order or other defaults than the ops of Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import ops, utils
from ..core.tensor import Tensor
from ..core.text import DTYPE, is_text, text_tensor

newaxis = None  # in an index, a new axis of length 1


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor, also of strings; with ``shape``, one number fills it, and several are reshaped to it."""
    is_string = dtype in (None, DTYPE) and is_text(value)
    x = text_tensor(value) if is_string else ops.convert_to_tensor(value, dtype=dtype)
    if shape is None:
        return x
    return ops.broadcast_to(x, tuple(shape)) if x.size == 1 else ops.reshape(x, tuple(shape))


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None) -> Tensor:
    """A tensor, also of strings."""
    return constant(value, dtype)


def argmax(input: Any, axis: int | None = 0, output_type: Any = "int64") -> Any:
    """The index of the largest value, along the first axis by default."""
    return ops.cast(ops.argmax(input, axis=0 if axis is None else axis), output_type)


def argmin(input: Any, axis: int | None = 0, output_type: Any = "int64") -> Any:
    """The index of the smallest value, along the first axis by default."""
    return ops.cast(ops.argmin(input, axis=0 if axis is None else axis), output_type)


def concat(values: Sequence[Any], axis: int = 0, name: str | None = None) -> Any:
    """Tensors joined along an axis."""
    return ops.concatenate(values, axis=axis)


def split(value: Any, num_or_size_splits: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Parts of a tensor: a number of equal parts, or parts of certain sizes (one may be -1: the rest)."""
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
    """A vector for each index, with ``on_value`` at the index; without it for an index outside 0..depth-1."""
    hot = ops.one_hot(indices, depth, axis=axis, dtype=dtype)
    return hot if (on_value, off_value) == (1.0, 0.0) else hot * (on_value - off_value) + off_value


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """``x`` where the condition holds, else ``y``; without both, the indices where it holds, (n, axes)."""
    if x is None and y is None:
        return ops.stack(ops.nonzero(condition), axis=-1)
    return ops.where(condition, x, y)


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Cumulative sums. exclusive: without the entry itself. reverse: from the end."""
    start = ops.flip(x, axis=axis) if reverse else x
    sums = ops.cumsum(start, axis=axis)
    sums = sums - start if exclusive else sums
    return ops.flip(sums, axis=axis) if reverse else sums


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: float = 0) -> Any:
    """A padded tensor. paddings: (before, after) for each axis. mode: CONSTANT, REFLECT or SYMMETRIC."""
    pairs = tuple((int(a), int(b)) for a, b in ops.convert_to_numpy(paddings))
    mode = mode.lower()
    return ops.pad(tensor, pairs, mode=mode, **({"constant_values": constant_values} if mode == "constant" else {}))


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    """Sorted along an axis. direction: ASCENDING or DESCENDING."""
    result = ops.sort(values, axis=axis)
    return ops.flip(result, axis=axis) if direction == "DESCENDING" else result


def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    """The indices that would sort. direction: ASCENDING or DESCENDING."""
    return ops.argsort(-ops.convert_to_tensor(values) if direction == "DESCENDING" else values, axis=axis)


def reshape(tensor: Any, shape: Any) -> Any:
    """The same entries in another shape; one size may be -1: the rest."""
    return ops.reshape(tensor, tuple(shape))


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    """Entries clipped to the bounds."""
    return ops.clip(t, clip_value_min, clip_value_max)


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The product of matrices (the last two axes), transposed first if requested."""
    a = ops.swapaxes(a, -1, -2) if transpose_a else a
    return ops.matmul(a, ops.swapaxes(b, -1, -2) if transpose_b else b)


class TopK(NamedTuple):
    """The largest values and their indices."""

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
    """Divided by the Euclidean norm along an axis, or by the root of epsilon where it is larger.

    axis: None takes the norm of all entries.
    """
    total = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, epsilon)))


def clip_by_norm(t: Any, clip_norm: float, axes: Any = None) -> Any:
    """Scaled down where the Euclidean norm is larger than ``clip_norm``."""
    norm = ops.sqrt(ops.sum(ops.square(t), axis=axes, keepdims=True))
    return ops.multiply(t, clip_norm) / ops.maximum(norm, clip_norm)


def clip_by_global_norm(t_list: Sequence[Any], clip_norm: float) -> tuple[list[Any], Any]:
    """(tensors, scaled by one factor if their joint norm is larger than ``clip_norm``; the norm). None stays None."""
    norm = ops.sqrt(add_n([ops.sum(ops.square(t)) for t in t_list if t is not None]))
    scale = clip_norm / ops.maximum(norm, clip_norm)
    return [None if t is None else t * scale for t in t_list], norm


def matvec(a: Any, b: Any) -> Any:
    """a: (..., m, n)  b: (..., n) -> (..., m)"""
    return ops.squeeze(ops.matmul(a, ops.expand_dims(b, -1)), -1)


def confusion_matrix(labels: Any, predictions: Any, num_classes: int | None = None) -> Any:
    """Counts, (classes, classes): rows are labels, columns are predictions."""
    labels, predictions = ops.convert_to_numpy(labels), ops.convert_to_numpy(predictions)
    size = num_classes or int(max(labels.max(), predictions.max())) + 1
    return ops.convert_to_tensor(utils.confusion_matrix(labels, predictions, num_classes=size).astype("int32"))
