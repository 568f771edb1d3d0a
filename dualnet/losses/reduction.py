"""From one value per sample to one number: shapes that fit, masks, sample weights, and reductions."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from .. import config, ops
from ..core.conversion import to_own_array
from ..core.dtypes import standardize_dtype
from ..core.tensor import Origin, Tensor, logits_of
from ..legacy.arguments import Reduction
from ..ops.nn.crossentropy_loss import weighted_sum

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


def standardize_reduction(reduction: str | None) -> str | None:
    """The reduction itself; raises ``ValueError`` for one that does not exist."""
    if reduction == Reduction.AUTO:
        return "sum_over_batch_size"
    if reduction not in REDUCTIONS:
        names = ", ".join(map(repr, REDUCTIONS))
        raise ValueError(f"Invalid value for argument `reduction`: expected one of {names}, got {reduction!r}")
    return reduction


def compute_dtype(dtype: Any) -> str:
    """The dtype to compute in: a name, a policy ("mixed_float16", or an object that has ``compute_dtype``), or None."""
    if dtype is None:
        return config.floatx()
    dtype = getattr(dtype, "compute_dtype", dtype)
    if isinstance(dtype, dict):  # a policy in a config
        dtype = dtype["config"]["name"]
    return standardize_dtype(dtype.removeprefix("mixed_") if isinstance(dtype, str) else dtype)


def as_tensor(x: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    """``x`` as a tensor of ``dtype`` (None: of its own). A tensor that has it already is returned as it is.

    like: a tensor on whose device ``x`` is to be if it is none; if that is none either, the device in use.
    """
    if isinstance(x, Tensor):
        if dtype is None or x.data.dtype == dtype:
            return x
        y: Tensor = ops.cast(x, dtype)
        if x.origin is not None:  # a cross-entropy reads it
            y.origin = Origin(x.origin.activation, as_tensor(x.origin.logits, dtype))
        return y
    if isinstance(x, (list, tuple)) and any(isinstance(v, Tensor) and v.tracked for v in x):
        raise ValueError(
            f"expected one tensor, got a {type(x).__name__} of {len(x)}: give every output a loss of its own, or join "
            "them with ops.stack"
        )
    backend = backends.of(like.data) if isinstance(like, Tensor) else backends.current()
    return Tensor(to_own_array(x, backend, dtype))


def squeeze_or_expand_to_same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Two tensors whose ranks differ by one, and whose extra last axis has length 1, in the same rank.

    A vector beside a column becomes a column; in all other cases the extra axis is dropped.
    """
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if rank1 == rank2 + 1 and x1.shape[-1] == 1:
        if rank2 == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, -1)
        return _squeeze_last(x1), x2
    if rank2 == rank1 + 1 and x2.shape[-1] == 1:
        if rank1 == 1 and expand_rank_1:
            return ops.expand_dims(x1, -1), x2
        return x1, _squeeze_last(x2)
    return x1, x2


def _squeeze_last(x: Any) -> Tensor:
    y: Tensor = ops.squeeze(x, -1)
    logits = logits_of(x, "sigmoid")
    if logits is not None:
        y.origin = Origin("sigmoid", ops.squeeze(logits, -1))
    return y


def same_shape(name: str, y_true: Any, y_pred: Any, hint: str = "") -> tuple[Tensor, Tensor]:
    """Target and prediction as tensors of one shape. Raises ``ValueError`` where no axis of length 1 explains a
    difference.

    Keras would broadcast here: a target of shape (32, 1) is compared with each of 10 columns, as a rule by mistake.
    """
    y_pred = as_tensor(y_pred, like=y_true)
    y_true = as_tensor(y_true, like=y_pred)
    if y_true.data.shape == y_pred.data.shape and y_pred.data.ndim:
        return y_true, y_pred
    true, pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    if true.shape != pred.shape or not pred.ndim:
        raise ValueError(
            f"{name}: y_true and y_pred must have the same shape, with at least one axis (a last axis of length 1 may "
            f"be missing in one of them), got {y_true.shape} and {y_pred.shape}. "
            + (hint or "Give the target the shape of the model's output, or broadcast it if that is what you mean")
        )
    return true, pred


def apply_mask(sample_weight: Any, mask: Any, dtype: str, reduction: str | None, like: Any = None) -> Any:
    """The sample weights with a mask multiplied in; ``sample_weight`` itself when there is no mask.

    For a mean, valid elements have the weight total / valid, so that the mean is over the valid ones. like: see ``as_tensor``.
    """
    if mask is None:
        return sample_weight
    mask_weights = (as_tensor(mask, like=like).data != 0).astype(dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        mask_weights *= mask_weights.size / backends.of(mask_weights).xp.maximum(mask_weights.sum(), 1)
    weight = Tensor(mask_weights)
    if sample_weight is None:
        return weight
    sample_weights = as_tensor(sample_weight, dtype, like=weight)
    weight, sample_weights = _align("the mask", weight, "sample_weight", sample_weights, either=True)
    return ops.multiply(sample_weights, weight)


def _align(name1: str, x1: Tensor, name2: str, x2: Tensor, either: bool = False) -> tuple[Tensor, Tensor]:
    """Both in one rank: after a last axis of length 1 is made up for, the first axes of the longer belong to the
    shorter. ``x2`` may have an axis of length 1 where ``x1`` is longer; with ``either`` also the reverse.

    Raises ``ValueError`` unless the lengths are then equal or 1. (Broadcasting would count axes from the last:
    weights of n samples would silently weigh n time steps.)
    """
    if not x1.ndim or not x2.ndim:
        return x1, x2
    a, b = squeeze_or_expand_to_same_rank(x1, x2)
    rank = max(a.ndim, b.ndim)
    a, b = (x if x.ndim == rank else ops.reshape(x, x.shape + (1,) * (rank - x.ndim)) for x in (a, b))
    if any(m != n and n != 1 and not (either and m == 1) for m, n in zip(a.shape, b.shape)):
        raise ValueError(
            f"{name2} of shape {x2.shape} does not fit {name1} of shape {x1.shape}: expected one weight per sample, of shape "
            f"{x1.shape[:1]}, or one per element, of shape {x1.shape}"
        )
    return a, b


def reduce_weighted_values(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> Tensor:
    """Weigh the loss of each sample (or element), and reduce.

    values: any shape; a loss without axes is taken as that of every sample. sample_weight: a number, or a shape that
    fits the first axes of ``values``. mask: booleans that do. reduction: "sum_over_batch_size" or "mean": the sum
    divided by the number of values (weights are not normalised); "mean_with_sample_weight": divided by the sum of the
    weights; "sum"; "none" or None: the weighted values themselves. dtype: of the result, by default ``floatx()``.
    """
    values = as_tensor(values, compute_dtype(dtype))
    if sample_weight is None and mask is None:
        if reduction in (None, "none") or not values.data.ndim:
            return values
        divisor = 1 if reduction == "sum" else max(values.data.size, 1)
        return weighted_sum(values, None, divisor)
    weight = apply_mask(sample_weight, mask, str(values.dtype), reduction, values)
    weight = as_tensor(weight, str(values.dtype), like=values)
    if not values.ndim:
        values = ops.broadcast_to(values, weight.shape)
    values, weight = _align("the loss", values, "the mask" if sample_weight is None else "sample_weight", weight)
    if reduction in (None, "none") or not values.ndim:
        return ops.multiply(values, weight)
    if reduction == "mean_with_sample_weight":
        return ops.divide_no_nan(weighted_sum(values, weight), ops.sum(weight))
    divisor = 1 if reduction == "sum" else max(values.size, 1)
    return weighted_sum(values, weight, divisor)
