"""Losses: cross-entropies fused with the softmax or sigmoid before them, and the reduction of losses to a number.

target: labels or probabilities  output: of the model -> one number per sample (per element for the binary cross-entropy)
"""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core import settings
from ...core.op import primitive
from ...core.tensor import Tensor, logits_of
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Spec, Xp, class_ids, floating, label_error, sum_to
from .._elementwise import pairwise
from ..core.indexing import take_along_axis
from ..core.shape import expand_dims, ndim, shape, squeeze
from ..math.arithmetic import multiply
from ..math.comparison import equal, where
from ..math.elementwise import cast, clip, negative
from ..math.exponential import log
from ..math.reduce import sum
from ..registry import op

_SPARSE = "sparse_categorical_crossentropy"


@primitive(in_place_grads=True, shape=shape_rules.crossentropy_along)
def _softmax_cross_entropy(backend: Backend, target: Array, logits: Array, /, axis: int = -1) -> Forward:
    """-sum(target log softmax(logits))"""
    logits = floating(logits)
    target = target.astype(logits.dtype, copy=False)
    losses, log_p = backend.cross_entropy(target, logits, axis)

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, Array]:
        dtarget = None if out[0] is False else -backend.xp.expand_dims(dy, axis) * log_p
        return dtarget, backend.cross_entropy_gradient(target, log_p, dy, axis)

    return losses, backward


@primitive(shape=shape_rules.sparse_crossentropy_along)
def _sparse_softmax_cross_entropy(backend: Backend, target: Array, logits: Array, /, axis: int = -1) -> Forward:
    """-log softmax(logits)[target]"""
    xp, z = backend.xp, floating(logits)
    last = axis in (-1, z.ndim - 1)
    z = z if last else xp.moveaxis(z, axis, -1)
    labels = class_ids(xp, target).reshape(-1)
    try:
        losses, p = backend.sparse_cross_entropy(z.reshape(-1, z.shape[-1]), labels)
    except IndexError:
        raise label_error(_SPARSE, target, z.shape[-1]) from None

    def backward(dy: Array) -> tuple[None, Array]:
        dz = backend.sparse_cross_entropy_gradient(p, labels, dy.reshape(-1))
        dz = dz.reshape(z.shape)
        return None, (dz if last else xp.moveaxis(dz, -1, axis))

    return losses.reshape(z.shape[:-1]), backward


@primitive(shape=shape_rules.crossentropy_along)
def _cross_entropy(xp: Xp, target: Array, output: Array, /, axis: int = -1) -> Forward:
    """-sum(target log p), p = output / sum(output) kept within [epsilon, 1 - epsilon]"""
    output = floating(output)
    target = target.astype(output.dtype, copy=False)
    eps = settings.epsilon()
    total = xp.sum(output, axis=axis, keepdims=True)
    p = output / total
    clipped = xp.clip(p, eps, 1 - eps)

    def backward(dy: Array) -> tuple[Array, Array]:
        dy = xp.expand_dims(dy, axis)
        dp = -dy * target / clipped * (p == clipped)
        return -dy * xp.log(clipped), (dp - xp.sum(dp * p, axis=axis, keepdims=True)) / total

    return -xp.sum(target * xp.log(clipped), axis=axis), backward


@primitive(in_place_grads=True, shape=shape_rules.elementwise)
@pairwise
def _sigmoid_cross_entropy(xp: Xp, target: Array, logits: Array, /) -> Forward:
    """-target log s - (1 - target) log(1 - s), s = sigmoid(logits)"""
    z = floating(logits)
    t = target.astype(z.dtype, copy=False)
    e = xp.exp(-xp.abs(z))

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, Array]:
        s = xp.where(z >= 0, 1, e) / (1 + e)
        return (None if out[0] is False else -dy * z), dy * (s - t)

    return xp.maximum(z, 0) - z * t + xp.log1p(e), backward


@primitive(in_place_grads=True, shape=shape_rules.elementwise)
@pairwise
def _binary_cross_entropy(xp: Xp, target: Array, output: Array, /) -> Forward:
    """-target log p - (1 - target) log(1 - p), p = output kept within [epsilon, 1 - epsilon]"""
    output = floating(output)
    t = target.astype(output.dtype, copy=False)
    eps = settings.epsilon()
    p = xp.clip(output, eps, 1 - eps)

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, Array]:
        dt = None if out[0] is False else -dy * (xp.log(p) - xp.log(1 - p))
        return dt, dy * (p - t) / (p * (1 - p)) * (p == output)

    return -(t * xp.log(p) + (1 - t) * xp.log(1 - p)), backward


