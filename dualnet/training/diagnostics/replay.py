"""Where the first value came from that was not finite: the steps before it are run again, with their layers observed."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

from ...capture.changing import Changing, State
from ...core.tensor import Array, Tensor
from ...layers.base.layer import Layer
from ...optimizers import LossScaleOptimizer
from ..data_adapters.array_adapter import ArrayData
from ..data_adapters.epoch_iterator import EpochIterator
from ..data_adapters.packing import pack_x_y_sample_weight
from .observation import is_finite, largest, observed, tensors

MAX_BYTES = 1 << 28  # of a state that is copied


class Position(NamedTuple):
    """Before which step of a run."""

    epoch: int
    batch: int
    data: dict[str, Any] | None  # of ``EpochIterator.position``


class FiniteWatch:
    """The first value of an observed step that was not finite. description: in words; None: there was none."""

    def __init__(self) -> None:
        self.description: str | None = None
        self._largest = 0.0  # number that the last layer gave

    def __call__(self, layer: Layer, inputs: list[Tensor], result: Any) -> None:
        if self.description is not None or layer._sublayers():
            return
        outputs = tensors(result)
        if all(is_finite(y.data) for y in outputs):
            self._largest = max((largest(y.data) for y in outputs), default=0.0)
            return
        weights = [v.path for v in layer.weights if not is_finite(v.data)]
        if weights:
            self.description = f"the weights {weights[0]!r} were not finite any more, after the update before it"
        elif not all(is_finite(x.data) for x in inputs):
            self.description = f"the input of the layer {layer.name!r} was not finite"
        else:
            self.description = f"the output of the layer {layer.name!r} was the first value that was not finite"

    def after_step(self, model: Any, loss: Array | None) -> None:
        """Look at the loss, the gradients and the weights, in this order."""
        state = model._train_state
        if self.description is not None or state is None:
            return
        if loss is not None and not is_finite(loss):
            self.description = (
                f"all layers gave finite values, the last of them up to {self._largest:.3g}, but the loss computed from them was "
                "not finite"
            )
            return
        if not isinstance(model.optimizer, LossScaleOptimizer):  # which skips such steps
            for v in reversed(state.variables):
                if v.grad is not None and not is_finite(v.grad):
                    self.description = f"the gradient of {v.path!r} was the first value that was not finite"
                    return
        for v in state.variables:
            if not is_finite(v.data):
                self.description = f"the update made the weights {v.path!r} so large that they were not finite any more"
                return


def origin(
    model: Any, data: Any, steps: int | None, start: Position, state: State, stop: Position
) -> tuple[int, int, str] | None:
    """(epoch, batch, in words) of the first value that was not finite, or None if it cannot be found again.

    Args:
        data: what was trained on, from which the same batches are taken again.
        steps: per epoch, as passed to ``fit``.
        start, state: of a step before, from which the run is repeated.
        stop: the step whose loss was not finite.
    """
    if not isinstance(data, ArrayData):
        return None  # a generator's batches are gone
    present = State(Changing.of(model))
    losses, model._step_losses = model._step_losses, None
    state.restore()
    try:
        return _first_found(model, data, steps, start, stop)
    finally:
        present.restore()
        model._step_losses = losses


def _first_found(
    model: Any, data: Any, steps: int | None, start: Position, stop: Position
) -> tuple[int, int, str] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is run again has warned before
        source = EpochIterator(data, steps)
        source.resume(start.data)
        for epoch in range(start.epoch, stop.epoch + 1):
            first = start.batch if epoch == start.epoch else 0
            batches = source.epoch(epoch, model.optimizer.step_count(), first)
            for batch, (x, y, weight, _) in enumerate(batches, first):
                description = _observed_step(model, pack_x_y_sample_weight(x, y, weight))
                if description is not None:
                    return epoch, batch, description
                if (epoch, batch) >= (stop.epoch, stop.batch):
                    return None
    return None


def _observed_step(model: Any, data: Any) -> str | None:
    watch = FiniteWatch()
    losses: list[Array] = []
    model._step_losses = losses
    with observed(model, watch):
        model.train_step(data)
    watch.after_step(model, losses[0] if losses else None)
    return watch.description
