"""The loops of ``evaluate`` and ``predict``; what happens in a step is up to the model."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from .. import config, tree
from ..callbacks import CallbackList
from ..capture.replay import CapturedPredictStep, CapturedTestStep, captured_step
from ..core.tracing import no_grad
from .data_adapters.array_adapter import ArrayData
from .data_adapters.data_checks import check_data
from .data_adapters.epoch_iterator import Data, EpochIterator, limited
from .data_adapters.packing import pack_x_y_sample_weight
from .data_adapters.select import make_data
from .logs import Logs, materialize, to_numbers


def split_results(results: Any) -> tuple[Any, Any]:
    """(results that a step of the user returned, or None; logs for callbacks)"""
    if isinstance(results, Logs) and not results.edited:
        return None, results
    if isinstance(results, Logs):
        results = results.copy()
    return results, Logs(lambda: dict(results or {}))


def epoch_logs(model: Any, results: Any) -> dict[str, Any]:
    """The metrics of the whole epoch; other results that a step of the user returned are those of the last batch."""
    logs = to_numbers(model.get_metrics_result())
    is_users = results is not None and not (isinstance(results, Logs) and not results.edited)
    return to_numbers(results) if is_users and set(results) != set(logs) else logs


def evaluate(
    model: Any,
    x: Any,
    y: Any,
    batch_size: int | None,
    verbose: Any,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
    return_dict: bool,
) -> Any:
    """``Model.evaluate``; see there."""
    model._check_compiled("evaluate")
    positive("steps", steps, optional=True)
    backend = model._backend()
    data = make_data(x, y, sample_weight, batch_size=batch_size, steps=steps, backend=backend, text=model._takes_text())
    if isinstance(data, ArrayData):
        check_data(model, data)
    callbacks = callback_list(callbacks, model, verbose, data, steps)
    with backends.device(backend.device):
        results = evaluate_data(model, data, steps, callbacks)
    return results if return_dict else flat(model, results)


def evaluate_data(
    model: Any, data: Data, steps: int | None, callbacks: CallbackList, test_step: Any = None
) -> dict[str, Any]:
    """Loss and metrics over the data, as numbers by name."""
    if test_step is None:
        test_step = captured_step(model, CapturedTestStep, callbacks.callbacks)
        test_step.begin_run()
    model.reset_metrics()
    model.stop_evaluating = False
    callbacks.on_test_begin()
    begin, end = callbacks.wants_test_batch_begin, callbacks.wants_test_batch_end
    step, results = 0, None
    with no_grad():
        for x, y, weight, _ in EpochIterator(data, steps).epoch(0):
            if begin:
                callbacks.on_test_batch_begin(step)
            results = test_step(pack_x_y_sample_weight(x, y, weight))
            if end:
                results, logs = split_results(results)
                callbacks.on_test_batch_end(step, logs)
                reference, logs = weakref.ref(logs), None  # now referenced only if a callback keeps them
                materialize(reference)
            step += 1
            if model.stop_evaluating:
                break
    if step == 0:
        raise ValueError("there was no batch to evaluate on: the data is empty")
    logs = epoch_logs(model, results)
    callbacks.on_test_end(logs)
    return logs


def predict(model: Any, x: Any, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any) -> Any:
    """``Model.predict``; see there."""
    positive("steps", steps, optional=True)
    backend = model._backend()
    data = make_data(x, batch_size=batch_size, steps=steps, backend=backend, text=model._takes_text())
    callbacks = callback_list(callbacks, model, verbose, data, steps)
    parts: list[Any] = []
    model.stop_predicting = False
    predict_step = captured_step(model, CapturedPredictStep, callbacks.callbacks)
    with backends.device(backend.device), no_grad():
        callbacks.on_predict_begin()
        for step, (batch, y, weight, _) in enumerate(EpochIterator(data, steps).epoch(0)):
            if callbacks.wants_predict_batch_begin:
                callbacks.on_predict_batch_begin(step)
            out = predict_step(pack_x_y_sample_weight(batch, y, weight))
            parts.append(tree.map_structure(lambda t: t.data, out))
            if callbacks.wants_predict_batch_end:
                callbacks.on_predict_batch_end(step, {"outputs": out})
            if model.stop_predicting:
                break
        callbacks.on_predict_end()
    if not parts:
        raise ValueError("there was no batch to predict: the data is empty")
    return tree.map_structure(lambda *a: _joined(backend, a), *parts)


def _joined(backend: backends.Backend, parts: Sequence[Any]) -> Any:
    """The outputs of all batches on the host, in memory of their own: one output may be a view of a weight or of the data."""
    array = backend.xp.concatenate(parts) if len(parts) > 1 else parts[0]
    value = backend.to_numpy(array)
    return value.copy() if value is parts[0] else value


def flat(model: Any, results: dict[str, Any]) -> Any:
    """Results in the order of ``model.metrics``; the bare loss when there is nothing else."""
    compiled = model._compiled_metrics
    # As in Keras: with several outputs the compiled metrics come last, by name.
    several = {id(m) for m in compiled.metrics} if len(compiled.outputs) > 1 else set()
    names = [m.name for m in model.metrics if id(m) not in several]
    values = [results[n] for n in names if n in results] + [v for n, v in results.items() if n not in names]
    return values[0] if len(values) == 1 else values


def callback_list(
    callbacks: Any, model: Any, verbose: int, data: Data, steps: int | None, epochs: int = 1, add_history: bool = False
) -> CallbackList:
    """The callbacks of a run, with a progress bar. steps: the argument of the user, who may pass a ``CallbackList`` too."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(
        callbacks,
        add_history=add_history,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=limited(steps or data.steps, config.max_steps_per_epoch()),
    )


def positive(name: str, value: Any, optional: bool = False) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"{name} must be a positive whole number, got {value!r}")
