"""Captured steps as generated Python functions (``codegen.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from ...core.tensor import Array, Tensor
from ...core.variables import Variable
from ..codegen import CodeWriter, numbered
from ..fusion import fuse
from ..trace import Trace
from .base import Executor

Draws = Sequence[tuple[Any, Any]] | None


class ForwardProgram(Executor):
    """The forward pass of a captured step, and its loss if it has one.

    draws: see ``CodeWriter``.
    """

    can_be_recorded = True

    def __init__(self, model: Any, trace: Trace, draws: Draws = None) -> None:
        super().__init__(model, trace)
        trace.calls = fuse(trace.calls, set(trace.outputs.values))
        writer = CodeWriter(trace, draws)
        writer.forward()
        writer.add(f"return {writer.returned()}")
        self._function, self.source = writer.function("batch")

    def run(self, batch: Sequence[Array]) -> tuple[Any, Any, list[Any] | None]:
        values = self._function(batch)
        self.outputs.run_effects(values)
        y_pred, loss = self.outputs.unflatten(values)
        return y_pred, loss, None


class PredictProgram(ForwardProgram):
    """A captured prediction step, which is no more than its forward pass."""

    def __call__(self, data: Any, batch: Sequence[Array]) -> Any:
        return self.run(batch)[0]


class TrainProgram(Executor):
    """A captured training step: forward pass, loss and gradients. draws: see ``CodeWriter``."""

    can_be_recorded = True

    def __init__(self, model: Any, trace: Trace, draws: Draws = None) -> None:
        super().__init__(model, trace)
        loss = trace.values[trace.outputs.values[-1]]
        self._one = Tensor(backends.of(loss).xp.ones_like(loss))
        self._grad_buffers = model._current_train_state().grad_buffers
        self._trained = {g: v for g, v in trace.grad_variables.items() if id(v) in self._grad_buffers}
        self._requests = [call.requests for call in trace.vjp_calls]
        writer = CodeWriter(trace, draws)
        writer.forward(trace.vjp_calls)
        writer.backward(trace.vjp_calls, self._trained)
        writer.add(f"return {writer.returned()}")
        in_place = [i for i, requests in enumerate(self._requests) if requests is not None]
        parameters = ["batch", "seed", *numbered("p", self._trained), *numbered("w", in_place)]
        self._function, self.source = writer.function(", ".join(parameters))
        self._bind(self._grad_buffers)

    def run(self, batch: Sequence[Array]) -> tuple[Any, Any, list[Any] | None]:
        model = self.model
        grad_buffers = model._current_train_state().grad_buffers
        if grad_buffers is not self._grad_buffers:
            self._bind(grad_buffers)
        # The scale of a loss scales the gradient that the reverse pass begins with; it may change at every step.
        seed = model.optimizer.scale_loss(self._one).data
        values = self._function(batch, seed, *self._arguments)
        self.outputs.run_effects(values)
        y_pred, loss = self.outputs.unflatten(values)
        return y_pred, loss, self._with_grads

    def _bind(self, grad_buffers: dict[int, Array]) -> None:
        """Look up where gradients are written."""

        def request(r: Any) -> Any:
            return grad_buffers.get(id(r)) if isinstance(r, Variable) else r

        self._grad_buffers = grad_buffers
        self._with_grads = [v for v in self._trained.values() if id(v) in grad_buffers]
        self._arguments = [grad_buffers.get(id(v)) for v in self._trained.values()]
        self._arguments += [list(map(request, requests)) for requests in self._requests if requests is not None]
