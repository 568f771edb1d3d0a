"""Which steps are run again from a record (``recorded.py``), and when a record is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .. import tree
from ..callbacks.callback import listens
from ..core.tensor import Tensor
from ..core.tracing import is_recording, no_grad, recording, tracing
from ..core.version import version
from ..layers.base.context import context
from ..layers.base.tracking import Tracking
from ..training.data_adapters.packing import unpack_x_y_sample_weight
from .executor import Forward, Program
from .trace import Recorder

_AT_MOST = 8  # kinds of batches: where every one has another length, nothing is gained


class _Repeated:
    """Steps of one kind, written down for each kind of batch at its second step, then repeated.

    A record is thrown away when weights are made, when what is trainable changes, when an attribute of a layer, a loss or a
    regularizer is set, and with ``compile``. callbacks: those of the run. Where they are the user's, steps are written down
    anew in each epoch: that code may have changed what no record can see.
    """

    _hooks: tuple[str, ...] = ()  # of callbacks, between two of these steps

    def __init__(self, model: Any, callbacks: Sequence[Any] = ()) -> None:
        self.model = model
        self._callbacks = callbacks
        self._others = not all(map(_is_own_object, callbacks))
        self._allowed: bool | None = None
        self._programs: dict[Any, Any] = {}  # a record, or how often this kind of batch was seen
        self._structure = version()

    def _find(self, data: Any) -> tuple[Any, Any, Any]:
        """(kind of batch, its tensors, what there is for it: a record, 1: to be recorded now, 2: to be run as written)"""
        if self._structure != version():
            self._structure = version()
            self._forget()
        if type(data) is Tensor:
            leaves: Any = (data,)
            form = None
        elif type(data) is tuple and len(data) == 2 and type(data[0]) is Tensor is type(data[1]):
            leaves = data
            form = None
        else:
            leaves = [t for t in tree.flatten(data) if t is not None]
            form = _form(data)
        kind = (form, *[(t.data.shape, t.data.dtype) for t in leaves])
        found = self._programs.get(kind, 0)
        if type(found) is not int:
            return kind, leaves, found
        if found == 0:
            if len(self._programs) < _AT_MOST:
                self._programs[kind] = 1
            return kind, leaves, 2
        if found == 1 and self._allowed is None:
            self._allowed = self._may() and not any(
                listens(c, hook) for c in self._callbacks for hook in self._hooks if not _is_own_object(c)
            )
        if found == 1 and len({id(t.data) for t in leaves}) < len(leaves):
            return kind, leaves, 2  # one array in two places: a record could not tell which of them an op takes
        return kind, leaves, found if self._allowed else 2

    def _may(self) -> bool:
        raise NotImplementedError

    def _forget(self) -> None:
        self._allowed = None
        self._programs.clear()

    def begin_run(self) -> None:
        """Look again at what there is from other runs: a class may have been changed, or there may be no room for more."""
        if len(self._programs) >= _AT_MOST or (self._programs and not self._may()):
            self._forget()

    def end_epoch(self) -> None:
        """Code of the user may run now."""
        if self._others:
            self._forget()


class RepeatedTraining(_Repeated):
    """``train_step`` of a model, as ``fit`` and ``train_on_batch`` call it."""

    _hooks = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")

    def __call__(self, data: Any) -> Any:
        model = self.model
        kind, leaves, program = self._find(data)
        if type(program) is int:
            return self._record(data, leaves, kind) if program == 1 else model.train_step(data)
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        if is_recording():  # by a tape of the user
            with no_grad():
                return self(data)
        state = model._state()
        y_pred, loss, found = program.train([t.data for t in leaves], state.destinations, model.optimizer.scale_loss)
        model._apply(state, found)
        return model._account(x, y, y_pred, sample_weight, loss)

    def _record(self, data: Any, leaves: Any, kind: Any) -> Any:
        """One step as ``train_step`` makes it, with the engine telling what it does."""
        model, recorder = self.model, Recorder(leaves)
        recorder.states = {id(v.data): v for v in model.non_trainable_variables}
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        tape: list[Any] = []
        with recording(tape):
            y_pred, loss = _recorded(model, recorder, x, y, sample_weight, training=True)
            whole = recorder.is_whole(y_pred, loss, tape)
            output = model._compiled_metrics.look_at_output()
            self._programs[kind] = Program(recorder, y_pred, loss, tape, output) if whole else 2
            scaled = model.optimizer.scale_loss(loss)
        model._update(tape, scaled)
        return model._account(x, y, y_pred, sample_weight, loss)

    def _may(self) -> bool:
        return _is_own(self.model.optimizer.scale_loss) and repeats(self.model, "train_step", "compute_loss")


class RepeatedTests(_Repeated):
    """``test_step`` of a model, as ``evaluate`` and ``test_on_batch`` call it."""

    _hooks = ("on_test_batch_begin", "on_test_batch_end")

    def __call__(self, data: Any) -> Any:
        model = self.model
        kind, leaves, program = self._find(data)
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        if program == 1:
            recorder = Recorder(leaves)
            y_pred, loss = _recorded(model, recorder, x, y, sample_weight, training=False)
            output = model._compiled_metrics.look_at_output()
            whole = recorder.is_whole(y_pred, loss)
            self._programs[kind] = Forward(recorder, y_pred, loss, output) if whole else 2
        elif type(program) is int:
            return model.test_step(data)
        else:
            y_pred, loss = program.run([t.data for t in leaves])
        return model._account(x, y, y_pred, sample_weight, loss)

    def _may(self) -> bool:
        return repeats(self.model, "test_step", "compute_loss")


class RepeatedPredictions(_Repeated):
    """``predict_step`` of a model, as ``predict`` calls it."""

    _hooks = ("on_predict_batch_begin", "on_predict_batch_end")

    def __call__(self, data: Any) -> Any:
        kind, leaves, program = self._find(data)
        if program == 1:
            recorder = Recorder(leaves)
            with tracing(recorder):
                y_pred = self.model.predict_step(data)
            self._programs[kind] = Forward(recorder, y_pred) if recorder.is_whole(y_pred) else 2
            return y_pred
        return self.model.predict_step(data) if type(program) is int else program.run([t.data for t in leaves])[0]

    def _may(self) -> bool:
        return repeats(self.model, "predict_step")


def steps_of(model: Any, kind: type[_Repeated], callbacks: Sequence[Any] = ()) -> Any:
    """The repeated steps of a model. callbacks: those of the run

    Their records stay from one run to the next, unless code of the user listens to this one.
    """
    if not all(map(_is_own_object, callbacks)):
        return kind(model, callbacks)
    records = model._records = model._records or {}
    if kind.__name__ not in records:
        records[kind.__name__] = kind(model)
    return records[kind.__name__]


def _recorded(model: Any, recorder: Recorder, x: Any, y: Any, sample_weight: Any, training: bool) -> tuple[Any, Any]:
    """The output and the loss of a batch, with the engine telling the recorder what it does."""
    with tracing(recorder):
        y_pred = model(x, training=training)
        loss = model._loss(x, y, y_pred, sample_weight, training)
    if any(layer in context.holding for layer in (model, *model._flatten_layers())):
        recorder.abort("a layer added a loss")
    return y_pred, loss


def repeats(model: Any, *steps: str) -> bool:
    """Whether these steps of a model may be repeated from a record: all that runs in them is dualnet's own.

    Code of the user may look at a clock, count, or print; it runs at every step.
    """
    from ..training.steps import Steps

    kind = type(model)
    if model.run_eagerly or not _is_own(kind) or any(name in vars(model) for name in (*steps, "call", "__call__")):
        return False
    if any(getattr(kind, name) is not getattr(Steps, name) for name in steps):
        return False
    regularizers = [v.regularizer for v in model.variables if v.regularizer is not None]
    if not all(map(_is_own_value, [*regularizers, *_given_to_ops(model)])):
        return False
    layers = [layer for layer in model._flatten_layers() if layer is not model]
    losses = model._compiled_loss.losses if model._compiled_loss is not None else []
    return all(map(_is_own_object, [*layers, *losses]))


def _given_to_ops(model: Any) -> Iterator[Any]:
    """The ops in the graphs of a model, and what they were given there: a function may be among it."""
    for part in model._flatten_layers():
        for operation in getattr(getattr(part, "_graph", None), "operations", ()):
            yield getattr(operation, "op", None)
            for node in operation._inbound_nodes:
                yield from tree.flatten([node.args, node.kwargs])


def _form(data: Any) -> Any:
    """How a batch is put together, and where it has None."""
    if isinstance(data, dict):
        return tuple([(key, _form(value)) for key, value in data.items()])
    if isinstance(data, (tuple, list)):
        return tuple([_form(value) for value in data])
    return data is None


def _is_own(value: Any) -> bool:
    """Whether a class or function is dualnet's."""
    module = getattr(value, "__module__", None) or ""
    return module.partition(".")[0] in ("dualnet", "dualnet_backends")


def _is_own_object(thing: Any) -> bool:
    """Whether a layer, loss or callback is dualnet's, and has no function of the user as an attribute."""
    if not _is_own(type(thing)) or not _is_own(getattr(type(thing), "call", type(thing))):
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
    if hasattr(value, "__name__"):
        return _is_own(value)
    # A layer is looked at by itself, and may lead back to where it is an attribute.
    return (
        _is_own(type(value))
        and _is_own(type(value).__call__)
        and (isinstance(value, Tracking) or all(map(_is_own_value, vars(value).values())))
    )
