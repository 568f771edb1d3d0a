"""How much of the variance of the targets the predictions explain."""

from __future__ import annotations

from functools import partial
from typing import Any

import dualnet_backends as backends

from .. import config, ops
from ..core.tensor import Tensor
from ..core.tracing import before_write, no_grad
from ..core.warning import warn
from .metric import Metric
from .state import add_to, as_array, backend_of, same_rank, weights_for

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """1 - sum((y_true - y_pred)^2) / sum((y_true - mean)^2): 1 is exact, 0 as good as always predicting the mean.

    The sums are kept in float64: the variance is a small difference of large numbers.

    A target that does not vary gives 0, or NaN where it is predicted exactly.

    Args:
        class_aggregation: "uniform_average" of the columns, "variance_weighted_average", or None for one number for
            each.
        num_regressors: of the model, for the adjusted score; 0 gives the plain one.
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in AGGREGATIONS:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {AGGREGATIONS}. Received: "
                f"class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. Received: "
                f"num_regressors={num_regressors}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self._add_zeros("num_samples", ())
        self._built = False

    def _build(self, y_true_shape: Any, y_pred_shape: Any, backend: backends.Backend | None = None) -> None:
        if len(y_true_shape) != 2 or len(y_pred_shape) != 2:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
                f"y_pred.shape={y_pred_shape} and y_true.shape={y_true_shape}."
            )
        zeros = partial(self._add_zeros, shape=(y_pred_shape[-1],), backend=backend, dtype="float64")
        self.squared_sum, self.sum = zeros("squared_sum"), zeros("sum")
        self.total_mse, self.count = zeros("residual"), zeros("count")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch, without what the mask of ``y_pred`` leaves out.

        Args:
            y_true, y_pred: (batch, columns); (batch,) in one of them is a single column.
            sample_weight: a number, one per sample, or one per element.
        """
        with no_grad():
            mask = getattr(y_pred, "_keras_mask", None)
            backend = backends.of(self.num_samples.data) if self._built else backend_of(y_pred)
            true, pred = (as_array(x, backend, "float64") for x in (y_true, y_pred))
            true, pred = same_rank(self.name, true, pred)
            if not self._built:
                self._build(true.shape, pred.shape, backend)
            weight = weights_for(self.name, true.shape, sample_weight, mask, backend, "float64")
            weight = backend.xp.ones_like(true) if weight is None else backend.xp.broadcast_to(weight, true.shape)
            error = true - pred
            add_to(self.sum, (weight * true).sum(axis=0))
            add_to(self.squared_sum, (weight * true * true).sum(axis=0))
            add_to(self.total_mse, (weight * error * error).sum(axis=0))
            add_to(self.count, weight.sum(axis=0))
            before_write(self.num_samples.data)
            self.num_samples.data += true.size  # as in Keras: of all columns together

    def result(self) -> Tensor:
        if not self._built:
            return ops.zeros(())
        total = self.squared_sum - self.sum * ops.divide_no_nan(self.sum, self.count)
        constant = ops.equal(total, 0)
        scores = 1 - self.total_mse / ops.where(constant, 1.0, total)
        scores = ops.where(constant, ops.where(ops.greater(self.total_mse, 0), 0.0, float("nan")), scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.sum(total * scores) / ops.sum(total)
        return ops.cast(self._adjusted(scores) if self.num_regressors else scores, config.floatx())

    def _adjusted(self, score: Tensor) -> Tensor:
        n, p = float(self.num_samples), self.num_regressors
        if p >= n - 1:
            problem = "Division by zero" if p == n - 1 else "More independent predictors than datapoints"
            warn(f"{problem} in adjusted R2 score. Falling back to standard R2 score.")
            return score
        return 1 - (1 - score) * (n - 1) / (n - p - 1)
