"""Sums and means over everything seen, and metrics that are the mean of a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dualnet_backends as backends

from .. import losses, ops
from ..core.tensor import Array, Tensor
from ..core.tracing import before_write, is_recording, live_tapes, live_views, no_grad
from ..core.variables import Variable
from ..losses.loss import FunctionWrapper
from ..losses.reduction import apply_mask
from .metric import Metric
from .state import as_array, weights_for

FUNCTIONS: dict[str, Any] = {}  # those of metrics and losses, by name, which ``dualnet.metrics`` adds


class _Reduction(Metric):
    """What Sum and Mean share: values and weights as arrays of the metric's dtype on the metric's device."""

    total: Variable

    def _arrays(self, values: Any, sample_weight: Any) -> tuple[Array, Any]:
        """(values, weights) as ``weights_for`` makes them fit."""
        total = self.total.data
        backend = backends.of(total)
        x = as_array(values, backend, total.dtype)
        if sample_weight is None:
            return x, None
        mask = getattr(values, "_keras_mask", None)
        return x, weights_for(self.name, x.shape, sample_weight, mask, backend, total.dtype)


class Sum(_Reduction):
    """The sum of all values, times their weights."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self._add_zeros("total", (), dtype=self.dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """values: any shape. sample_weight: a number, or a shape that fits the first axes of ``values``."""
        x, weight = self._arrays(values, sample_weight)
        if weight is not None:
            x = x * weight
        before_write(self.total.data)
        self.total.data += x.sum() if x.ndim else x

    def result(self) -> Tensor:
        return ops.copy(self.total)


class Mean(_Reduction):
    """The mean of all values, weighted if there are weights.

    Values with more than one axis are first averaged per sample.
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self._add_zeros("total", (), dtype=self.dtype)
        self.count = self._add_zeros("count", (), dtype=self.dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """values: (batch, ...), or one value.

        One number as weight weighs the mean of the whole batch, whatever its size.

        Args:
            sample_weight: a number, or a shape that fits the first axes of ``values``.
        """
        total, count = self.total, self.count
        if live_tapes or live_views:
            before_write(total.data, count.data)
        if type(sample_weight) is int and type(values) is Tensor and values.data.ndim == 0:
            backends.of(total.data).add_to_mean(total.data, count.data, values.data, sample_weight)
            return
        x, weight = self._arrays(values, sample_weight)
        if not x.size:
            return
        if weight is not None and weight.ndim == 0:
            total.data += (x.sum() / x.size if x.ndim else x) * weight
            count.data += weight
        else:
            backends.of(total.data).add_values_to_mean(total.data, count.data, x, weight)

    def result(self) -> Tensor:
        return ops.divide_no_nan(self.total, self.count)


class MeanMetricWrapper(FunctionWrapper, Mean):
    """The mean of a function ``(y_true, y_pred, **kwargs) -> one value per sample``.

    Args:
        fn: the function.
        kwargs: further arguments for it.
        name: by default "mean_metric_wrapper".
    """

    _functions = FUNCTIONS

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        self._wrap(fn, kwargs)
        if fn in losses.FUNCTIONS.values() or type(fn) in losses.CLASSES:  # the metrics of losses rely on it
            self._direction = "down"

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Add a batch, without what the mask of ``y_pred`` leaves out.

        Args:
            sample_weight: a number, or a shape that fits the first axes of what the function returns.
        """
        if is_recording():
            with no_grad():
                return self.update_state(y_true, y_pred, sample_weight)
        mask = getattr(y_pred, "_keras_mask", None)
        values = self.fn(y_true, y_pred, **self._fn_kwargs)
        if mask is not None:
            sample_weight = apply_mask(sample_weight, mask, self._dtype, "sum", y_pred)
        return super().update_state(values, sample_weight)


class MeanScore(MeanMetricWrapper):
    """Base of the means of functions that are larger the better."""

    _direction = "up"
