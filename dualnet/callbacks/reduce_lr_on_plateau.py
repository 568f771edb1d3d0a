"""ReduceLROnPlateau: reduce the learning rate when a result no longer improves."""

from __future__ import annotations

from array import array
from typing import Any

from ..utils.io_utils import print_msg
from .learning_rates import by_log_name, rate_of, rates
from .monitor import MonitorCallback


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by a factor when a result has not improved for some epochs.

    Args:
        monitor: name of the result, as in the logs: "val_loss", "accuracy".
        factor: below 1.
        patience: epochs without an improvement after which the rate is reduced.
        verbose: 1 prints a message for every reduction.
        mode: whether lower ("min") or higher ("max") is better; "auto" derives it from the name and the compiled metrics.
        min_delta: least difference that counts as an improvement.
        cooldown: epochs after a reduction that do not count towards the patience.
        min_lr: the rate is not reduced below this.

    The rate of every epoch is in the logs as ``learning_rate``. If the result is not in the logs, a warning is issued once, and
    the rate is not reduced.
    """

    _condition = "Learning rate reduction is"
    state_attributes = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        # Keras 2 called it epsilon, and ignored unknown arguments.
        min_delta = kwargs.pop("epsilon", min_delta)
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau does not know the argument {next(iter(kwargs))!r}")
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        self.factor = factor
        self.min_lr = min_lr
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = {} if logs is None else logs
        self._set_monitor_op(logs)
        logs.update(rates(self.model))
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether epochs do not count at present."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> bool:
        """Reduce the rates above ``min_lr``; whether there was one."""
        optimizers = by_log_name(self.model.optimizer)
        reduced = False
        for optimizer in optimizers.values():
            old = rate_of(optimizer)
            if old > array("f", [self.min_lr])[0]:  # rates are float32
                new = max(old * self.factor, self.min_lr)
                optimizer.learning_rate = new
                reduced = True
                if self.verbose > 0:
                    name = f" {optimizer.name}" if len(optimizers) > 1 else ""
                    print_msg(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing{name} learning rate to {new}.")
        return reduced
