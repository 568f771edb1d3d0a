"""History: what ``fit`` returns."""

from __future__ import annotations

from typing import Any

from .callback import Callback


class History(Callback):
    """Keeps the results of every epoch. ``fit`` adds one by itself and returns it.

    Attributes: ``history``, a dictionary from a name ("loss", "val_accuracy") to the list of its
    values, one per epoch; ``epoch``, the list of the epoch numbers, from ``initial_epoch``;
    ``params``, those of ``fit``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
        self.model.history = self
