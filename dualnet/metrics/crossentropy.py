"""Cross-entropies, as metrics."""

from __future__ import annotations

from typing import Any

from ..losses import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from .reduction import MeanMetricWrapper


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of -y log p - (1 - y) log(1 - p), for targets of 0 and 1.

    Args:
        from_logits: whether ``y_pred`` holds logits, not probabilities.
        label_smoothing: s moves the targets to y (1 - s) + s / 2.
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of -sum(y log p), for one-hot targets.

    Args:
        from_logits: whether ``y_pred`` holds logits, not probabilities.
        label_smoothing: s moves the targets to y (1 - s) + s / classes.
        axis: of the classes.
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            categorical_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of -log p[label], for integer labels.

    Args:
        from_logits: whether ``y_pred`` holds logits, not probabilities.
        ignore_class: a label whose loss is 0. As in Keras such samples still count in the number the sum is divided by,
            unless there are sample weights.
        axis: of the classes.
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy, name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )
