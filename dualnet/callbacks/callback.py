"""Callback: the hooks of training, evaluation and prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..core.hints import check_arguments

Hook = TypeVar("Hook", bound=Callable[..., Any])

_ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def only_if(attribute: str) -> Callable[[Hook], Hook]:
    """A decorator for batch hooks: the hook is called only while an attribute of its callback is true."""

    def mark(hook: Hook) -> Hook:
        hook._only_if = attribute  # type: ignore[attr-defined]
        return hook

    return mark


def listens(callback: Any, name: str) -> bool:
    """Whether a batch hook of a callback, such as "on_train_batch_end", must be called."""
    hook = getattr(callback, name)
    is_inherited = getattr(hook, "__func__", None) is getattr(Callback, name)
    if is_inherited or getattr(hook, "_is_default", None) is True:  # as Keras marks the hooks of its own Callback
        return name in _ALIASES and listens(callback, _ALIASES[name])
    condition = getattr(hook, "_only_if", None)
    return not isinstance(condition, str) or bool(getattr(callback, condition))


class Callback:
    """Base class of callbacks: objects whose hooks ``fit``, ``evaluate`` and ``predict`` call.

    Override the hooks you need. Before the first one is called, ``model`` is set to the model and ``params`` to a
    dictionary with ``verbose``, ``epochs`` and ``steps``. To end training after the current step, set
    ``self.model.stop_training = True``.

    ``logs`` is a dictionary of the losses and metrics so far; hooks named ``..._begin`` get an empty one. At the end of an
    epoch its values are floats. At the end of a batch a value is fetched from the device when it is read, for which
    training waits: read only when needed. A batch hook that is not overridden costs nothing.
    """

    model: Any = None
    params: Any = None
    # The names of the attributes that are the state of a callback, which BackupAndRestore saves.
    state_attributes: tuple[str, ...] = ()
    # Whether the callback is called after all others when training begins and when an epoch or step ends, wherever it is in
    # the list. It is called even when a callback behind it in the list raises.
    runs_last = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:  # a copy has neither
            check_arguments(cls, args, kwargs)
        return super().__new__(cls)

    def set_params(self, params: Any) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self.model = model

    def get_state(self) -> dict[str, Any]:
        """The state, from which ``set_state`` of a new callback continues: numbers, strings, arrays, None, and lists and
        dictionaries of them. By default the attributes named in ``state_attributes``."""
        return {name: getattr(self, name) for name in self.state_attributes}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of ``get_state``. It is called after ``on_train_begin``."""
        for name in self.state_attributes:
            if name in state:
                setattr(self, name, state[name])

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """The older name of ``on_train_batch_begin``, whose default calls it."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """The older name of ``on_train_batch_end``, whose default calls it."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch of training; ``epoch`` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch of training and its validation, whose results have the prefix ``val_`` in ``logs``."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training step; ``batch`` counts from 0 in each epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training step. ``logs`` holds the means over the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before an evaluation step, also in the validation of ``fit``."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After an evaluation step, also in the validation of ``fit``."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a prediction step."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a prediction step; ``logs["outputs"]`` is its result."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Once, before training."""

    def on_train_end(self, logs: Any = None) -> None:
        """Once, after training; ``logs`` are those of the last epoch."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before an evaluation, also the validation of ``fit``."""

    def on_test_end(self, logs: Any = None) -> None:
        """After an evaluation, also the validation of ``fit``; ``logs`` are its results."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Once, before a prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """Once, after a prediction."""
