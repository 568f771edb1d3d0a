"""The loop of ``fit``; what happens in a step is up to the model."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from .. import config
from ..callbacks import CallbackList
from ..capture.replay import CapturedTestStep, CapturedTrainStep, captured_step
from .data_adapters.array_adapter import ArrayData, tensors_of
from .data_adapters.data_checks import check_data
from .data_adapters.epoch_iterator import Data, EpochIterator, limited
from .data_adapters.packing import pack_x_y_sample_weight
from .data_adapters.select import make_data
from .eval_loops import callback_list, epoch_logs, evaluate_data, positive, split_results
from .logs import materialize
from .resume import Resume, forget_pending
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
    source = EpochIterator(data, steps_per_epoch)
    callbacks = callback_list(callbacks, model, verbose, data, steps_per_epoch, epochs, add_history=True)
    for checked in (data, validation):
        if isinstance(checked, ArrayData):
            check_data(model, checked)
    model.stop_training = False
    model._prepare_training(data)
    logs: dict[str, Any] = {}
    with backends.device(backend.device):
        model._source, model._resume = weakref.ref(source), None
        callbacks.on_train_begin()
        train_step, test_step = (
            captured_step(model, cls, callbacks.callbacks) for cls in (CapturedTrainStep, CapturedTestStep)
        )
        train_step.begin_run()
        test_step.begin_run()
        resume, model._resume = model._resume, None  # set by a callback that continues another run
        first, model._initial_epoch = model._initial_epoch or initial_epoch, 0
        if resume is not None:
            source.resume(resume.position)
        for epoch in range(first, epochs):
            if resume is None or not resume.batches:
                model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            epoch_results = _train_epoch(model, source, epoch, callbacks, train_step, resume)
            if resume is not None:
                forget_pending(model)
                resume = None
            if epoch_results is None:
                break
            logs = epoch_results
            if validation is not None and _validates(epoch, validation_freq):
                if validation.is_exhausted():
                    validation = None
                    _warn_validation_exhausted()
                else:
                    results = evaluate_data(model, validation, validation_steps, callbacks, test_step)
                    logs |= {f"val_{name}": value for name, value in results.items()}
                    logs = dict(sorted(logs.items()))
            callbacks.on_epoch_end(epoch, logs)
            train_step.end_epoch()
            test_step.end_epoch()
            if model.stop_training or source.exhausted:
                break
        if model.optimizer is not None and model.optimizer.built:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs=logs)
    return model.history


def _warn_validation_exhausted() -> None:
    """A warning, since an error would cost the training so far."""
    warnings.warn(
        "the validation data is a generator that has no more batches: there is no validation from this epoch on. Give "
        "arrays, a dataset or a PyDataset, which begin again, or a generator without end and validation_steps",
        stacklevel=4,
    )


def _train_epoch(
    model: Any,
    source: EpochIterator,
    epoch: int,
    callbacks: CallbackList,
    train_step: Any,
    resume: Resume | None = None,
) -> dict[str, Any] | None:
    """The steps of one epoch. It waits for the device only if a callback reads the logs of a batch.

    Returns None if a generator was exhausted from the start.
    """
    results = None
    begin, end = callbacks.wants_train_batch_begin, callbacks.wants_train_batch_end
    updates = model.optimizer.step_count() if model.optimizer is not None else 0
    done = step = resume.batches if resume is not None else 0
    for x, y, weight, _ in source.epoch(epoch, updates, done):
        if begin:
            callbacks.on_train_batch_begin(step)
        results = train_step(pack_x_y_sample_weight(x, y, weight))
        if end:
            results, logs = split_results(results)
            callbacks.on_train_batch_end(step, logs)
            reference, logs = weakref.ref(logs), None  # now referenced only if a callback keeps them
            materialize(reference)
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
    """Arrays as the batch of ``train_on_batch``, ``test_on_batch`` and ``predict_on_batch``."""
    data = ArrayData(x, y, sample_weight, class_weight=class_weight, backend=model._backend(), text=model._takes_text())
    tensors = (tensors_of(d) for d in (data.x, data.y, data.weight))
    return pack_x_y_sample_weight(*tensors)


def _validation_data(
    validation_data: Any, batch_size: int | None, steps: int | None, backend: backends.Backend, text: bool
) -> Data | None:
    if validation_data is None:
        return None
    if isinstance(validation_data, (tuple, list)):
        if len(validation_data) not in (2, 3):
            raise ValueError(
                f"validation_data must be (x, y) or (x, y, sample_weight), got {len(validation_data)} parts"
            )
        return make_data(*validation_data, batch_size=batch_size, steps=steps, backend=backend, text=text)
    return make_data(validation_data, backend=backend, text=text)


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
