"""``fit``: the loop over epochs; what happens in a step is up to the model."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends

from .. import config
from ..callbacks import CallbackList
from ..capture.replay import CapturedTestStep, CapturedTrainStep, captured_step
from ..core.warning import warn
from ..legacy.arguments import FIT_ARGUMENTS, accept_old_names
from .data_adapters.class_weights import make_class_weight
from .data_adapters.data_checks import check_data
from .data_adapters.epoch_iterator import EpochIterator, limited, naming_batches
from .data_adapters.iterable_adapter import Data, IterableData
from .data_adapters.packing import pack_x_y_sample_weight
from .diagnostics.diagnosis import PERIOD, Diagnosis
from .evaluation import EvaluationMixin, epoch_steps, positive, split_results
from .logs import materialize
from .memory import explains_memory
from .resume import Resume, restore_metric_states
from .trials import try_data
from .validation import train_validation_split


class Trainer(EvaluationMixin):
    """What makes a layer trainable by itself: ``Model`` is a ``Layer`` and a ``Trainer``."""

    @accept_old_names(FIT_ARGUMENTS)
    @explains_memory
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> Any:
        """Train, and return the history of losses and metrics.

        Args:
            x, y: arrays with the samples along the first axis, or x an iterable of batches (x, y[, sample_weight]).
            batch_size: 32 by default.
            verbose: 0 silent, 1 a bar, 2 one line per epoch.
            validation_split: the fraction at the end of the arrays to validate on, taken before shuffling.
            validation_data: (x, y[, sample_weight]) or an iterable.
            shuffle: a new order for every epoch; "batch" only inside consecutive batches.
            class_weight: class -> weight, or a list with a weight per class. Labels are classes, also per time step, or one-hot.
            sample_weight: one number per sample, or one for each value of the loss, such as each time step.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: batches per epoch, for data without an end.
            validation_freq: every how many epochs to validate, or after which (counted from 1).
        """
        self._check_compiled("fit")
        if epochs != 0 or isinstance(epochs, bool):  # with 0 epochs the history is empty
            positive("epochs", epochs)
        positive("steps_per_epoch", steps_per_epoch, optional=True)
        epochs = limited(epochs, config.max_epochs()) or epochs
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = train_validation_split((x, y, sample_weight), validation_split)
        shuffle = _check_shuffle(x, shuffle)
        data = self._make_data(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            steps=steps_per_epoch,
            shuffle=shuffle,
            class_weight=make_class_weight(self, class_weight),
        )
        validation = self._validation_data(validation_data, validation_batch_size or batch_size, validation_steps)
        source = EpochIterator(data, steps_per_epoch, indexed=True)
        callbacks = self._callback_list(callbacks, verbose, data, steps_per_epoch, epochs, add_history=True)
        check_data(self, data)
        _check_validation(self, validation)
        self.stop_training = False
        data.backend.forget_invalid_ids()
        self._prepare_training()
        logs: dict[str, Any] = {}
        with backends.device(data.backend.device), data.backend.computing(), Diagnosis(self, source) as diagnosis:
            self._source, self._resume = weakref.ref(source), None
            callbacks.on_train_begin()
            train_step, test_step = (
                captured_step(self, cls, callbacks.callbacks) for cls in (CapturedTrainStep, CapturedTestStep)
            )
            train_step.begin_run()
            test_step.begin_run()
            resume, self._resume = self._resume, None  # set by a callback that continues another run
            first, self._initial_epoch = self._initial_epoch or initial_epoch, 0
            if resume is not None:
                source.resume(resume.position)
                epochs = first if resume.has_ended else epochs
            batches = data.steps
            check = functools.partial(try_data, self, data, validation)
            for epoch in range(first, epochs):
                if batches != data.steps:  # a ``PyDataset`` may grow or shrink
                    batches = data.steps
                    callbacks.set_params({**callbacks.params, "steps": epoch_steps(data, steps_per_epoch)})
                if resume is None or not resume.batches:
                    self.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                with diagnosis.quiet(), naming_batches(source):
                    epoch_results = self._train_epoch(
                        source, epoch, callbacks, train_step, resume, diagnosis, check if epoch == first else None
                    )
                if resume is not None:
                    restore_metric_states(self, {})
                    resume = None
                if epoch_results is None:
                    break
                logs = epoch_results
                diagnosis.end_epoch(logs)
                freq, done = validation_freq, epoch + 1
                is_due = done % freq == 0 if isinstance(freq, int) else done in freq
                if validation is not None and is_due:
                    if isinstance(validation, IterableData) and validation.is_exhausted():
                        validation = None
                        warn(  # an error would cost the training so far
                            "the validation data is a generator that has no more batches: there is no validation from this "
                            "epoch on. Give arrays, a dataset or a PyDataset, which begin again, or a generator without end "
                            "and validation_steps"
                        )
                    else:
                        with diagnosis.quiet():
                            results = self._evaluate_data(
                                validation, validation_steps, callbacks, test_step, "validation data"
                            )
                        logs |= {f"val_{name}": value for name, value in results.items()}
                        logs = dict(sorted(logs.items()))
                callbacks.on_epoch_end(epoch, logs)
                train_step.end_epoch()
                test_step.end_epoch()
                if self.stop_training or source.exhausted:
                    break
            if self.optimizer is not None and self.optimizer.built:
                self.optimizer.finalize_variable_values(self.trainable_variables)
            callbacks.on_train_end(logs=logs)
        return self.history

    def _validation_data(self, data: Any, batch_size: int | None, steps: int | None) -> Data | None:
        if data is None:
            return None
        if not isinstance(data, (tuple, list)):
            return self._make_data(data)
        if len(data) not in (2, 3):
            raise ValueError(f"validation_data must be (x, y) or (x, y, sample_weight), got {len(data)} parts")
        return self._make_data(*data, batch_size=batch_size, steps=steps)

    def _train_epoch(
        self,
        source: EpochIterator,
        epoch: int,
        callbacks: CallbackList,
        train_step: Any,
        resume: Resume | None,
        diagnosis: Diagnosis,
        check: Callable[[Any], None] | None,
    ) -> dict[str, Any] | None:
        """The steps of one epoch. It waits for the device only if a callback reads the logs of a batch.

        check: called with the first batch, before its step.

        Returns None if a generator was exhausted from the start.
        """
        results = None
        begin, end = callbacks.wants_train_batch_begin, callbacks.wants_train_batch_end
        updates = self.optimizer.step_count() if self.optimizer is not None else 0
        done = step = resume.batches if resume is not None else 0
        run, losses = diagnosis.begin_epoch(epoch, done, train_step), diagnosis.losses
        if check is not None:
            run = functools.partial(_checked_step, check, run)
        self._stopped_in_epoch = False
        for x, y, weight, _ in source.epoch(epoch, updates, done):
            if begin:
                callbacks.on_train_batch_begin(step)
            results = run(pack_x_y_sample_weight(x, y, weight))
            run = train_step
            if end:
                results, logs = split_results(results)
                callbacks.on_train_batch_end(step, logs)
                reference, logs = weakref.ref(logs), None  # now referenced only if a callback keeps them
                materialize(reference)
            step += 1
            if len(losses) == PERIOD:
                diagnosis.look(step)
            if self.stop_training:
                self._stopped_in_epoch = True
                break
        if step == 0 and source.exhausted:
            return None
        if step == 0:
            raise ValueError("there was no batch to train on: the data is empty")
        if resume is not None and step == done:
            return dict(resume.logs)
        return self._epoch_logs(results)

    @explains_memory
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One update on one batch, and its loss and metrics."""
        self._check_compiled("train_on_batch")
        data = self._one_batch(x, y, sample_weight, class_weight)
        step = captured_step(self, CapturedTrainStep)
        if not self._was_observed and config.are_training_warnings_enabled():
            step = functools.partial(Diagnosis(self).observed_step, step)
        with self._backend().computing():
            return self._on_batch(step, data, return_dict)


def _check_validation(model: Any, data: Data | None) -> None:
    try:
        check_data(model, data)
    except ValueError as error:
        raise ValueError(f"validation data: {error}") from None


def _checked_step(check: Callable[[Any], None], step: Callable[[Any], Any], data: Any) -> Any:
    check(data)
    return step(data)


def _check_shuffle(x: Any, shuffle: bool | str) -> bool | str:
    if shuffle not in (True, False, "batch"):
        raise ValueError(f'shuffle must be True, False or "batch", got {shuffle!r}')
    if hasattr(x, "__next__") and not hasattr(type(x), "num_batches") and shuffle is not True:
        warn("shuffle is ignored for a generator, which decides its own order")
    return shuffle
