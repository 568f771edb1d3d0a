"""Sums and means over everything seen, and metrics that are the mean of a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import dualnet_backends as backends

from .. import losses, ops
from ..core.conversion import to_array
from ..core.tensor import Array, Tensor
from ..core.tracing import before_write, is_recording, no_grad
from ..core.variables import Variable
from ..initializers import Zeros
from ..losses.loss import from_function_config, function_config, set_arguments
from ..losses.reduction import apply_mask, squeeze_or_expand_to_same_rank
from ..serialization.configurable import attributes
from .metric import Metric
from .registry import FUNCTIONS


class _Reduction(Metric):
    """What Sum and Mean share: values and weights as arrays of the metric's dtype on the metric's device."""

    total: Variable

    def _arrays(self, values: Any, sample_weight: Any) -> tuple[Array, Any]:
        """(values, weights) with the axes of the weights those of the values, or fewer.  weights: array or None"""
        total = self.total.data
        x = values.data if isinstance(values, Tensor) else to_array(values, backends.of(total))
        if x.dtype != total.dtype:
            x = x.astype(total.dtype)
        if sample_weight is None:
            return x, None
        weight = apply_mask(sample_weight, getattr(values, "_keras_mask", None), self._dtype, "sum")
        weight = to_array(weight, backends.of(total), self._dtype)
        if weight.ndim not in (0, x.ndim):
            x, weight = (t.data for t in squeeze_or_expand_to_same_rank(Tensor(x), Tensor(weight)))
        compatible = weight.ndim <= x.ndim and all(m in (1, n) for m, n in zip(weight.shape, x.shape))
        if not compatible:
            raise ValueError(
                f"{self.name}: sample_weight of shape {weight.shape} does not fit values of shape {x.shape}: expected "
                "one weight per sample, or one per element"
            )
        return x, weight


class Sum(_Reduction):
    """The sum of all values, times their weights."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), Zeros(), self.dtype, name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """values: any shape. sample_weight: a number, or a shape that fits the first axes of ``values``."""
        x, weight = self._arrays(values, sample_weight)
        if weight is not None:
            x = x * weight.reshape(weight.shape + (1,) * (x.ndim - weight.ndim))
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
        self.total = self.add_variable((), Zeros(), self.dtype, name="total")
        self.count = self.add_variable((), Zeros(), self.dtype, name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """values: (batch, ...), or one value.

        One number as weight weighs the mean of the whole batch, whatever its size.

        Args:
            sample_weight: a number, or a shape that fits the first axes of ``values``.
        """
        total, count = self.total, self.count
        before_write(total.data, count.data)
        if type(sample_weight) is int and type(values) is Tensor and values.data.ndim == 0:
            backends.of(total.data).accumulate(total.data, count.data, values.data, sample_weight)
            return
        x, weight = self._arrays(values, sample_weight)
        if not x.size:
            return
        samples = x.shape[0] if x.ndim else 1
        if weight is None:
            per_sample = x.size // samples
            total.data += x if x.ndim == 0 else x.sum() if per_sample == 1 else x.sum() / per_sample
            count.data += samples
        elif weight.ndim == 0:
            total.data += (x.sum() / x.size if x.ndim else x) * weight
            count.data += weight
        else:
            w = weight.reshape(weight.shape + (1,) * (x.ndim - weight.ndim))
            total.data += (x * w).sum() / (x.size // samples)
            count.data += weight.sum() * (samples / weight.size)

    def result(self) -> Tensor:
        return ops.divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The mean of a function ``(y_true, y_pred, **kwargs) -> one value per sample``.

    Args:
        fn: the function.
        kwargs: further arguments for it.
        name: by default "mean_metric_wrapper".
    """

    _config_attributes = attributes(fn=None)

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        set_arguments(self, kwargs)
        if fn in losses.FUNCTIONS.values() or type(fn) in losses.CLASSES:
            self._direction = "down"

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take a batch in.

        What the mask of ``y_pred`` leaves out does not count.

        Args:
            sample_weight: a number, or a shape that fits the first axes of what the function returns.
        """
        if is_recording():
            with no_grad():
                return self.update_state(y_true, y_pred, sample_weight)
        mask = getattr(y_pred, "_keras_mask", None)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if mask is not None:
            sample_weight = apply_mask(sample_weight, mask, self._dtype, "sum")
        return super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **function_config(self, self._fn, self._fn_kwargs)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**from_function_config(config, FUNCTIONS))
