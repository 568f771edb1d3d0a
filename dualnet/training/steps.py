"""The training, test and prediction step: what happens with one batch."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .. import tree
from ..core.autodiff import backward
from ..core.tensor import Tensor
from ..core.tracing import Tape, no_grad, recording
from ..core.tracing import state as tracing
from ..core.variables import Variable
from ..core.version import version
from ..core.warning import warn
from ..core.weak import Owner
from ..layers.base.context import context
from ..ops import zeros
from .compilation import Compilable
from .data_adapters.packing import unpack_x_y_sample_weight
from .logs import Logs


class StepMixin(Compilable):
    """The steps of a ``Trainer``. Each may be overridden.

    ``_run_step`` is the one sequence of phases. The first of them are run by ``_compute_gradients`` or ``_compute_outputs`` in an
    eager step, and in one that is captured, with a tracer; in a replayed step they are run by an executor (``capture/``).
    """

    # -- steps that may be overridden ------------------------------------------------------------------------------

    def train_step(self, data: Any) -> Any:
        """One update: forward, loss, gradients, weights, metrics. Returns results by name, read from the device when accessed."""
        return self._run_step(data, self._compute_gradients)

    def test_step(self, data: Any) -> Any:
        """Loss and metrics of one batch, without an update."""
        return self._run_step(data, self._compute_outputs)

    def predict_step(self, data: Any) -> Any:
        """The output for one batch."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The scalar to minimise: the compiled loss, plus what layers and regularizers add."""
        added = self.losses if self._may_add_losses() else []
        if self._compiled_loss is not None:
            if y is None:
                raise ValueError("the model was compiled with a loss, but there are no labels: pass y")
            total = self._compiled_loss(y, y_pred, sample_weight)
        elif added:
            total, added = added[0], added[1:]
        elif training:
            raise ValueError("there is nothing to minimise: compile with a loss, or use add_loss in a layer")
        else:
            total = zeros(())  # to compute metrics alone
        for loss in added:
            total = total + loss
        return total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the compiled metrics with a batch, and return the results so far."""
        if y is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    # -- the phases of a step --------------------------------------------------------------------------------------

    def _run_step(self, data: Any, compute: Callable[..., Any], scalars: Any = None) -> Any:
        """Forward pass, loss and gradients by ``compute(x, y, sample_weight)``, then the update and the metrics.

        ``compute`` returns the output, the loss, and the variables whose gradient is now in their buffer: None for no update.
        scalars: see ``Optimizer.apply_in_place``.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred, loss, with_grads = compute(x, y, sample_weight)
        if with_grads is not None:
            self._apply_gradients(with_grads, scalars)
        return self._update_metrics(x, y, y_pred, sample_weight, loss)

    def _compute_gradients(self, x: Any, y: Any, sample_weight: Any, tracer: Any = None) -> tuple[Any, Any, Any]:
        """The first phases of a training step. Gradients are written into the flat buffer."""
        if tracing.scope is not None:
            raise RuntimeError(
                "a training step cannot run in a StatelessScope: compute gradients, and call optimizer.apply or stateless_apply"
            )
        tape = Tape()
        with recording(tape):
            y_pred, loss = self._forward(x, y, sample_weight, True, tracer, tape)
            scaled = self.optimizer.scale_loss(loss)
        state = self._current_train_state()
        if not state.variables:
            return y_pred, loss, None
        grads = backward(tape, scaled, grad_buffers=state.grad_buffers, tracer=tracer)
        return y_pred, loss, [v for v in state.variables if id(v) in grads]

    def _compute_outputs(self, x: Any, y: Any, sample_weight: Any, tracer: Any = None) -> tuple[Any, Any, None]:
        """The first phases of a test step."""
        y_pred, loss = self._forward(x, y, sample_weight, False, tracer)
        return y_pred, loss, None

    def _forward(
        self, x: Any, y: Any, sample_weight: Any, training: bool, tracer: Any = None, tape: Tape | None = None
    ) -> tuple[Any, Any]:
        """(output, loss). ``compute_loss`` is called by keywords, without ``training`` where a subclass does not take it."""
        if tracer is not None:
            y_pred, loss = tracer.run(self._forward, x, y, sample_weight, training)
            tracer.add_losses(layer for layer in self._flatten_layers() if layer in context.layers_with_losses)
            tracer.finish(y_pred, loss, tape)
            return y_pred, loss
        y_pred = self(x, training=training)
        arguments = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        method = type(self).compute_loss
        if method is StepMixin.compute_loss or _takes(method, "training"):
            arguments["training"] = training
        return y_pred, self.compute_loss(**arguments)

    def _may_add_losses(self) -> bool:
        """Whether ``losses`` can be anything but empty: layers that cannot add one are not asked at every step."""
        state = self._train_state
        known = state is not None and state.is_current() and tracing.scope is None
        return not known or bool(state.regularized) or bool(context.layers_with_losses)

    def _apply_gradients(self, with_grads: list[Variable], scalars: Any = None) -> None:
        """One update from the gradients in the flat buffer. with_grads: the variables that have one."""
        state = self._train_state or self._current_train_state()
        missing: list[Variable] = []
        if len(with_grads) < len(state.variables):
            ids = {id(v) for v in with_grads}
            missing = [v for v in state.variables if id(v) not in ids]
            state.warn_once(missing)
        self.optimizer.apply_in_place([*state.frozen, *missing], scalars)

    def _update_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, loss: Any) -> Logs:
        """Update the mean loss and the metrics with a batch."""
        if tracing.tapes:
            with no_grad():
                return self._update_metrics(x, y, y_pred, sample_weight, loss)
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        self._keep_loss(loss.data)
        if type(self).compute_metrics is not StepMixin.compute_metrics:
            results = self.compute_metrics(x, y, y_pred, sample_weight)
            return Logs(lambda: results)
        if y is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return Logs(self.get_metrics_result)

    def _keep_loss(self, loss: Any) -> None:
        """Note that there is a loss, and keep that of the step for whoever watches them (``diagnostics/``)."""
        if self._step_losses is not None:
            self._step_losses.append(loss)
        if not self._has_loss:
            self._has_loss = True

    def _results_after(self, loss: Any) -> Logs:
        """What a step returns whose metrics have been updated. loss: its array, which stays as it is."""
        self._keep_loss(loss)
        return Logs(self.get_metrics_result)

    # -- state -----------------------------------------------------------------------------------------------------

    def _current_train_state(self) -> TrainState:
        """What every training step needs, collected anew when the trainable weights changed."""
        state = self._train_state
        if state is None or state.optimizer is not self.optimizer or not state.is_current():
            state = self._train_state = TrainState(self)
        return state

    def _prepare_training(self) -> None:
        """Before the first step: warn when ``trainable`` was changed after ``compile``."""
        if self._train_state is not None and not self._train_state.is_current(thorough=True):
            self._train_state = None
        before = self._trainable_at_compile
        if before is not None and before != [id(v) for v in self.trainable_variables]:
            warn(
                "the trainable weights have changed since compile(): the new choice holds from now on, but "
                "call compile() again so that the optimizer forgets the old one"
            )


