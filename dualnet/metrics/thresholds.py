"""Counting right and wrong predictions at many thresholds at once, in one pass over a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend

from .. import config
from ..core.tensor import Array

# What is counted: (the label is positive, the prediction is).
CONDITIONS = {
    "true_positives": (True, True),
    "false_positives": (False, True),
    "true_negatives": (False, False),
    "false_negatives": (True, False),
}
ALWAYS_EXCEEDED = -1e10  # the threshold of predictions that were selected already (top_k)


def as_list(thresholds: Any, default: float) -> list[float]:
    """Thresholds as a list; raises ``ValueError`` for those outside [0, 1]."""
    if thresholds is None:
        return [default]
    values = (
        list(thresholds) if isinstance(thresholds, (list, tuple)) or hasattr(thresholds, "tolist") else [thresholds]
    )
    invalid = [t for t in values if t is None or not 0 <= t <= 1]
    if invalid:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {invalid}")
    return values


def evenly(count: int) -> list[float]:
    """``count`` thresholds from 0 to 1 at equal distances."""
    return [i / (count - 1) for i in range(count)]


class Thresholds:
    """Thresholds t_0, t_1, ...; a prediction p is positive at t_i where p > t_i.

    Ask ``count`` for the four numbers of a batch at each of them. Where they lie at equal distances from 0 to 1, the number
    of thresholds below p is a multiplication away; else it is searched for.
    """

    def __init__(self, values: Sequence[float]) -> None:
        self.values = list(values)
        n = len(self.values)
        tolerance = config.epsilon() + 1e-12
        self._even = n >= 3 and all(abs(a - b) <= tolerance + 1e-5 * b for a, b in zip(self.values, evenly(n)))
        # With ends beyond 0 and 1 the first is always exceeded and the last never, whatever the prediction.
        self._has_outer_thresholds = self.values[0] < 0 and n > 1
        order = sorted(range(n), key=self.values.__getitem__)
        self._sorted = [self.values[i] for i in order]
        self._ranks = [order.index(i) for i in range(n)] if order != list(range(n)) else None
        self._arrays: dict[str, tuple[Array | None, Array | None]] = {}  # by device
        if n > 1:
            self._on_device(backends.current())

    def _on_device(self, backend: Backend) -> tuple[Array | None, Array | None]:
        """The thresholds in rising order, and the rank of each among them, on a device: sent there once."""
        if backend.device not in self._arrays:
            ascending = None if self._even else backend.asarray(self._sorted, dtype=config.floatx())
            ranks = None if self._ranks is None else backend.asarray(self._ranks)
            self._arrays[backend.device] = ascending, ranks
        return self._arrays[backend.device]

    def count(
        self,
        backend: Backend,
        positive: Array,
        p: Array,
        weight: Array | None,
        conditions: Sequence[str],
        by_label: bool = False,
    ) -> dict[str, Array]:
        """The sums of weights where each of ``conditions`` (keys of ``CONDITIONS``) is true, at every threshold.

        positive: booleans, the labels. p: predictions of the same shape. weight: what broadcasts to it, or None
        -> for each of ``conditions``: (thresholds,), or with ``by_label``, where p is (batch, labels): (thresholds, labels)
        """
        if len(self.values) == 1 and not by_label:
            hit = p > self.values[0]
            return {name: _sum_where(positive, hit, weight, *CONDITIONS[name]).reshape(1) for name in conditions}
        xp, n = backend.xp, len(self.values)
        ascending, ranks = self._on_device(backend)
        labels = p.shape[1] if by_label else 1
        # How many thresholds are below: the bucket, from 0 to n. One histogram holds negative and positive labels.
        clipped = xp.clip(p, 0, 1) if self._has_outer_thresholds else p
        p = xp.where(p == p, clipped, xp.zeros_like(p))  # NaN exceeds nothing
        if self._even:
            buckets = xp.clip(xp.ceil(p * (n - 1)), 1 if self._has_outer_thresholds else 0, n).astype("int32")
        else:
            buckets = xp.searchsorted(ascending, p.astype(ascending.dtype, copy=False), side="left").astype("int32")  # type: ignore[union-attr]
        buckets = buckets + positive.astype("int32") * (n + 1)
        if by_label:
            buckets = buckets * labels + xp.arange(labels, dtype="int32")
        if weight is None:
            weight = xp.ones(p.shape, dtype=config.floatx())
        elif weight.shape != p.shape:
            weight = xp.broadcast_to(weight, p.shape)
        histogram = xp.zeros((2 * (n + 1) * labels,), dtype=weight.dtype)
        backend.scatter_add(histogram, buckets.reshape(-1), weight.reshape(-1))
        histogram = histogram.reshape((2, n + 1, labels) if by_label else (2, n + 1))
        # Positive at t_i is what has more than i thresholds below it.
        below = xp.cumsum(histogram, axis=1)[:, :n]
        above = xp.cumsum(histogram[:, :0:-1], axis=1)[:, ::-1]
        if ranks is not None:
            below, above = below[:, ranks], above[:, ranks]
        return {
            name: (above if hit else below)[int(label)]
            for name, (label, hit) in CONDITIONS.items()
            if name in conditions
        }


def _sum_where(positive: Array, hit: Array, weight: Array | None, label: bool, predicted: bool) -> Array:
    chosen = (positive if label else ~positive) & (hit if predicted else ~hit)
    return chosen.sum() if weight is None else (chosen * weight).sum()


def only_top_k(backend: Backend, p: Array, k: int) -> Array:
    """Predictions with all but the k largest along the last axis at -infinity; of equal ones the first are selected."""
    xp = backend.xp
    ranks = xp.argsort(xp.argsort(-p, axis=-1, kind="stable"), axis=-1, kind="stable")
    return xp.where(ranks < k, p, -xp.inf)
