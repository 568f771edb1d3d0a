"""Steps that are captured once per signature of a batch, and then replayed: the protocol of CUDA graphs and of tinygrad's JIT."""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import dualnet_backends as backends

from .. import tree
from ..callbacks.callback import listens
from ..core import settings
from ..core.tensor import Tensor
from ..core.tracing import state
from ..core.version import version
from ..core.weak import Owner
from .batches import IndexedBatch, tree_structure
from .capturable import is_builtin, is_builtin_object, is_capturable
from .executors.base import Executor
from .executors.graph import GraphStep
from .executors.python import ForwardProgram, PredictProgram, TrainProgram
from .trace import Trace
from .tracer import Tracer

logger = logging.getLogger("dualnet.capture")

MAX_SIGNATURES = 8  # where every batch has another shape, capturing gains nothing


class Stage(Enum):
    """What is done with a batch whose signature has no executor."""

    WARM_UP = "run eagerly; it is the first one"
    CAPTURE = "run eagerly and trace"
    EAGER = "run eagerly, always"


class CapturedStep:
    """A step of a model, captured per batch signature at the second batch, and replayed from the third on.

    All captures are invalidated when weights are created, when ``trainable`` changes, when an attribute of a layer, a loss or a
    regularizer is set, and by ``compile``. callbacks: those of the run. Where some are the user's, steps are captured
    anew in each epoch: that code may have changed what no trace can see.
    """

    model: Any = Owner()
    method: str  # of the model
    compute: str  # the method with its first phases, which takes a tracer
    executor: type[Executor] = ForwardProgram
    _hooks: tuple[str, ...]  # of callbacks, between two of these steps

    def __init__(self, model: Any, callbacks: Sequence[Any] = ()) -> None:
        self.model = model
        self._callbacks = callbacks
        self._has_user_callbacks = not all(map(is_builtin_object, callbacks))
        self._is_allowed: bool | None = None
        self._entries: dict[Any, Stage | Executor] = {}  # by signature
        self._version = version()

    def __call__(self, data: Any) -> Any:
        if type(data) is IndexedBatch:
            entry = self._entries.get(data.signature) if self._version == version() and state.scope is None else None
            return entry.step(data.rows, data.tensors) if type(entry) is GraphStep else self(data.tensors())
        if state.scope is not None:  # what was captured works on the arrays that the variables have outside
            return getattr(self.model, self.method)(data)
        if self._version != version():
            self._version = version()
            self._reset()
        leaves: Any
        if type(data) is Tensor:
            leaves, structure = (data,), None
        elif type(data) is tuple and len(data) == 2 and type(data[0]) is Tensor is type(data[1]):
            leaves, structure = data, None
        else:
            leaves, structure = [t for t in tree.flatten(data) if t is not None], tree_structure(data)
        signature = (structure, *[(t.data.shape, t.data.dtype) for t in leaves])
        entry = self._entries.get(signature)
        if entry is not None and type(entry) is not Stage:
            return entry(data, [t.data for t in leaves])  # type: ignore[operator]
        if self._next_stage(signature, leaves) is not Stage.CAPTURE:
            return getattr(self.model, self.method)(data)
        tracer = Tracer(leaves, [*self.model.non_trainable_variables, *self.model._state_variables()])
        results = self._trace(data, tracer)
        self._entries[signature] = Stage.EAGER
        if tracer.is_complete:
            self._entries[signature] = self._make_executor(tracer.plan_outputs(self._needs_output()), data, signature)
        else:
            logger.debug("%s of %s runs as written: %s", self.method, self.model.name, tracer.abort_reason)
        return results

    def _make_executor(self, trace: Trace, data: Any, signature: Any) -> Executor:
        """What runs a traced step again: a recording, where the device has such a thing."""
        can_record = trace.inputs and self.executor.can_be_recorded and backends.of(trace.values[0]).can_record
        if not (can_record and settings.are_graphs_enabled()):
            logger.debug("%s of %s: captured as a function", self.method, self.model.name)
            return self.executor(self.model, trace)
        me = weakref.ref(self)

        def replace(executor: Executor | None) -> Callable[[Any], Any]:
            step = me()
            assert step is not None, "it runs the executor"
            return step._replace(signature, executor)

        return GraphStep(self.executor, self.model, trace, data, replace)

    def _replace(self, signature: Any, executor: Executor | None) -> Callable[[Any], Any]:
        """Have another executor for a signature, or capture it anew (None)."""
        if executor is None:
            self._entries.pop(signature, None)
        else:
            self._entries[signature] = executor
        return self

    def _next_stage(self, signature: Any, leaves: Sequence[Tensor]) -> Stage:
        """What to do with a batch for whose signature there is no executor."""
        stage = self._entries.get(signature)
        if stage is None:
            if len(self._entries) < MAX_SIGNATURES:
                self._entries[signature] = Stage.CAPTURE
            return Stage.WARM_UP
        if stage is Stage.CAPTURE and self._is_allowed is None:
            self._is_allowed = self._is_capturable() and not any(
                listens(c, hook) for c in self._callbacks for hook in self._hooks if not is_builtin_object(c)
            )
            if not self._is_allowed:
                logger.debug("%s of %s runs as written: code that is not dualnet's", self.method, self.model.name)
        # Of one array in two positions, a trace could not tell which one an op takes.
        distinct = len({id(t.data) for t in leaves}) == len(leaves)
        return Stage.CAPTURE if stage is Stage.CAPTURE and self._is_allowed and distinct else Stage.EAGER

    def _is_capturable(self) -> bool:
        return is_capturable(self.model, self.method, "compute_loss")

    def _needs_output(self) -> bool:
        """Whether anything reads the output of the model."""
        return self.model._compiled_metrics.needs_output()

    def _trace(self, data: Any, tracer: Tracer) -> Any:
        """Run the step eagerly, and trace it."""
        return self.model._run_step(data, functools.partial(getattr(self.model, self.compute), tracer=tracer))

    def _reset(self) -> None:
        self._is_allowed = None
        self._entries.clear()

    def begin_run(self) -> None:
        """Check what other runs captured: a class may have been patched since, or there may be no room for new signatures."""
        if len(self._entries) >= MAX_SIGNATURES or (self._entries and not self._is_capturable()):
            self._reset()

    def end_epoch(self) -> None:
        """Code of the user may run now."""
        if self._has_user_callbacks:
            self._reset()


