"""Callback: the hooks of training, evaluation and prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Hook = TypeVar("Hook", bound=Callable[..., Any])

_ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def default(hook: Hook) -> Hook:
    """Mark a hook that does nothing, so that training need not call it."""
    hook._is_default = True  # type: ignore[attr-defined]
    return hook


def only_if(attribute: str) -> Callable[[Hook], Hook]:
    """Mark a batch hook that has something to do only while an attribute of its callback is true."""

    def mark(hook: Hook) -> Hook:
        hook._only_if = attribute  # type: ignore[attr-defined]
        return hook

    return mark


def listens(callback: Any, name: str) -> bool:
    """Whether a callback has something to do in a batch hook, such as "on_train_batch_end"."""
    hook = getattr(callback, name)
    if getattr(hook, "_is_default", None) is True:
        return name in _ALIASES and listens(callback, _ALIASES[name])
    condition = getattr(hook, "_only_if", None)
    return not isinstance(condition, str) or bool(getattr(callback, condition))


class Callback:
    """Base of the objects that ``fit``, ``evaluate`` and ``predict`` tell what they do, as it
    happens.

    Override the hooks you need. Before the first one, ``model`` is set to the model and ``params``
    to a dictionary with ``verbose``, ``epochs`` and ``steps``. To end training after the current
    step, set ``self.model.stop_training = True``.

    ``logs`` is a dictionary of results so far, the losses and metrics; hooks named ``..._begin``
    get an empty one. At the end of an epoch its values are floats. At the end of a batch they are
    fetched from the device when they are looked at, which makes training wait: look only when
    needed. A batch hook that is not overridden costs nothing.
    """

    # On the class, so that a subclass whose __init__ does not call this one still has them.
    model: Any = None
    params: Any = None
    # For the class of a callback: the attributes that make up what it knows of the epochs so far, which
    # BackupAndRestore keeps; and whether it comes after all others at the begin of training and the end of an epoch or
    # step, wherever it is listed. When one that is listed behind it raises there, its own turn comes all the same.
    remembers: tuple[str, ...] = ()
    after_others = False

    def __init__(self) -> None:
        self.params = None
        self.model = None

    def set_params(self, params: Any) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self.model = model

    def get_state(self) -> dict[str, Any]:
        """What ``set_state`` of a new callback needs to go on where this one is: numbers, strings, arrays, None, and
        lists and dictionaries of them. By default the attributes that ``remembers`` names."""
        return {name: getattr(self, name) for name in self.remembers}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``get_state`` gave. It is called after ``on_train_begin``."""
        for name in self.remembers:
            if name in state:
                setattr(self, name, state[name])

    @default
    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Older name of ``on_train_batch_begin``, which calls it."""

    @default
    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Older name of ``on_train_batch_end``, which calls it."""

    @default
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch of training; ``epoch`` counts from 0."""

    @default
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch of training and its validation, whose results have the prefix ``val_`` in ``logs``."""

    @default
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training step; ``batch`` counts from 0 in each epoch."""
        self.on_batch_begin(batch, logs=logs)

    @default
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training step. ``logs`` holds the means over the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    @default
    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a step of evaluation, also that of the validation in ``fit``."""

    @default
    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a step of evaluation, also that of the validation in ``fit``."""

    @default
    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a step of prediction."""

    @default
    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a step of prediction; ``logs["outputs"]`` is what it returned."""

    @default
    def on_train_begin(self, logs: Any = None) -> None:
        """Once, before training."""

    @default
    def on_train_end(self, logs: Any = None) -> None:
        """Once, after training; ``logs`` are those of the last epoch."""

    @default
    def on_test_begin(self, logs: Any = None) -> None:
        """Before an evaluation, also that of the validation in ``fit``."""

    @default
    def on_test_end(self, logs: Any = None) -> None:
        """After an evaluation, also that of the validation in ``fit``; ``logs`` are its results."""

    @default
    def on_predict_begin(self, logs: Any = None) -> None:
        """Once, before a prediction."""

    @default
    def on_predict_end(self, logs: Any = None) -> None:
        """Once, after a prediction."""
