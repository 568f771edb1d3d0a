"""What an executor is: the interface between captured steps and the ways to run them again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...core.tensor import Array
from ...core.tracing import before_write, live_tapes, live_views
from ...core.weak import Owner
from ..trace import Trace


class StepScalars(NamedTuple):
    """The numbers that the host decides anew for every step, all plain Python numbers in tuples.

    An executor that computes on the host reads them where they are used, as the eager step does. One whose work is fixed, such
    as a CUDA graph, reads them all before each step, writes them to fixed addresses, and lets the step read them there.
    """

    update: Any  # of the optimizer: ``UpdateScalars``, or a tuple of such
    draws: tuple[Any, ...]  # (Philox key, step) for each random op, in the order of ``Trace.draws``


class Executor(ABC):
    """Runs a captured step again, on batches of the signature that it was captured with.

    An executor is made from a trace right after the traced step, and called with every later batch. The least it must do is ``run``:
    forward pass, loss and reverse pass; the phases that follow, the update and the metrics, are then run by the model. An
    executor that captures these phases too overrides ``__call__``. All it needs for that has a fixed address:

    - the batch: ``trace.inputs`` arrays, of the shapes and dtypes of the first ``trace.values``. It allocates such arrays once,
      copies each batch into them, and calls ``model._run_step`` on tensors of them while it captures;
    - weights, gradients, the slots of the optimizer and the states of metrics, which are changed in place. The variables that
      ops change in place are named by ``OpCall.mutates``;
    - the numbers that change from step to step: ``read_scalars``. The ops of ``trace.draws`` take their random numbers
      from there, and ``model._run_step(..., scalars=...)`` hands them to the optimizer, which then leaves it to the executor
      to count the step (``optimizer.advance``);
    - the gradient of the loss: ``optimizer.scale_loss`` of ones, which is 1 unless the loss is scaled.

    An executor that runs generated code keeps it in ``source``.

    An optimizer whose updates are not all alike (``optimizer.updates_alike``) has to be run by the model.
    """

    model: Any = Owner()
    source = ""
    can_be_recorded = False  # whether it is a program that takes ``draws`` and runs on fixed addresses (``graph.py``)

    def __init__(self, model: Any, trace: Trace) -> None:
        self.model = model
        self.outputs = trace.outputs
        self._mutated = [v for call in trace.calls for v in call.mutates]

    @abstractmethod
    def run(self, batch: Sequence[Array]) -> tuple[Any, Any, list[Any] | None]:
        """(output, loss, variables that got a gradient) for the arrays of a batch; None where no gradient is taken.

        Gradients are written to the buffers of the variables.
        """

    def __call__(self, data: Any, batch: Sequence[Array]) -> Any:
        """A whole step. data: as the steps of a model get it. batch: its arrays. Returns what the model's step returns."""
        if live_tapes or live_views:
            before_write(*(v.data for v in self._mutated))
        return self.model._run_step(data, lambda x, y, sample_weight: self.run(batch))

    def read_scalars(self, trace: Trace) -> StepScalars:
        """The numbers for the next step. The generators of random numbers move on."""
        draws = tuple(draw.generator.next() for draw in trace.draws)
        return StepScalars(self.model.optimizer.read_scalars(), draws)
