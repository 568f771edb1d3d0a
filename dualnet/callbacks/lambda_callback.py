"""LambdaCallback: a callback from functions."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from ..core.warning import warn
from .callback import Callback

Function = Callable[..., Any] | None


class LambdaCallback(Callback):
    """A callback whose hooks are functions.

    Epoch hooks are called as ``f(epoch, logs)``, ``on_train_begin`` and ``on_train_end`` as
    ``f(logs)``, batch hooks as ``f(batch, logs=logs)``. Every hook of ``Callback`` can be passed by
    its name::

        LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: Function = None,
        on_epoch_end: Function = None,
        on_train_begin: Function = None,
        on_train_end: Function = None,
        on_train_batch_begin: Function = None,
        on_train_batch_end: Function = None,
        **kwargs: Function,
    ) -> None:
        hooks = {name: function for name, function in locals().items() if name.startswith("on_")} | kwargs
        super().__init__()
        known = [name for name in vars(Callback) if name.startswith("on_")] + ["set_params", "set_model"]
        for name, function in hooks.items():
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {close[0]!r}?" if close else f"the hooks are {', '.join(known)}"
                warn(f"LambdaCallback: nothing will call {name!r}, which is not a hook; {hint}")
            if function is not None:
                setattr(self, name, function)
