"""Captured steps as recorded work of the device: on a GPU, one CUDA graph with all kernels of a step, launched in one go."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import dualnet_backends as backends
from dualnet_backends.recording import Recording, RecordingError, Rows

from ... import tree
from ...core.tensor import Array, Origin, Tensor
from ...core.tracing import before_write, live_tapes, live_views
from ..capturable import is_builtin_object
from ..changing import Changing, State
from ..trace import Trace, side_outputs
from .base import Executor
from .python import PredictProgram, TrainProgram

LOSSES = 256  # of the last steps, which stay where they are for whoever watches them

logger = logging.getLogger("dualnet.capture")


class Phases(IntEnum):
    """What a recording covers: a phase and those before it. The model runs the others as written."""

    NOTHING = 0
    COMPUTE = 1  # forward pass, loss, gradients
    UPDATE = 2  # of the weights
    METRICS = 3


_NAMES = {Phases.COMPUTE: "the forward pass and gradients", Phases.UPDATE: "updates", Phases.METRICS: "metrics"}
_COVERED = {
    Phases.COMPUTE: "the forward pass, and what gradients there are",
    Phases.UPDATE: "all but the metrics",
    Phases.METRICS: "all of it",
}


class GraphStep(Executor):
    """Runs a captured step as a recording (``dualnet_backends/recording.py``) of what its program (``python.py``) does, and of the
    update and the metrics.

    The first step runs in the memory of the recording, the second one is recorded, and from then on it is replayed. A phase that
    the device cannot record is left to the model; where none can be recorded, the program takes over. The reasons are logged at
    debug level.

    Nothing that somebody may hold is overwritten by a replay: outputs are copied, and losses are kept in a ring.

    Args:
        program: the class of the program.
        data: a batch of the signature, for its structure.
        replace: called with the executor that is to take over, or with None when the step is not the one any more that was
            recorded, and has to be captured anew.
    """

    def __init__(
        self,
        program: type[Executor],
        model: Any,
        trace: Trace,
        data: Any,
        replace: Callable[[Executor | None], Callable[[Any], Any]],
    ) -> None:
        super().__init__(model, trace)
        self._program_class, self._trace, self._replace = program, trace, replace
        self._method = "train_step" if issubclass(program, TrainProgram) else "test_step"
        if issubclass(program, PredictProgram):
            self._method = "predict_step"
        self._lock = threading.RLock()  # the addresses are the same for all threads
        self._backend = backends.of(trace.values[0])
        self._template = data
        self._generators = [draw.generator for draw in trace.draws]
        self.phases = self._possible_phases()
        self._recording: Recording | None = None
        self._result: Any = None  # of the recorded work
        self._was_run = False
        self._failures = 0  # to record it
        self._phase = Phases.COMPUTE  # that is under way
        self._no_scalars: list[int] = []
        self._steps = 0

    @property
    def is_recorded(self) -> bool:
        return self._result is not None

    def run(self, batch: Sequence[Array]) -> tuple[Any, Any, list[Any] | None]:
        """What is recorded of the first phase. batch: ``inputs`` of the recording."""
        return self._program.run(batch)

    def __call__(self, data: Any, batch: Sequence[Array]) -> Any:
        return self.step(Rows(batch), lambda: data)

    def step(self, rows: Rows, data: Callable[[], Any]) -> Any:
        """A whole step. rows: where the device finds the batch. data: gives it as tensors, for what is not recorded."""
        with self._lock:
            counters = [g.counter for g in self._generators]
            draws = [g.next() for g in self._generators]
            scalars = self.model.optimizer.read_scalars() if self._covers_update else self._no_scalars
            self._steps += 1
            numbers = [*[step for _, step in draws], self._steps % LOSSES, *tree.flatten(scalars)]
            if not self.is_recorded:
                if self._recording is None:
                    try:
                        self._prepare([key for key, _ in draws], scalars)
                    except Exception as error:
                        return self._give_up(f"{type(error).__name__}: {error}", data, counters)
                return self._run_or_record(rows, numbers, data, counters)
            if not self._is_current([key for key, _ in draws]):
                self._set_counters(counters)
                return self._replace(None)(data())
            if live_tapes or live_views:
                before_write(*(a for _, a in self._addresses))
            self._recording.replay(rows, numbers)  # type: ignore[union-attr]
            return self._finish(self._result, data)

    def _is_current(self, keys: list[Any]) -> bool:
        """Whether the step is still the one that was recorded, beside what ``version()`` tells."""
        same = keys == self._keys and self._settings_version() == self._settings
        return same and all(v.data is a for v, a in self._addresses)

    def _settings_version(self) -> int:
        """Of the optimizer, whose update may be in the recording."""
        return self.model.optimizer.settings_version if self._covers_update else 0

    # -- what can be recorded ----------------------------------------------------------------------------------------

    @property
    def _covers_update(self) -> bool:
        return self.phases >= Phases.UPDATE and issubclass(self._program_class, TrainProgram)

    def _possible_phases(self) -> Phases:
        """The phases in which no code of the user runs, and nothing is decided on the host but numbers."""
        if issubclass(self._program_class, PredictProgram):
            return Phases.COMPUTE
        if issubclass(self._program_class, TrainProgram) and (reason := _why_not_update(self.model)):
            self._log(f"updates run as written: {reason}")
            return Phases.COMPUTE
        users = [m.name for m in self.model.metrics if not is_builtin_object(m)]
        if users:
            self._log(f"metrics run as written: {', '.join(users)} has code that is not dualnet's")
            return Phases.UPDATE
        return Phases.METRICS

    def _prepare(self, keys: list[Any], scalars: Any) -> None:
        """Reserve the addresses, and write the program that works on them."""
        leaves = tree.flatten(scalars)
        kinds = [self.model.optimizer.scalar_dtype] * len(leaves) if leaves else []
        trace, self._keys = self._trace, keys
        inputs = [(a.shape, a.dtype) for a in trace.values[: trace.inputs]]
        recording = self._recording = self._backend.recording(inputs, [*["u8"] * len(keys), "i8", *kinds])
        steps, self._index, at = recording.numbers[: len(keys)], recording.numbers[len(keys)], len(keys) + 1
        # Their addresses stay reserved, should the update turn out to be left to the model.
        self._no_scalars = [0] * len(leaves)
        self._scalars = tree.pack_sequence_as(scalars, recording.numbers[at:])
        self._program = self._program_class(self.model, trace, list(zip(keys, steps)))  # type: ignore[call-arg]
        self.source = self._program.source
        arrays = iter(recording.inputs)
        self._data = tree.map_structure(lambda t: None if t is None else Tensor(next(arrays)), self._template)
        self._losses: list[Array] = []
        self._added_losses: list[tuple[Any, list[Any]]] = []

    # -- the first steps ---------------------------------------------------------------------------------------------

    def _run_or_record(self, rows: Rows, numbers: list[Any], data: Callable[[], Any], counters: list[int]) -> Any:
        recording = self._recording
        assert recording is not None
        if self._was_run:
            try:
                self._record()
            except RecordingError as error:
                self._failures += 1  # the first time, it may have been for want of memory, which another run reserves
                if self._failures % 2 == 0:
                    self._leave_out(str(error))
            else:
                recording.replay(rows, numbers)
                return self._finish(self._result, data)
        while self.phases:
            before = State(Changing.of(self.model))
            self._phase = Phases.COMPUTE
            try:
                result = recording.run(self._work, rows, numbers)
            except Exception as error:
                before.restore()
                self._leave_out(f"{type(error).__name__}: {error}")
            else:
                self._was_run = True
                return self._finish(result, data)
        return self._give_up("nothing can be recorded", data, counters)

    def _give_up(self, reason: str, data: Callable[[], Any], counters: list[int]) -> Any:
        """Leave this step and all that follow to the program."""
        self._log(f"captured as a function: {reason}")
        self._set_counters(counters)
        program = self._program_class(self.model, self._trace)
        return self._replace(program)(data())

    def _record(self) -> None:
        assert self._recording is not None
        variables = [*self._trace.variables.values(), *Changing.of(self.model).variables]
        self._settings = self._settings_version()
        self._addresses = [(v, v.data) for v in {id(v): v for v in variables}.values()]
        # What tapes and views are to keep is kept now: what is done while recording happens at every replay.
        before_write(*(a for _, a in self._addresses))
        self._result = self._recording.record(self._work)
        self._log(f"recorded: {_COVERED[self.phases]}")

    def _work(self) -> tuple[Any, Any, Any]:
        """The phases of a step, on fixed addresses. Returns output, loss, and the variables with a gradient."""
        model, recording = self.model, self._recording
        assert recording is not None
        self._phase = Phases.COMPUTE
        y_pred, loss, with_grads = self.run(recording.inputs)
        self._added_losses = [(layer, layer._losses) for layer in self._trace.layers_with_losses]
        if self._covers_update and with_grads is not None:
            self._phase = Phases.UPDATE
            model._apply_gradients(with_grads, self._scalars)
        if self.phases >= Phases.METRICS:
            self._phase = Phases.METRICS
            losses, model._step_losses = model._step_losses, None
            try:
                model._run_step(self._data, lambda *_: (y_pred, loss, None))
            finally:
                model._step_losses = losses
        if loss is not None:
            if not self._losses:
                self._ring = self._backend.xp.zeros((LOSSES,), dtype=loss.data.dtype)
                self._losses = [self._ring[i] for i in range(LOSSES)]
            self._backend.store(self._ring, self._index, loss.data)
        return y_pred, loss, with_grads

    def _finish(self, result: Any, data: Callable[[], Any]) -> Any:
        """What is not recorded of a step: the host counts, and the model runs the phases that are left."""
        y_pred, loss, with_grads = result
        for layer, losses in self._added_losses:
            layer._replace_losses(*map(_copied, losses))
        if with_grads is not None and self.phases >= Phases.UPDATE:
            self.model.optimizer.advance()
            with_grads = None
        if self.phases >= Phases.METRICS:
            return self.model._results_after(self._losses[self._steps % LOSSES])
        y_pred = tree.map_structure(_copied, y_pred)
        if issubclass(self._program_class, PredictProgram):
            return y_pred
        computed = y_pred, _copied(loss), with_grads
        return self.model._run_step(data(), lambda *_: computed)

    # -- reasons -----------------------------------------------------------------------------------------------------

    def _leave_out(self, reason: str) -> None:
        """Record no longer the phase that failed, and those after it."""
        self.phases = Phases(self._phase - 1)
        self._log(f"{_NAMES[self._phase]} run as written: {reason}")

    def _log(self, message: str) -> None:
        logger.debug("%s of %s: %s", self._method, self.model.name, message)

    def _set_counters(self, counters: list[int]) -> None:
        for generator, counter in zip(self._generators, counters):
            generator.counter = counter


def _why_not_update(model: Any) -> Any:
    """Why the updates of a model cannot be recorded; empty if they can."""
    optimizer = model.optimizer
    if not optimizer.updates_alike:
        return optimizer.why_updates_differ
    constrained = [v for v in optimizer.known_variables if v.constraint is not None]
    users = [v.path for v in constrained if not is_builtin_object(v.constraint)]
    return f"the constraint of {users[0]} has code that is not dualnet's" if users else ""


def _copied(t: Any) -> Any:
    """A tensor, with its mask and its logits, in memory of its own."""
    if t is None:
        return None
    copy = Tensor(t.data.copy())
    for name, other in side_outputs(t).items():
        if name == "mask":
            copy._keras_mask = Tensor(other.data.copy())
        else:
            copy.origin = Origin(name, Tensor(other.data.copy()))
    return copy
