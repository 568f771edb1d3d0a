"""``evaluate`` and ``predict``, and the same for one batch; what happens in a step is up to the model."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends

from .. import config, tree
from ..callbacks import CallbackList
from ..capture.replay import CapturedPredictStep, CapturedTestStep, captured_step
from ..core.naming import numbered
from ..core.tracing import no_grad
from .data_adapters.array_adapter import ArrayData, tensors_of
from .data_adapters.batch_checks import check_batch
from .data_adapters.class_weights import make_class_weight
from .data_adapters.data_checks import check_data
from .data_adapters.epoch_iterator import EpochIterator, limited, naming_batches
from .data_adapters.iterable_adapter import Data, make_data
from .data_adapters.packing import pack_x_y_sample_weight
from .logs import Logs, materialize, raise_for_invalid_ids, to_numbers
from .memory import explains_memory
from .steps import StepMixin


class EvaluationMixin(StepMixin):
    """The loops of ``evaluate`` and ``predict``."""

    @explains_memory
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics: a number, a list in the order of ``metrics``, or a dictionary with ``return_dict``."""
        self._check_compiled("evaluate")
        positive("steps", steps, optional=True)
        data = self._make_data(x, y, sample_weight, batch_size=batch_size, steps=steps)
        check_data(self, data)
        callbacks = self._callback_list(callbacks, verbose, data, steps)
        data.backend.forget_invalid_ids()
        with backends.device(data.backend.device), data.backend.computing():
            results = self._evaluate_data(data, steps, callbacks)
        return results if return_dict else self._flat_results(results)

    def _evaluate_data(
        self, data: Data, steps: int | None, callbacks: CallbackList, test_step: Any = None, name: str = ""
    ) -> dict[str, Any]:
        """Loss and metrics over the data, as numbers by name.  name: of the data, for messages"""
        if test_step is None:
            test_step = captured_step(self, CapturedTestStep, callbacks.callbacks)
            test_step.begin_run()
        self.reset_metrics()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        begin, end = callbacks.wants_test_batch_begin, callbacks.wants_test_batch_end
        step, results = 0, None
        source = EpochIterator(data, steps, indexed=True)
        with no_grad(), naming_batches(source, name):
            for x, y, weight, _ in source.epoch(0):
                if begin:
                    callbacks.on_test_batch_begin(step)
                results = test_step(pack_x_y_sample_weight(x, y, weight))
                if end:
                    results, logs = split_results(results)
                    callbacks.on_test_batch_end(step, logs)
                    reference, logs = weakref.ref(logs), None  # now referenced only if a callback keeps them
                    materialize(reference)
                step += 1
                if self.stop_evaluating:
                    break
        if step == 0:
            raise ValueError("there was no batch to evaluate on: the data is empty")
        logs = self._epoch_logs(results)
        callbacks.on_test_end(logs)
        return logs

    def _epoch_logs(self, results: Any) -> dict[str, Any]:
        """The metrics of the whole epoch; other results that a step of the user returned are those of the last batch."""
        logs = to_numbers(self.get_metrics_result())
        is_users = results is not None and not (isinstance(results, Logs) and not results.edited)
        return to_numbers(results) if is_users and set(results) != set(logs) else logs

    def _flat_results(self, results: dict[str, Any]) -> Any:
        """Results in the order of ``metrics``; the bare loss when there is nothing else."""
        compiled = self._compiled_metrics
        # As in Keras: with several outputs the compiled metrics come last, by name.
        several = {id(m) for m in compiled.metrics} if len(compiled.outputs) > 1 else set()
        reported = self._reported_metrics()
        names = [n for m, n in zip(reported, numbered(m.name for m in reported)) if id(m) not in several]
        values = [results[n] for n in names if n in results] + [v for n, v in results.items() if n not in names]
        return values[0] if len(values) == 1 else values

    @explains_memory
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The output for all samples, as NumPy arrays."""
        positive("steps", steps, optional=True)
        # What is wrong with labels, or NaN in the first batch, is no reason not to predict.
        data = self._make_data(x, batch_size=batch_size, steps=steps, check=None)
        backend = data.backend
        callbacks = self._callback_list(callbacks, verbose, data, steps)
        parts: list[Any] = []
        self.stop_predicting = False
        backend.forget_invalid_ids()
        predict_step = captured_step(self, CapturedPredictStep, callbacks.callbacks)
        source = EpochIterator(data, steps, indexed=True)
        with backends.device(backend.device), backend.computing(), no_grad(), naming_batches(source):
            callbacks.on_predict_begin()
            for step, (batch, y, weight, _) in enumerate(source.epoch(0)):
                if callbacks.wants_predict_batch_begin:
                    callbacks.on_predict_batch_begin(step)
                out = predict_step(pack_x_y_sample_weight(batch, y, weight))
                parts.append(tree.map_structure(lambda t: t.data, out))
                if callbacks.wants_predict_batch_end:
                    callbacks.on_predict_batch_end(step, {"outputs": out})
                if self.stop_predicting:
                    break
            callbacks.on_predict_end()
        if not parts:
            raise ValueError("there was no batch to predict: the data is empty")
        outputs = tree.map_structure(lambda *a: _joined(backend, a), *parts)
        raise_for_invalid_ids(backend)  # the results have been read, so there is nothing left to wait for
        return outputs

    def _make_data(self, *arrays: Any, **options: Any) -> Data:
        """The data for the model's backend. options: of ``make_data``."""
        options.setdefault("check", functools.partial(check_batch, self))
        return make_data(*arrays, **options, backend=self._backend(), text=self._takes_text())

    def _callback_list(
        self, callbacks: Any, verbose: int, data: Data, steps: int | None, epochs: int = 1, add_history: bool = False
    ) -> CallbackList:
        """The callbacks of a run, with a progress bar. steps: the argument of the user, who may pass a ``CallbackList`` too."""
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=verbose != 0,
            model=self,
            verbose=verbose,
            epochs=epochs,
            steps=epoch_steps(data, steps),
        )

    @explains_memory
    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch."""
        self._check_compiled("test_on_batch")
        with no_grad(), self._backend().computing():
            data = self._one_batch(x, y, sample_weight)
            return self._on_batch(captured_step(self, CapturedTestStep), data, return_dict)

    @explains_memory
    def predict_on_batch(self, x: Any) -> Any:
        """The output for one batch, as NumPy arrays."""
        with no_grad(), self._backend().computing():
            step = captured_step(self, CapturedPredictStep)
            outputs = tree.map_structure(lambda t: t.numpy(), step(self._one_batch(x)))
        raise_for_invalid_ids(self._backend())
        return outputs

    def _on_batch(self, step: Callable[[Any], Any], data: Any, return_dict: bool) -> Any:
        self.reset_metrics()
        results = to_numbers(step(data))
        return results if return_dict else self._flat_results(results)

    def _one_batch(self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> Any:
        """Arrays as the batch of a step."""
        data = ArrayData(
            x,
            y,
            sample_weight,
            class_weight=make_class_weight(self, class_weight),
            backend=self._backend(),
            text=self._takes_text(),
        )
        check_batch(self, data, y)
        return pack_x_y_sample_weight(*(tensors_of(part) for part in (data.x, data.y, data.weight)))


def epoch_steps(data: Data, steps: int | None) -> int | None:
    """The number of batches in the next epoch, if known. steps: the argument of the user."""
    return limited(steps or data.steps, config.max_steps_per_epoch())


def _joined(backend: backends.Backend, parts: Sequence[Any]) -> Any:
    """The outputs of all batches on the host, in memory of their own: that of one batch may be a view of a weight or of the data."""
    value = backend.to_numpy(parts[0] if len(parts) == 1 else backend.xp.concatenate(parts))
    return value.copy() if value is parts[0] else value


def split_results(results: Any) -> tuple[Any, Any]:
    """(results that a step of the user returned, or None; logs for callbacks)"""
    if isinstance(results, Logs) and not results.edited:
        return None, results
    if isinstance(results, Logs):
        results = results.copy()
    return results, Logs(lambda: dict(results or {}))


def positive(name: str, value: Any, optional: bool = False) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"{name} must be a positive whole number, got {value!r}")
