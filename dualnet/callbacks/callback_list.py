"""CallbackList: the callbacks of one run, called as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tree import flatten
from .callback import Callback, listens, only_if
from .history import History
from .progbar_logger import ProgbarLogger


class CallbackList(Callback):
    """Several callbacks, called in their order, each as soon as the event happens.

    Args:
        callbacks: a callback, or callbacks in lists.
        add_history: append a ``History`` unless there is one.
        add_progbar: append a ``ProgbarLogger`` unless there is one.
        model: handed to every callback.
        **params: handed to every callback, as ``params``: ``verbose``, ``epochs``, ``steps``.

    The attributes ``wants_train_batch_begin``, ``wants_train_batch_end``, and the same with
    ``test`` and ``predict``, tell whether any callback has something to do in that hook. If not, a
    loop need not call it, nor prepare its logs. They are true to what the callbacks are at set-up
    and after ``on_train_begin``, ``on_test_begin`` and ``on_predict_begin``.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Any] = [] if callbacks is None else flatten(callbacks)
        for callback in self.callbacks:
            _check(callback)
        self._history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self.set_model(model)
        self.set_params(params)

    def append(self, callback: Any) -> None:
        """Add a callback behind the others."""
        _check(callback)
        self.callbacks.append(callback)
        self._find_listeners()

    def set_params(self, params: Any) -> None:
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)
        self._find_listeners()

    def set_model(self, model: Any) -> None:
        if model is None:
            return
        self.model = model
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)
            if _is_late(callback):
                callback.companions = self.callbacks

    def _find_listeners(self) -> None:
        self._train_batch_begin = self._listeners("on_train_batch_begin")
        self._train_batch_end = self._listeners("on_train_batch_end")
        self._test_batch_begin = self._listeners("on_test_batch_begin")
        self._test_batch_end = self._listeners("on_test_batch_end")
        self._predict_batch_begin = self._listeners("on_predict_batch_begin")
        self._predict_batch_end = self._listeners("on_predict_batch_end")
        self._has_late = any(_is_late(c) and listens(c, "on_train_batch_end") for c in self.callbacks)
        self.wants_train_batch_begin = bool(self._train_batch_begin)
        self.wants_train_batch_end = bool(self._train_batch_end)
        self.wants_test_batch_begin = bool(self._test_batch_begin)
        self.wants_test_batch_end = bool(self._test_batch_end)
        self.wants_predict_batch_begin = bool(self._predict_batch_begin)
        self.wants_predict_batch_end = bool(self._predict_batch_end)

    def _listeners(self, name: str) -> list[Callable[..., Any]]:
        return [getattr(c, name) for c in self.callbacks if listens(c, name)]

    def _in_turn(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Call a hook of every callback, of those that come after all others last."""
        late = [c for c in self.callbacks if _is_late(c)]
        for position, callback in enumerate(self.callbacks):
            if _is_late(callback) or (name == "on_train_batch_end" and not listens(callback, name)):
                continue
            try:
                getattr(callback, name)(*args, **kwargs)
            except BaseException:
                before = [c for c in late if any(c is d for d in self.callbacks[:position])]
                history = self._history
                if (
                    before
                    and name == "on_epoch_end"
                    and history
                    and any(history is c for c in self.callbacks[position:])
                ):
                    history.on_epoch_end(*args)  # what is backed up should have this epoch in it
                for other in before:
                    getattr(other, name)(*args, **kwargs)
                raise
        for callback in late:
            getattr(callback, name)(*args, **kwargs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        logs = batch_logs(logs)
        for callback in self.callbacks:
            callback.on_batch_begin(batch, logs=logs)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        logs = batch_logs(logs)
        for callback in self.callbacks:
            callback.on_batch_end(batch, logs=logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._in_turn("on_epoch_end", epoch, python_logs(logs))

    @only_if("wants_train_batch_begin")
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        logs = batch_logs(logs)
        for hook in self._train_batch_begin:
            hook(batch, logs=logs)

    @only_if("wants_train_batch_end")
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        logs = batch_logs(logs)
        if self._has_late:
            self._in_turn("on_train_batch_end", batch, logs=logs)
            return
        for hook in self._train_batch_end:
            hook(batch, logs=logs)

    @only_if("wants_test_batch_begin")
    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        logs = batch_logs(logs)
        for hook in self._test_batch_begin:
            hook(batch, logs=logs)

    @only_if("wants_test_batch_end")
    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        logs = batch_logs(logs)
        for hook in self._test_batch_end:
            hook(batch, logs=logs)

    @only_if("wants_predict_batch_begin")
    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        logs = {} if logs is None else logs
        for hook in self._predict_batch_begin:
            hook(batch, logs=logs)

    @only_if("wants_predict_batch_end")
    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        logs = {} if logs is None else logs  # outputs are handed on as they are
        for hook in self._predict_batch_end:
            hook(batch, logs=logs)

    def on_train_begin(self, logs: Any = None) -> None:
        self._in_turn("on_train_begin", python_logs(logs))
        self._find_listeners()

    def on_train_end(self, logs: Any = None) -> None:
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_test_begin(self, logs: Any = None) -> None:
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_test_begin(logs)
        self._find_listeners()

    def on_test_end(self, logs: Any = None) -> None:
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_test_end(logs)

    def on_predict_begin(self, logs: Any = None) -> None:
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_predict_begin(logs)
        self._find_listeners()

    def on_predict_end(self, logs: Any = None) -> None:
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_predict_end(logs)


def _is_late(callback: Any) -> bool:
    return getattr(callback, "after_others", None) is True


def _check(callback: Any) -> None:
    if isinstance(callback, type):
        raise TypeError(
            f"callbacks: expected callback objects, got the class {callback.__name__}; write {callback.__name__}()"
        )
    if not isinstance(callback, Callback) and not hasattr(callback, "set_model"):
        raise TypeError(
            f"callbacks: expected objects derived from dualnet.callbacks.Callback, got {callback!r}. "
            "A plain function can be wrapped, as in LambdaCallback(on_epoch_end=function)"
        )


def batch_logs(logs: Any) -> Any:
    """The logs of a batch hook: a plain dictionary with Python numbers, any other mapping as it is, unread."""
    return python_logs(logs) if logs is None or type(logs) is dict else logs


def python_logs(logs: Any) -> dict[str, Any]:
    """A new flat dictionary, sorted by key, whose one-number values are floats. Others (a score per class) stay."""
    result: dict[str, Any] = {}
    for key, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            result.update(python_logs(value))
        elif type(value) is float or isinstance(value, str) or getattr(value, "ndim", 0) > 0:
            result[key] = value
        else:
            try:
                result[key] = float(value)
            except (TypeError, ValueError):
                result[key] = value
    return result
