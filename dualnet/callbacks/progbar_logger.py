"""ProgbarLogger: the progress bar of ``fit``, ``evaluate`` and ``predict``."""

from __future__ import annotations

from typing import Any

from ..config import is_interactive_logging_enabled
from ..utils.io_utils import print_msg
from ..utils.progbar import Progbar
from .callback import Callback, only_if


class ProgbarLogger(Callback):
    """Shows a progress bar, or one line per epoch, on stdout. Added automatically unless ``verbose=0``.

    It shows the results of the epoch so far, which are fetched from the device only when the bar is drawn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.progbar: Progbar | None = None
        self.target: int | None = None
        self.verbose = 1
        self.epochs = 1
        self._called_in_fit = False
        self._needs_batches = True  # whether to update after each batch
        self._needs_test_batches = True

    def set_params(self, params: Any) -> None:
        super().set_params(params)
        verbose = params.get("verbose", "auto")
        if verbose == "auto":
            verbose = 1 if is_interactive_logging_enabled() else 2
        self.verbose = int(verbose)
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps")

    def on_train_begin(self, logs: Any = None) -> None:
        self._called_in_fit = True  # the validation in fit is silent
        self._start()

    def on_train_end(self, logs: Any = None) -> None:
        self._called_in_fit = False

    def on_test_begin(self, logs: Any = None) -> None:
        if self._called_in_fit:
            self._needs_test_batches = False
        else:
            self._start()

    def on_predict_begin(self, logs: Any = None) -> None:
        self._start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start()
        if self.verbose and self.epochs > 1:
            print_msg(f"Epoch {epoch + 1}/{self.epochs}")

    @only_if("_needs_batches")
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._update(batch, logs)

    @only_if("_needs_test_batches")
    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if not self._called_in_fit:
            self._update(batch, logs)

    @only_if("_needs_batches")
    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._update(batch, None)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._finish(logs)

    def on_test_end(self, logs: Any = None) -> None:
        if not self._called_in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: Any = None) -> None:
        self._finish(None)

    def _start(self) -> Progbar:
        self.seen = 0
        # The logs are means already, so nothing is averaged.
        self.progbar = Progbar(self.target, verbose=self.verbose, stateless_metrics=())
        # If nothing is redrawn and the number of steps is known, batch hooks are not needed.
        self._needs_batches = self._needs_test_batches = self.progbar.redraws or self.target is None
        return self.progbar

    def _update(self, batch: int, logs: Any) -> None:
        self.seen = batch + 1
        progbar = self.progbar or self._start()
        if progbar.due():
            progbar.update(self.seen, None if logs is None else logs.items(), finalize=False)

    def _finish(self, logs: Any) -> None:
        progbar = self.progbar or self._start()
        if self.target is None:
            self.target = progbar.target = self.seen
        progbar.update(self.target, (logs or {}).items(), finalize=True)
