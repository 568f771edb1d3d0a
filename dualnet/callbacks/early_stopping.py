"""EarlyStopping: stop training when a result no longer improves."""

from __future__ import annotations

from typing import Any

from ..utils.io_utils import print_msg
from .monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Stops training when a result has not improved for some epochs.

    Args:
        monitor: name of the result, as in the logs: "val_loss", "accuracy".
        min_delta: least difference that counts as an improvement.
        patience: epochs without an improvement after which training stops.
        verbose: 1 prints a message when training is stopped and when weights are restored.
        mode: whether lower ("min") or higher ("max") is better; "auto" derives it from the name and the compiled metrics.
        baseline: value to beat. An epoch that improves without beating it does not reset the patience.
        restore_best_weights: whether to restore the weights of the best epoch when training ends, for whatever reason.
        start_from_epoch: number of epochs at the start to ignore.

    Attributes after ``fit``: ``stopped_epoch`` (0 when training was not stopped) and ``best_epoch``, both counted from 0, and
    ``best``. If the result is not in the logs, a warning is issued once, and training is not stopped.
    """

    _condition = "Early stopping"
    state_attributes = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._set_monitor_op(logs)
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._save_weights(epoch)
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self._save_weights(epoch)
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_msg(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_msg(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def _save_weights(self, epoch: int) -> None:
        self.best_weights = self.model.get_weights()
        self.best_epoch = epoch
