"""The loop of ``fit``. What happens in a step is the model's business."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import dualnet_backends as backends

from .. import config
from ..callbacks import CallbackList
from ..capture.replay import CapturedTestStep, CapturedTrainStep, captured_step
from .data_adapters.array_adapter import ArrayData, tensors_of
from .data_adapters.data_checks import check_data
from .data_adapters.epoch_iterator import Data, Epochs, limited
from .data_adapters.packing import pack_x_y_sample_weight
from .data_adapters.select import make_data
from .eval_loops import epoch_logs, evaluate_data, positive, split_results, steps_shown
from .logs import materialize
from .metric_state import forget_pending
from .validation import train_validation_split


def fit(
    model: Any,
    x: Any,
    y: Any,
    batch_size: int | None,
    epochs: int,
    verbose: Any,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: bool | str,
    class_weight: dict[int, float] | None,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: int | Sequence[int],
) -> Any:
    """``Model.fit``; see there."""
    model._check_compiled("fit")
    positive("epochs", epochs)
    positive("steps_per_epoch", steps_per_epoch, optional=True)
    epochs = limited(epochs, config.max_epochs()) or epochs
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = train_validation_split((x, y, sample_weight), validation_split)
        if validation_data[2] is None:
            validation_data = validation_data[:2]
    backend = model._backend()
    data = make_data(
        x,
        y,
        sample_weight,
        batch_size=batch_size,
        steps=steps_per_epoch,
        shuffle=shuffle if _shufflable(x, shuffle) else False,
        class_weight=class_weight,
        backend=backend,
        text=(text := model._takes_text()),
    )
    validation = _validation_data(validation_data, validation_batch_size or batch_size, validation_steps, backend, text)
    source = Epochs(data, steps_per_epoch)
    listeners = callbacks
    if not isinstance(callbacks, CallbackList):
        listeners = CallbackList(
            callbacks,
            add_history=True,
            add_progbar=verbose != 0,
            model=model,
            verbose=verbose,
            epochs=epochs,
            steps=steps_shown(steps_per_epoch, data),
        )
    for checked in (data, validation):
        if isinstance(checked, ArrayData):
            check_data(model, checked)
    model.stop_training = False
    model._prepare_training(data)
    logs: dict[str, Any] = {}
    with backends.device(backend.device):
        model._source, model._resume = weakref.ref(source), None
        listeners.on_train_begin()
        steps, tests = (captured_step(model, cls, listeners.callbacks) for cls in (CapturedTrainStep, CapturedTestStep))
        steps.begin_run()
        tests.begin_run()
        resume, model._resume = model._resume, None  # left there by a callback that goes on with another run
        first, model._initial_epoch = model._initial_epoch or initial_epoch, 0
        if resume is not None:
            source.resume(resume.position)
        for epoch in range(first, epochs):
            if resume is None or not resume.batches:
                model.reset_metrics()
            listeners.on_epoch_begin(epoch)
            found = _train_epoch(model, source, epoch, listeners, steps, resume)
            if resume is not None:
                forget_pending(model)
                resume = None
            if found is None:
                break
            logs = found
            if validation is not None and _validates(epoch, validation_freq):
                if validation.is_used_up():
                    validation = None
                    _warn_of_no_validation()
                else:
                    results = evaluate_data(model, validation, validation_steps, listeners, tests)
                    logs |= {f"val_{name}": value for name, value in results.items()}
                    logs = dict(sorted(logs.items()))
            listeners.on_epoch_end(epoch, logs)
            steps.end_epoch()
            tests.end_epoch()
            if model.stop_training or source.exhausted:
                break
        if model.optimizer is not None and model.optimizer.built:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        listeners.on_train_end(logs=logs)
    return model.history


def _warn_of_no_validation() -> None:
    """That there are no more batches must not cost the training so far."""
    warnings.warn(
        "the validation data is a generator that has no more batches: there is no validation from this epoch on. Give "
        "arrays, a dataset or a PyDataset, which begin again, or a generator without end and validation_steps",
        stacklevel=4,
    )


class Resume(NamedTuple):
    """Where an epoch goes on that another run began."""

    batches: int  # it had
    position: dict[str, Any] | None  # of the data
    logs: dict[str, Any]  # after its last batch


def _train_epoch(
    model: Any, source: Epochs, epoch: int, listeners: CallbackList, train_step: Any, resume: Resume | None = None
) -> dict[str, Any] | None:
    """The steps of one epoch. Only a callback that asks for the logs of a batch makes it wait for the device.

    None when a generator had no more from the start.
    """
    results = None
    begin, end = listeners.wants_train_batch_begin, listeners.wants_train_batch_end
    updates = model.optimizer.step_count() if model.optimizer is not None else 0
    done = step = resume.batches if resume is not None else 0
    for x, y, weight, _ in source.epoch(epoch, updates, done):
        if begin:
            listeners.on_train_batch_begin(step)
        results = train_step(pack_x_y_sample_weight(x, y, weight))
        if end:
            results, logs = split_results(results)
            listeners.on_train_batch_end(step, logs)
            kept, logs = weakref.ref(logs), None  # held by nobody now, unless a callback keeps them
            materialize(kept)
        step += 1
        if model.stop_training:
            break
    if step == 0 and source.exhausted:
        return None
    if step == 0:
        raise ValueError("there was no batch to train on: the data is empty")
    if resume is not None and step == done:
        return dict(resume.logs)
    return epoch_logs(model, results)


def one_batch(model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any = None) -> Any:
    """Arrays as the one batch that ``train_on_batch`` and its relatives work on."""
    data = ArrayData(x, y, sample_weight, class_weight=class_weight, backend=model._backend(), text=model._takes_text())
    tensors = (tensors_of(d) for d in (data.x, data.y, data.weight))
    return pack_x_y_sample_weight(*tensors)


def _validation_data(
    given: Any, batch_size: int | None, steps: int | None, backend: backends.Backend, text: bool
) -> Data | None:
    if given is None:
        return None
    if isinstance(given, (tuple, list)):
        if len(given) not in (2, 3):
            raise ValueError(f"validation_data must be (x, y) or (x, y, sample_weight), got {len(given)} parts")
        return make_data(*given, batch_size=batch_size, steps=steps, backend=backend, text=text)
    return make_data(given, backend=backend, text=text)


def _validates(epoch: int, freq: int | Sequence[int]) -> bool:
    return (epoch + 1) % freq == 0 if isinstance(freq, int) else epoch + 1 in freq


def _shufflable(x: Any, shuffle: bool | str) -> bool:
    if shuffle not in (True, False, "batch"):
        raise ValueError(f'shuffle must be True, False or "batch", got {shuffle!r}')
    if hasattr(x, "__next__") and shuffle is not True:
        warnings.warn("shuffle is ignored for a generator, which decides its own order", stacklevel=4)
    return bool(shuffle)


def resolve_verbose(verbose: Any) -> int:
    """ "auto" is a bar, or one line per epoch when interactive logging is off."""
    return (1 if config.is_interactive_logging_enabled() else 2) if verbose == "auto" else int(verbose)