class TrainState:
    """What every training step needs, and what only changes with the set of trainable weights."""

    model: Any = Owner()

    def __init__(self, model: StepMixin) -> None:
        self.model = model
        self.optimizer = model.optimizer
        self.variables = model.trainable_variables
        if not self.variables:
            warn("the model has no trainable weights: there is nothing to train")
        model.optimizer.ensure_built(self.variables)
        self.version = version()
        ids = {id(v) for v in self.variables}
        self.frozen = [v for v in model.optimizer.known_variables if id(v) not in ids]
        self.grad_buffers = {id(v): v.grad for v in self.variables}
        self.regularized = [v for v in self.variables if v.regularizer is not None]
        self.warned = False

    def is_current(self, thorough: bool = False) -> bool:
        """Whether the trainable weights are still the same. thorough: compare them even if the version is the same."""
        if self.version != version() or thorough:
            if [id(v) for v in self.model.trainable_variables] != [id(v) for v in self.variables]:
                return False
            if any(v.grad is not self.grad_buffers[id(v)] for v in self.variables):  # moved to another device
                return False
            self.version = version()
        return True

    def warn_once(self, missing: list[Variable]) -> None:
        if not self.warned:
            self.warned = True
            names = ", ".join(v.path for v in missing)
            warn(f"the loss does not depend on {names}: without a gradient they stay as they are")


@functools.lru_cache(maxsize=256)
def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of that name, or takes any keyword."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _batch_size(x: Any) -> int:
    if type(x) is Tensor:  # the usual case, without walking a structure
        return x.data.shape[0]
    return next(a.shape[0] for a in tree.flatten(x) if a is not None)
