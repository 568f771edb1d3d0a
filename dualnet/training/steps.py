"""A step of training, of testing and of predicting: what happens with one batch."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import tree
from ..core.autodiff import backward
from ..core.tensor import Tensor
from ..core.tracing import Tape, is_recording, no_grad, recording
from ..core.version import version
from ..layers.base.context import context
from ..ops import zeros
from .compiled_loss import CompiledLoss
from .compiled_metrics import CompiledMetrics
from .data_adapters.packing import unpack_x_y_sample_weight
from .logs import Logs


class Steps:
    """The steps of a ``Trainer``, which says what the attributes are. Each may be overridden."""

    optimizer: Any
    losses: Any
    trainable_variables: Any
    get_metrics_result: Callable[[], dict[str, Any]]
    _compiled_loss: CompiledLoss | None
    _compiled_metrics: CompiledMetrics
    _loss_tracker: Any
    _trained: Trained | None
    _has_loss: bool  # whether a batch has been measured
    _trainable_at_compile: list[int] | None

    if TYPE_CHECKING:
        __call__: Callable[..., Any]  # of the layer that this is a part of

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
            total = zeros(())  # to look at metrics alone
        for loss in added:
            total = total + loss
        return total

    def _loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """``compute_loss``, by keywords and without ``training`` where a subclass wrote it without."""
        known = type(self).compute_loss
        named = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        if known is Steps.compute_loss or _takes(known, "training"):
            named["training"] = training
        return self.compute_loss(**named)

    def _may_add_losses(self) -> bool:
        """Whether ``losses`` can be anything but empty: no layer is asked at every step for what it does not do."""
        state = self._trained
        return state is None or not state.current() or bool(state.regularized) or bool(context.holding)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take a batch into the compiled metrics, and return the results so far."""
        if y is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def train_step(self, data: Any) -> Any:
        """One update: forward, loss, gradients, weights, metrics. Returns results by name, read when looked at."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        tape: Tape = []
        with recording(tape):
            y_pred = self(x, training=True)
            loss = self._loss(x, y, y_pred, sample_weight, True)
            scaled = self.optimizer.scale_loss(loss)
        self._update(tape, scaled)
        return self._account(x, y, y_pred, sample_weight, loss)

    def _update(self, tape: Tape, loss: Tensor) -> None:
        """Gradients of the loss, written into the flat buffer, and one update from them."""
        state = self._state()
        if state.variables:  # otherwise, what is left of a step is to measure
            found = backward(tape, loss, destinations=state.destinations)
            self._apply(state, [v for v in state.variables if id(v) in found])

    def _state(self) -> Trained:
        """What every step needs, gathered anew when the trainable weights changed."""
        state = self._trained
        if state is None or state.optimizer is not self.optimizer or not state.current():
            state = self._trained = Trained(self)
        return state

    def _apply(self, state: Trained, found: list[Any]) -> None:
        """One update from the gradients in the flat buffer. found: the variables that have one"""
        missing: list[Any] = []
        if len(found) < len(state.variables):
            got = {id(v) for v in found}
            missing = [v for v in state.variables if id(v) not in got]
            state.warn_once(missing)
        self.optimizer.apply_in_place([*state.frozen, *missing])

    def _account(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, loss: Any) -> Logs:
        """Take a batch into loss and metrics."""
        if is_recording():
            with no_grad():
                return self._account(x, y, y_pred, sample_weight, loss)
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        if not self._has_loss:
            self._has_loss = True
        if type(self).compute_metrics is not Steps.compute_metrics:
            results = self.compute_metrics(x, y, y_pred, sample_weight)
            return Logs(lambda: results)
        if y is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return Logs(self.get_metrics_result)

    def test_step(self, data: Any) -> Any:
        """Loss and metrics of one batch, without an update."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self._loss(x, y, y_pred, sample_weight, False)
        return self._account(x, y, y_pred, sample_weight, loss)

    def predict_step(self, data: Any) -> Any:
        """The output for one batch."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def _prepare_training(self, data: Any) -> None:
        """Before the first step: warn when ``trainable`` was changed after ``compile``."""
        if self._trained is not None and not self._trained.current(thorough=True):
            self._trained = None
        before = getattr(self, "_trainable_at_compile", None)
        if before is not None and before != [id(v) for v in self.trainable_variables]:
            warnings.warn(
                "the trainable weights have changed since compile(): the new choice holds from now on, but "
                "call compile() again so that the optimizer forgets the old one",
                stacklevel=4,
            )


class Trained:
    """What every training step needs and only changes with the set of trainable weights."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.optimizer = model.optimizer
        self.variables = model.trainable_variables
        if not self.variables:
            warnings.warn("the model has no trainable weights: there is nothing to train", stacklevel=5)
        model.optimizer.ensure_built(self.variables)
        self.structure = version()
        mine = {id(v) for v in self.variables}
        self.frozen = [v for v in model.optimizer.known_variables if id(v) not in mine]
        self.destinations = {id(v): v.grad for v in self.variables}
        self.regularized = [v for v in self.variables if v.regularizer is not None]
        self.warned = False

    def current(self, thorough: bool = False) -> bool:
        """Whether the same weights are trainable as when this was made. thorough: look, whatever ``structure`` says."""
        if self.structure != version() or thorough:
            if [id(v) for v in self.model.trainable_variables] != [id(v) for v in self.variables]:
                return False
            self.structure = version()
        return True

    def warn_once(self, missing: list[Any]) -> None:
        if not self.warned:
            self.warned = True
            names = ", ".join(v.path for v in missing)
            warnings.warn(
                f"the loss does not depend on {names}: without a gradient they stay as they are", stacklevel=5
            )


@functools.lru_cache(maxsize=256)
def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of that name, or takes any keyword."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _batch_size(x: Any) -> int:
    if type(x) is Tensor:  # the usual case, without walking a structure
        return x.data.shape[0]
    return next(a.shape[0] for a in tree.flatten(x) if a is not None)
