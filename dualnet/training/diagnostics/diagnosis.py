"""The checks of one run of ``fit``, or of one ``train_on_batch``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dualnet_backends as backends

from ... import tree
from ...capture.capturable import is_capturable
from ...core import settings
from ...core.tensor import Array, Tensor
from ...core.tracing import no_grad
from ...core.training_warning import TrainingWarning
from ...core.warning import warn
from ...layers.base.layer import Layer
from ..data_adapters.array_adapter import ArrayData, tensors_of
from .inputs import InputChecks
from .loss_watch import PERIOD, LossWatch
from .observation import SAMPLES, Finding, observed, tensors
from .outputs import check_outputs
from .relu import ENOUGH, DeadReLU, is_relu
from .replay import FiniteWatch

Step = Callable[[Any], Any]


class FirstStep:
    """Watches the first step of a compiled model.

    Args:
        enough: how many samples tell whether a ReLU is dead.
    """

    def __init__(self, model: Any, enough: int = ENOUGH) -> None:
        self.model = model
        self.inputs, self.relu, self.finite = InputChecks(), DeadReLU(enough), FiniteWatch()
        self._y_pred: Any = None
        self._results: list[tuple[Array, Layer]] = []
        self._layers: dict[int, Layer] = {}  # that returned an output of the model, by the id of the array

    def __call__(self, layer: Layer, inputs: list[Tensor], result: Any) -> None:
        for watch in (self.inputs, self.relu, self.finite):
            watch(layer, inputs, result)
        if layer is not self.model:
            self._results += [(y.data, layer) for y in tensors(result)]
            return
        outputs = {id(y.data) for y in tensors(result)}
        self._y_pred, self._layers = result, {}
        for array, inner in self._results:
            if id(array) in outputs:
                self._layers.setdefault(id(array), inner)  # the innermost layer is the first that returned it
        self._results = []

    def findings(self, loss: Array | None) -> list[Finding]:
        """What was found, after the step."""
        self.finite.after_step(self.model, loss)
        dead = self.relu.result("of the first batch")
        of_outputs = [] if self._y_pred is None else check_outputs(self.model, self._y_pred, self._layers)
        return [*of_outputs, *self.inputs.results(), *([] if dead is None else [dead])]


class Diagnosis:
    """What ``fit`` asks at the beginning and the end of an epoch, and every ``PERIOD`` steps.

    A context: inside, the model keeps the losses of the last steps. When ``config.disable_training_warnings`` was called, it does
    nothing.

    Args:
        source: the ``EpochIterator`` of the run; None for a single batch.
    """

    def __init__(self, model: Any, source: Any = None) -> None:
        self.model, self._source = model, source
        self._enabled = settings.are_training_warnings_enabled()
        self._watch = LossWatch(model, source)
        self.losses = self._watch.losses  # to be looked at when there are ``PERIOD`` of them

    def __enter__(self) -> Diagnosis:
        return self

    def __exit__(self, *error: object) -> None:
        self.model._step_losses = None

    def quiet(self) -> AbstractContextManager[Any]:
        """A context without NumPy's warnings of overflows: of what comes of them, a loss that is not finite, there is a better one."""
        if not self._enabled:
            return nullcontext()
        numpy = backends.get("cpu").xp
        return numpy.errstate(**{kind: "ignore" for kind, mode in numpy.geterr().items() if mode == "warn"})

    def begin_epoch(self, epoch: int, batch: int, train_step: Step) -> Step:
        """The function that runs the first step of the epoch: ``train_step``, or one that also observes it."""
        if not self._enabled:
            return train_step
        self._watch.begin_epoch(epoch, batch)
        self.model._step_losses = self.losses

        def first_step(data: Any) -> Any:
            results = self.observed_step(train_step, data)
            self._watch.copy_state(batch + 1)
            return results

        return train_step if self.model._was_observed else first_step

    def observed_step(self, train_step: Step, data: Any) -> Any:
        """Run a step, and say what is wrong; if the first step of the model was observed before, only run it."""
        model = self.model
        if model._was_observed or not self._enabled:
            return train_step(data)
        model._was_observed = True
        before, model._step_losses = model._step_losses, self.losses
        size = self._source.data.size if self._source is not None else None
        watch = FirstStep(model, ENOUGH if size is None else min(ENOUGH, size))
        try:
            with observed(model, watch):
                results = train_step(data)
        finally:
            model._step_losses = before
        findings = watch.findings(self.losses[-1] if self.losses else None)
        self._watch.first_step_was(watch.finite.description)
        model._dead_relu_checked = bool(watch.relu.layers)
        for finding in findings:
            warn(TrainingWarning(*finding))
        return results

    def look(self, batch: int) -> None:
        """Look at the losses. batch: the next one of the epoch."""
        _say_if(self._watch.look(batch))

    def end_epoch(self, logs: dict[str, Any]) -> None:
        """After the last step of an epoch."""
        if not self._enabled:
            return
        with self.quiet():
            finding = self._watch.end_epoch(logs)
        _say_if(finding)
        if not self.model._dead_relu_checked:
            self.model._dead_relu_checked = True
            _say_if(self._dead_relu())

    def _dead_relu(self) -> Finding | None:
        """Whether a ReLU died in the first epoch: seen on a few of its samples, by a model in which no code of the user runs."""
        model, data = self.model, self._source.data
        if not isinstance(data, ArrayData) or not is_capturable(model, "predict_step"):
            return None
        if not any(map(is_relu, model._flatten_layers())) or model._state_variables():  # which a call would move
            return None
        count = min(max(data.batch_size, ENOUGH), SAMPLES, data.size)
        x = tree.map_structure(lambda a: a if a is None else a[:: data.size // count][:count], data.x)
        watch = DeadReLU(min(ENOUGH, count))
        with observed(model, watch), no_grad():
            model(tensors_of(x), training=False)
        return watch.result("that were tried after the first epoch")


def _say_if(finding: Finding | None) -> None:
    if finding is not None:
        warn(TrainingWarning(*finding))


__all__ = ["PERIOD", "Diagnosis"]