class CapturedTrainStep(CapturedStep):
    """``train_step`` of a model, as ``fit`` and ``train_on_batch`` call it."""

    method, compute = "train_step", "_compute_gradients"
    executor = TrainProgram
    _hooks = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")

    def _is_capturable(self) -> bool:
        return is_builtin(self.model.optimizer.scale_loss) and super()._is_capturable()


class CapturedTestStep(CapturedStep):
    """``test_step`` of a model, as ``evaluate`` and ``test_on_batch`` call it."""

    method, compute = "test_step", "_compute_outputs"
    _hooks = ("on_test_batch_begin", "on_test_batch_end")


class CapturedPredictStep(CapturedStep):
    """``predict_step`` of a model, as ``predict`` calls it."""

    method = "predict_step"
    executor = PredictProgram
    _hooks = ("on_predict_batch_begin", "on_predict_batch_end")

    def _is_capturable(self) -> bool:
        return is_capturable(self.model, self.method)

    def _needs_output(self) -> bool:
        return True

    def _trace(self, data: Any, tracer: Tracer) -> Any:
        y_pred = tracer.run(self.model.predict_step, data)
        tracer.finish(y_pred)
        return y_pred


def captured_step(model: Any, cls: type[CapturedStep], callbacks: Sequence[Any] = ()) -> Any:
    """The captured step of a model.

    What was captured stays from one run to the next, unless callbacks of the user take part in this one.
    """
    if not all(map(is_builtin_object, callbacks)):
        return cls(model, callbacks)
    steps = model._captured_steps = model._captured_steps or {}
    if cls not in steps:
        steps[cls] = cls(model)
    return steps[cls]


def step_source(model: Any, cls: type[CapturedStep] = CapturedTrainStep) -> str:
    """The generated code of a model's captured steps, for reading: one function per batch signature.

    It is empty before two batches of one signature, and for a model whose steps are not captured (``capturable.py``).
    """
    entries = captured_step(model, cls)._entries.values()
    return "\n\n".join(executor.source for executor in entries if isinstance(executor, Executor))
