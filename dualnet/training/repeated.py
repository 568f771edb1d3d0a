"""Which steps are run again from a record (``recorded.py``), and when a record is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import tree
from ..autodiff import listening, no_grad, recording
from ..layers.context import context
from ..tensor import Tensor
from ..variables import structure
from .packing import unpack_x_y_sample_weight
from .recorded import Program, Recorder

_AT_MOST = 8  # kinds of batches: where every one has another length, nothing is gained


class RepeatedSteps:
    """``train_step`` of a model, as ``fit`` calls it: written down for each kind of batch at its second step, then repeated.

    callbacks: those of the run. A record is thrown away when the trainable weights change, and after an epoch at whose end code of
    the user ran (a callback may have changed a rate of a layer).
    """

    def __init__(self, model: Any, callbacks: Sequence[Any]) -> None:
        self.model = model
        self._callbacks = callbacks
        self._allowed: bool | None = None  # known when the losses are, which is after the first step
        self._programs: dict[Any, Program | int] = {}  # or how often this kind of batch was seen
        self._structure = structure()
        self._others = not all(map(_is_own_object, callbacks))

    def end_epoch(self) -> None:
        """Code of the user may run now."""
        if self._others:
            self._programs.clear()

    def __call__(self, data: Any) -> Any:
        model = self.model
        if self._structure != structure():
            self._structure = structure()
            self._programs.clear()
        if type(data) is tuple and len(data) == 2 and type(data[0]) is Tensor is type(data[1]):
            leaves: Any = data  # the usual case
        else:
            leaves = tree.flatten(data)
        kind = tuple([None if t is None else (t.data.shape, t.data.dtype) for t in leaves])
        program = self._programs.get(kind, 0)
        if type(program) is not Program:
            if program == 1 and self._may():
                return self._record(data, leaves, kind)
            if len(self._programs) < _AT_MOST:
                self._programs.setdefault(kind, 1)
            return model.train_step(data)
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        state = model._state()
        with no_grad():
            y_pred, loss, found = program.run([t.data for t in leaves if t is not None], state.destinations)
        model._apply(state, found)
        return model._account(x, y, y_pred, sample_weight, loss)

    def _may(self) -> bool:
        if self._allowed is None:
            self._allowed = repeats(self.model, self._callbacks)
        return self._allowed

    def _record(self, data: Any, leaves: list[Any], kind: Any) -> Any:
        """One step as ``train_step`` makes it, with the engine telling what it does."""
        model = self.model
        given = [t for t in leaves if t is not None]
        recorder = Recorder(given)
        recorder.states = [v.data for v in model.non_trainable_variables]
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        tape: list[Any] = []
        with recording(tape), listening(recorder):
            y_pred = model(x, training=True)
            loss = model._loss(x, y, y_pred, sample_weight, True)
            scaled = model.optimizer.scale_loss(loss)
        if any(layer in context.holding for layer in (model, *model._flatten_layers())):
            recorder.outside("a layer added a loss")
        program = recorder.program(y_pred, loss, scaled, tape, len(given))
        self._programs[kind] = program or 2
        model._update(tape, scaled)
        return model._account(x, y, y_pred, sample_weight, loss)


def repeats(model: Any, callbacks: Sequence[Any]) -> bool:
    """Whether the steps of a model may be repeated from a record: all that runs in them is dualnet's own.

    Code of the user may look at a clock, count, or print; it runs at every step.
    """
    from .step import Steps

    kind, written = type(model), ("train_step", "compute_loss", "call", "__call__")
    if model.run_eagerly or not _is_own(kind) or any(name in vars(model) for name in written):
        return False
    if any(getattr(kind, name) is not getattr(Steps, name) for name in written[:2]):
        return False
    if any(_listens_to_batches(c) and not _is_own_object(c) for c in callbacks):
        return False
    layers = [layer for layer in model._flatten_layers() if layer is not model]
    return all(map(_is_own_object, [*layers, *model._compiled_loss.losses]))


def _listens_to_batches(callback: Any) -> bool:
    from ..callbacks.callback import listens

    hooks = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
    return any(listens(callback, hook) for hook in hooks)


def _is_own(value: Any) -> bool:
    """Whether a class or function is dualnet's."""
    module = getattr(value, "__module__", None) or ""
    return module.partition(".")[0] in ("dualnet", "dualnet_backends")


def _is_own_object(thing: Any) -> bool:
    """Whether a layer, loss or callback is dualnet's, and has no function of the user as an attribute."""
    if not _is_own(type(thing)):
        return False
    # What makes the first weights runs in no step.
    names = (n for n in vars(thing) if n != "_auto_args" and not n.endswith("initializer"))
    return all(_is_own_value(vars(thing)[name]) for name in names)


def _is_own_value(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_own_value, value))
    if isinstance(value, dict):
        return all(map(_is_own_value, value.values()))
    if isinstance(value, Tensor) or not callable(value):
        return True
    return _is_own(value if hasattr(value, "__name__") else type(value))
