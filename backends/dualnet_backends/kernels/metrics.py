"""What the metrics of a step compute, and the states of means: the reference kernels."""

from __future__ import annotations

from typing import Any

Array = Any


class Metrics:
    """The kernels of ``Backend`` for metrics."""

    xp: Any

    def is_largest(self, scores: Array, labels: Array, dtype: Any) -> Array:
        """1 where the first of the largest scores is that of the label, else 0.  scores: (..., classes)  labels: (...) integers -> (...)"""
        return (scores.argmax(axis=-1) == labels).astype(dtype)

    def has_same_largest(self, scores: Array, targets: Array, dtype: Any) -> Array:
        """1 where the largest of both are at the same place, else 0.  scores, targets: (..., classes) -> (...)"""
        return (scores.argmax(axis=-1) == targets.argmax(axis=-1)).astype(dtype)

    def is_right_side(self, scores: Array, targets: Array, threshold: float, dtype: Any) -> Array:
        """1 where ``scores > threshold`` is what the target says, 0 or 1, else 0.  scores, targets: one shape -> that shape"""
        return ((scores > threshold) == targets).astype(dtype)

    def add_to_mean(self, total: Array, count: Array, value: Array, weight: int) -> None:
        """``total += value * weight`` and ``count += weight``, for 0-d arrays."""
        total += value * weight
        count += weight

    def add_values_to_mean(self, total: Array, count: Array, values: Array, weights: Array | None = None) -> None:
        """Add the mean of the values of each sample to ``total``, and the number of samples to ``count``, 0-d arrays.

        values: (samples, ...), not empty; or one value.  weights: what broadcasts to that shape, with as many axes, and then counts
        instead.
        """
        samples = values.shape[0] if values.ndim else 1
        per_sample = values.size // samples
        if weights is None:
            total += values if values.ndim == 0 else values.sum() if per_sample == 1 else values.sum() / per_sample
            count += samples
        else:
            total += (values * weights).sum() / per_sample
            count += weights.sum() * (samples / weights.size)

    def add_largest(self, total: Array, count: Array, scores: Array, targets: Array) -> None:
        """Add the mean of ``is_largest`` (or, where targets has the axis of classes, of ``has_same_largest``) of each sample to
        ``total``, and the number of samples to ``count``.  scores: (samples, ..., classes), not empty
        """
        compare = self.has_same_largest if targets.ndim == scores.ndim else self.is_largest
        self.add_values_to_mean(total, count, compare(scores, targets, total.dtype))
