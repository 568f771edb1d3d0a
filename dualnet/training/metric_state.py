"""What the metrics of a model have taken in: kept by a backup, and given back to metrics that may not exist yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

States = dict[str, list[Any]]  # by the name of a metric, the values of its variables


def set_states(found: Sequence[Any], states: States) -> None:
    """Let metrics go on from what they were, where their names and shapes are in ``states``."""
    for metric in found:
        values = states.get(metric.name, [])
        own = list(getattr(metric, "variables", ()))
        if len(own) == len(values) and all(v.shape == x.shape for v, x in zip(own, values)):
            for v, x in zip(own, values):
                v.assign(x)


def states_of(model: Any) -> States:
    """What the metrics of a model have taken in so far."""
    return {m.name: [v.numpy() for v in m.variables] for m in model.metrics if getattr(m, "variables", None)}


def restore_states(model: Any, states: States) -> None:
    """Let the metrics of a model go on from there; those that the first batch makes, once they are made."""
    set_states(model.metrics, states)
    for part in (model._compiled_loss, model._compiled_metrics):
        if part is not None:
            part.pending = states


def forget_pending(model: Any) -> None:
    """Metrics that are made from now on start anew."""
    for part in (model._compiled_loss, model._compiled_metrics):
        if part is not None:
            part.pending = {}
