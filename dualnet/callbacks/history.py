"""History: the results of every epoch, which ``fit`` returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .callback import Callback


class History(Callback):
    """Records the results of every epoch. ``fit`` adds one automatically and returns it.

    Attributes: ``history``, a dictionary from a name ("loss", "val_accuracy") to the list of its values, one per epoch;
    ``epoch``, the list of the epoch numbers, from ``initial_epoch``; ``epochs_of``, the epoch numbers for each name, as
    validation may run in some epochs only; ``params``, the parameters of ``fit``.
    """

    state_attributes = ("history", "epoch", "epochs_of")

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.epochs_of: dict[str, list[int]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
            self.epochs_of.setdefault(key, []).append(epoch)
        self.model.history = self

    def plot(
        self, metrics: Sequence[str] | None = None, title: str | None = None, to_file: Any = None, dpi: float = 120
    ) -> Any:
        """Draw the loss and every metric over the epochs, training and validation in one panel.

        Args:
            metrics: the panels, such as ``["loss", "accuracy"]``; all when None.
            title: of the figure.
            to_file: a file to save the figure to (PNG, SVG or PDF, by its suffix).
            dpi: pixels per inch.

        Returns:
            A matplotlib figure, which a notebook displays, and ``plt.show()`` if ``matplotlib.pyplot`` was imported before.

        Raises:
            ImportError: without matplotlib (the extra ``plot``).
            ValueError: no epoch is complete.
        """
        from ..visualization.history_plot import plot_history

        return plot_history(self.history, self.epochs_of, metrics, title, to_file, dpi)
