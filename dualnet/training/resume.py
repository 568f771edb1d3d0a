"""Resuming a run: all of its state but the weights, and how another run continues from it.

``BackupAndRestore`` and ``Checkpoint`` both keep what ``run_state`` collects, each in files of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import tree
from ..core import seeds

MetricStates = dict[str, list[Any]]  # by the name of a metric, the values of its variables


class Resume(NamedTuple):
    """Where an epoch continues that another run began."""

    batches: int  # done already
    position: dict[str, Any] | None  # of the data
    logs: dict[str, Any]  # after the last of those batches
    has_ended: bool = False  # whether nothing is left to train: a callback had stopped the other run


def run_state(model: Any, callbacks: Sequence[Any], epoch: int, batches: int, logs: dict[str, Any]) -> dict[str, Any]:
    """The state of a run between two steps: position, metrics of the epoch, random numbers, states of the callbacks.

    Args:
        model: the model, inside ``fit``.
        callbacks: those whose state is kept.
        epoch: the epoch to continue with, from 0.
        batches: how many of its batches are done.
        logs: after the last of them.
    """
    source = model._source() if model._source is not None else None
    return {
        "epoch": epoch,
        "batches": batches,
        "position": None if source is None else source.position(),
        "logs": logs,
        "has_ended": bool(model.stop_training) and not batches,
        "metrics": metric_states(model) if batches else {},
        "layer_states": [v.numpy() for v in model._state_variables()],
        "seeds": seeds.get_state(),
        "host_seeds": seeds.get_host_state(),
        "seed_generators": [generator.get_state() for generator in seed_generators(model)],
        "callbacks": [{"class": type(c).__name__, "state": c.get_state()} for c in _with_state(callbacks)],
    }


def check_run_state(model: Any, state: dict[str, Any]) -> None:
    """Raise ``ValueError`` if a state is of another model."""
    expected, found = len(seed_generators(model)), len(state.get("seed_generators", []))
    if found and found != expected:
        raise ValueError(f"it has {found} seed generators of layers, the model has {expected}: it is of another model")
    shapes = [tuple(v.shape) for v in model._state_variables()]
    if "layer_states" in state and [value.shape for value in state["layer_states"]] != shapes:
        raise ValueError("it has other states of recurrent layers than the model: it is of another model")


def restore_run(model: Any, callbacks: Sequence[Any], state: dict[str, Any]) -> None:
    """Let ``fit`` continue from a state of ``run_state`` that fits the model. For ``on_train_begin`` of a callback that runs last."""
    batches = int(state.get("batches", 0))
    model._initial_epoch = int(state["epoch"])
    ended = bool(state.get("has_ended"))
    model._resume = Resume(batches, state.get("position"), state.get("logs", {}), ended)
    if "seeds" in state:
        seeds.set_state(state["seeds"])
    if "host_seeds" in state:
        seeds.set_host_state(state["host_seeds"])
    for generator, seed_state in zip(seed_generators(model), state.get("seed_generators", [])):
        generator.set_state(seed_state)
    for variable, value in zip(model._state_variables(), state.get("layer_states", [])):
        variable.assign(value)
    if batches:
        restore_metric_states(model, state.get("metrics", {}))
    remaining = list(state.get("callbacks", []))
    for callback in _with_state(callbacks):
        index = next((i for i, entry in enumerate(remaining) if entry["class"] == type(callback).__name__), None)
        if index is not None:
            callback.set_state(remaining.pop(index)["state"])


def _with_state(callbacks: Sequence[Any]) -> list[Any]:
    return [c for c in callbacks if hasattr(c, "get_state")]


def seed_generators(layer: Any) -> list[seeds.SeedGenerator]:
    """The seed generators of a layer and of all layers inside it."""
    generators: dict[int, seeds.SeedGenerator] = {}

    def visit(part: Any) -> None:
        for value in tree.flatten(list(vars(part).values())):
            if isinstance(value, seeds.SeedGenerator):
                generators.setdefault(id(value), value)
        for inner in part._sublayers():
            visit(inner)

    visit(layer)
    return list(generators.values())


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