@primitive(in_place_grads=True, shape=shape_rules.scalar)
def weighted_sum(backend: Backend, values: Array, weights: Array | None = None, /, divisor: float = 1.0) -> Forward:
    """sum(weights * values) / divisor, as a tensor without axes.

    values: any shape  weights: None (all 1), or a shape that broadcasts to that of values
    """

    def backward(dy: Array, out: list[Any]) -> tuple[Array, Array | None]:
        dvalues = backend.total_gradient(dy, divisor, values, weights)
        if weights is None or out[1] is False:
            return dvalues, None
        return dvalues, sum_to(backend.xp, backend.total_gradient(dy, divisor, values) * values, weights)

    return backend.total(values, divisor, weights), backward


@op("nn", shape=shape_rules.crossentropy)
def categorical_crossentropy(target: Any, output: Any, /, from_logits: bool = False, axis: int = -1) -> Tensor:
    """Cross-entropy of class probabilities.  target, output: (..., classes) -> (...)"""
    _check_same_shape("categorical_crossentropy", target, output)
    logits = output if from_logits else _softmax_logits(output, axis)
    if logits is not None:
        return _softmax_cross_entropy(target, logits, axis)
    return _cross_entropy(target, output, axis)


@op("nn", shape=shape_rules.sparse_crossentropy)
def sparse_categorical_crossentropy(target: Any, output: Any, /, from_logits: bool = False, axis: int = -1) -> Tensor:
    """Cross-entropy with integer labels.  target: (...) or (..., 1)  output: (..., classes) -> (...)

    A label outside the classes raises ``ValueError`` on the CPU. On a GPU, which cannot raise in the middle of a step, its loss
    is NaN.
    """
    if ndim(target) == ndim(output) and shape(target)[-1] == 1:
        target = squeeze(target, axis=-1)
    expected = [n for i, n in enumerate(shape(output)) if i != axis % ndim(output)]
    if list(shape(target)) != expected:
        raise ValueError(
            f"sparse_categorical_crossentropy: for output of shape {shape(output)} the target (integer labels) must "
            f"have shape {tuple(expected)}, got {shape(target)}. For one-hot targets use categorical_crossentropy"
        )
    logits = output if from_logits else _softmax_logits(output, axis)
    if logits is not None:
        return _sparse_softmax_cross_entropy(target, logits, axis)
    # Probabilities: the same numbers as the dense form, without the one-hot target.
    p = clip(output / sum(output, axis=axis, keepdims=True), settings.epsilon(), 1 - settings.epsilon())
    one = _one_if_valid(target, output, shape(output)[axis])
    target = where(equal(one, 1), cast(target, "int32"), 0)
    ids = expand_dims(target, axis if axis >= 0 else ndim(output) + axis)
    return negative(multiply(squeeze(log(take_along_axis(p, ids, axis=axis)), axis=axis), one))


@op("nn", shape=shape_rules.elementwise)
def binary_crossentropy(target: Any, output: Any, /, from_logits: bool = False) -> Tensor:
    """Cross-entropy of independent probabilities, element by element.  target, output: one shape -> that shape"""
    _check_same_shape("binary_crossentropy", target, output)
    logits = output if from_logits else logits_of(output, "sigmoid")
    if logits is not None:
        return _sigmoid_cross_entropy(target, logits)
    return _binary_cross_entropy(target, output)


def _softmax_logits(output: Any, axis: int) -> Any:
    """The logits of an output that is a softmax over its last axis."""
    return logits_of(output, "softmax") if axis in (-1, len(output.shape) - 1) else None


@primitive(shape=lambda target, output, classes: Spec(target.shape, output.dtype))
def _one_if_valid(backend: Backend, target: Array, output: Array, /, classes: int) -> NoGrad:
    """1 for a label of a class, in the dtype of ``output``. Else NaN, or ``ValueError`` where the backend can raise."""
    labels = class_ids(backend.xp, target)
    try:
        valid = backend.valid_ids(labels, classes, "labels")
    except IndexError:
        raise label_error(_SPARSE, target, classes) from None
    return backend.xp.where(valid, 1, backend.xp.nan).astype(floating(output).dtype), None


def _check_same_shape(name: str, target: Any, output: Any) -> None:
    if shape(target) != shape(output):
        hint = ". For integer labels use sparse_categorical_crossentropy" if name.startswith("cat") else ""
        raise ValueError(
            f"{name}: target and output must have the same shape, got {shape(target)} and {shape(output)}{hint}"
        )
