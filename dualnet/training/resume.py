"""Resuming a run: the position in an epoch, and the state of metrics that may not exist yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

MetricStates = dict[str, list[Any]]  # by the name of a metric, the values of its variables


class Resume(NamedTuple):
    """Where an epoch continues that another run began."""

    batches: int  # done already
    position: dict[str, Any] | None  # of the data
    logs: dict[str, Any]  # after the last of those batches


def metric_states(model: Any) -> MetricStates:
    """The state of all metrics of a model."""
    return {m.name: [v.numpy() for v in m.variables] for m in model.metrics if getattr(m, "variables", None)}


def set_metric_states(metrics: Sequence[Any], states: MetricStates) -> None:
    """Set the states of metrics, where their names and shapes are in ``states``."""
    for metric in metrics:
        values = states.get(metric.name, [])
        variables = list(getattr(metric, "variables", ()))
        if len(variables) == len(values) and all(v.shape == x.shape for v, x in zip(variables, values)):
            for v, x in zip(variables, values):
                v.assign(x)


def restore_metric_states(model: Any, states: MetricStates) -> None:
    """Set the states of a model's metrics; of those that the first batch builds, once they are built.

    Without states, metrics that are built from now on start from zero.
    """
    set_metric_states(model.metrics, states)
    for part in (model._compiled_loss, model._compiled_metrics):
        if part is not None:
            part.pending = states
