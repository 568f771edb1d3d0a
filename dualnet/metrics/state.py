"""What metrics with a state of their own share: batches as arrays beside their variables, and weights that fit them."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend

from .. import config
from ..core import placement
from ..core.conversion import to_array
from ..core.tensor import Array, Tensor
from ..core.tracing import before_write
from ..core.variables import Variable
from ..losses.reduction import apply_mask
from ..ops._common import label_error, whole_numbers


def backend_of(*values: Any) -> Backend:
    """The backend of the first tensor among the values, else the current one."""
    return placement.backend_of(values) or backends.current()


def as_array(x: Any, backend: Backend, dtype: Any = None) -> Array:
    """A tensor, array or list as an array of ``backend``."""
    if isinstance(x, Tensor):
        array = x.data
    elif isinstance(x, (bool, int, float)):
        return backend.asarray(x, dtype=dtype or config.floatx())  # goes with the kernel that writes it
    else:
        array = to_array(x, backend)
    if not isinstance(array, backend.array_type):
        array = to_array(array, backend)
    return array if dtype is None or array.dtype == dtype else array.astype(dtype)


def weights_for(
    name: str, shape: tuple[int, ...], sample_weight: Any, mask: Any, backend: Backend, dtype: Any
) -> Array | None:
    """The sample weights times the mask: None where there are none, one number, or as many axes as ``shape`` and lengths
    equal or 1.

    Their axes belong to the first of ``shape``; one last axis of length 1 may be too many. Raises ``ValueError`` when
    they do not fit.
    """
    if sample_weight is None and mask is None:
        return None
    if mask is not None:
        mask, sample_weight = _on_device(mask, backend), _on_device(sample_weight, backend)
    weight = as_array(apply_mask(sample_weight, mask, str(dtype), "sum"), backend, dtype)
    if not weight.ndim:
        return weight
    original_shape = weight.shape
    if weight.ndim == len(shape) + 1 and original_shape[-1] == 1:
        weight = weight[..., 0]
    weight = weight.reshape(weight.shape + (1,) * (len(shape) - weight.ndim))
    if weight.ndim != len(shape) or any(m not in (1, n) for m, n in zip(weight.shape, shape)):
        raise ValueError(
            f"{name}: sample_weight of shape {original_shape} does not fit values of shape {shape}: expected one weight per "
            f"sample, of shape {shape[:1]}, or one per element, of shape {shape}"
        )
    return weight


def _on_device(x: Any, backend: Backend) -> Any:
    """A tensor, array or list as a tensor of ``backend``; None stays None."""
    is_there = x is None or (isinstance(x, Tensor) and type(x.data) is backend.array_type)
    return x if is_there else Tensor(as_array(x, backend))


def same_rank(name: str, y_true: Array, y_pred: Array, hint: str = "") -> tuple[Array, Array]:
    """Both in one shape, but for a last axis of length 1 that one of them may lack; else ``ValueError``."""
    if y_true.shape == y_pred.shape:
        return y_true, y_pred
    if y_true.shape == (*y_pred.shape, 1):
        return (y_true, y_pred[..., None]) if y_pred.ndim == 1 else (y_true[..., 0], y_pred)
    if y_pred.shape == (*y_true.shape, 1):
        return (y_true[..., None], y_pred) if y_true.ndim == 1 else (y_true, y_pred[..., 0])
    raise ValueError(
        f"{name}: y_true and y_pred must have the same shape (a last axis of length 1 may be missing in one of them), got "
        f"{y_true.shape} and {y_pred.shape}{hint and '. '}{hint}"
    )


def add_to(variable: Variable, values: Any) -> None:
    """Add to a variable in place, whatever the dtype of the values."""
    before_write(variable.data)
    variable.data += values.astype(variable.data.dtype, copy=False)


def add_to_matrix(
    backend: Backend,
    total: Array,
    labels: Array,
    predictions: Array,
    weight: Array | None = None,
    ignore_class: int | None = None,
    ignore_others: bool = False,
) -> None:
    """total[label, prediction] += weight, in place, for every pair.

    total: (classes, classes)  labels, predictions: classes, of one shape  weight: that shape or what broadcasts to it, None for
    1. A pair with the label ``ignore_class`` does not count. One with a class outside [0, classes) raises ``ValueError`` on the
    host; elsewhere it does not count, and makes a matrix of floats NaN. With ``ignore_others`` it only does not count.
    """
    xp, classes = backend.xp, total.shape[0]
    if not ignore_others:
        labels, predictions = (whole_numbers(backend, x, "a confusion matrix", "labels") for x in (labels, predictions))
    # 64 bits: no label wraps around. A fraction is cut off, as in Keras.
    true, pred = (x.astype("int64", copy=False) for x in (labels, predictions))
    valid = (true >= 0) & (true < classes) & (pred >= 0) & (pred < classes)
    if ignore_class is not None:
        valid = valid & (true != ignore_class)
    indices = xp.where(valid, true * classes + pred, xp.zeros_like(true))
    counts = valid.astype(total.dtype)
    for ids in () if ignore_others else (true, pred):
        known = ids if ignore_class is None else xp.where(true == ignore_class, xp.zeros_like(ids), ids)
        try:
            is_class = backend.valid_ids(known, classes, "labels")
        except IndexError:
            raise label_error("a confusion matrix", known, classes) from None
        if total.dtype.kind == "f":
            counts = xp.where(is_class, counts, xp.nan)
    if weight is not None:
        counts = counts * weight.astype(total.dtype, copy=False)
    flat = xp.zeros((classes * classes,), dtype=total.dtype)
    backend.scatter_add(flat, indices.reshape(-1), counts.reshape(-1))
    total += flat.reshape(total.shape)
