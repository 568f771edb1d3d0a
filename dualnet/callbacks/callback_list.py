"""CallbackList: all callbacks of a run behind the interface of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tree import flatten
from .callback import Callback, listens, only_if
from .history import History
from .progbar_logger import ProgbarLogger

_BATCH_HOOKS = """on_train_batch_begin on_train_batch_end on_test_batch_begin on_test_batch_end on_predict_batch_begin
    on_predict_batch_end""".split()


class CallbackList(Callback):
    """Calls the hooks of several callbacks, in the order of the list.

    Args:
        callbacks: a callback, or callbacks in lists.
        add_history: append a ``History`` unless there is one.
        add_progbar: append a ``ProgbarLogger`` unless there is one.
        model: passed to every callback.
        **params: passed to every callback, as ``params``: ``verbose``, ``epochs``, ``steps``.

    The attributes ``wants_train_batch_begin``, ``wants_train_batch_end``, and the same with ``test`` and ``predict``, say
    whether any callback implements that hook. If not, a loop need not call it, nor prepare its logs. They are updated at
    set-up and after ``on_train_begin``, ``on_test_begin`` and ``on_predict_begin``.
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
        """Append a callback."""
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
            if _runs_last(callback):
                callback.all_callbacks = self.callbacks

    def _find_listeners(self) -> None:
        hooks = {name: [getattr(c, name) for c in self.callbacks if listens(c, name)] for name in _BATCH_HOOKS}
        self._hooks: dict[str, list[Callable[..., Any]]] = hooks
        self._has_last = any(_runs_last(c) and listens(c, "on_train_batch_end") for c in self.callbacks)
        self.wants_train_batch_begin = bool(hooks["on_train_batch_begin"])
        self.wants_train_batch_end = bool(hooks["on_train_batch_end"])
        self.wants_test_batch_begin = bool(hooks["on_test_batch_begin"])
        self.wants_test_batch_end = bool(hooks["on_test_batch_end"])
        self.wants_predict_batch_begin = bool(hooks["on_predict_batch_begin"])
        self.wants_predict_batch_end = bool(hooks["on_predict_batch_end"])

    def _call(self, name: str, *args: Any, **kwargs: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(*args, **kwargs)

    def _call_in_order(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Call a hook of every callback; of those with ``runs_last`` last, even when another one raises."""
        last = [c for c in self.callbacks if _runs_last(c)]
        for position, callback in enumerate(self.callbacks):
            if _runs_last(callback) or (name == "on_train_batch_end" and not listens(callback, name)):
                continue
            try:
                getattr(callback, name)(*args, **kwargs)
            except BaseException:
                before = [c for c in last if any(c is d for d in self.callbacks[:position])]
                history = self._history
                not_called = any(history is c for c in self.callbacks[position:])
                if before and name == "on_epoch_end" and history and not_called:
                    history.on_epoch_end(*args)  # so that the backup includes this epoch
                for other in before:
                    getattr(other, name)(*args, **kwargs)
                raise
        for callback in last:
            getattr(callback, name)(*args, **kwargs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._call("on_batch_begin", batch, logs=batch_logs(logs))

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        self._call("on_batch_end", batch, logs=batch_logs(logs))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._call("on_epoch_begin", epoch, python_logs(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._call_in_order("on_epoch_end", epoch, python_logs(logs))

    @only_if("wants_train_batch_begin")
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        _call_hooks(self._hooks["on_train_batch_begin"], batch, batch_logs(logs))

    @only_if("wants_train_batch_end")
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        logs = batch_logs(logs)
        if self._has_last:
            self._call_in_order("on_train_batch_end", batch, logs=logs)
        else:
            _call_hooks(self._hooks["on_train_batch_end"], batch, logs)

    @only_if("wants_test_batch_begin")
    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        _call_hooks(self._hooks["on_test_batch_begin"], batch, batch_logs(logs))

    @only_if("wants_test_batch_end")
    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        _call_hooks(self._hooks["on_test_batch_end"], batch, batch_logs(logs))

    @only_if("wants_predict_batch_begin")
    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        _call_hooks(self._hooks["on_predict_batch_begin"], batch, {} if logs is None else logs)

    @only_if("wants_predict_batch_end")
    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        _call_hooks(
            self._hooks["on_predict_batch_end"], batch, {} if logs is None else logs
        )  # outputs are passed on unchanged

    def on_train_begin(self, logs: Any = None) -> None:
        self._call_in_order("on_train_begin", python_logs(logs))
        self._find_listeners()

    def on_train_end(self, logs: Any = None) -> None:
        self._call("on_train_end", python_logs(logs))

    def on_test_begin(self, logs: Any = None) -> None:
        self._call("on_test_begin", python_logs(logs))
        self._find_listeners()

    def on_test_end(self, logs: Any = None) -> None:
        self._call("on_test_end", python_logs(logs))

    def on_predict_begin(self, logs: Any = None) -> None:
        self._call("on_predict_begin", python_logs(logs))
        self._find_listeners()

    def on_predict_end(self, logs: Any = None) -> None:
        self._call("on_predict_end", python_logs(logs))


def _call_hooks(hooks: list[Callable[..., Any]], batch: int, logs: Any) -> None:
    for hook in hooks:
        hook(batch, logs=logs)


def _runs_last(callback: Any) -> bool:
    return getattr(callback, "runs_last", None) is True


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
    """The logs for a batch hook: a dictionary with Python numbers; any other mapping unchanged, without reading its values."""
    return python_logs(logs) if logs is None or type(logs) is dict else logs


def python_logs(logs: Any) -> dict[str, Any]:
    """A new flat dictionary, sorted by key. Scalars become floats; other values (a score per class) are unchanged."""
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
