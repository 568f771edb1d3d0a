"""``metrics.csv``, and the figures of every epoch that it is made of."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy

from dualnet.callbacks import Callback

from . import progress
from .run_dir import RunDir

Metrics = dict[str, Any]


class MetricsWriter(Callback):
    """Writes ``metrics.csv`` during training, and stops training when the loss is not finite.

    Its state is the rows so far: those that a run wrote after the checkpoint it continues from are written anew.
    """

    def __init__(self, folder: RunDir) -> None:
        super().__init__()
        self.folder = folder
        self.rows: list[dict[str, float]] = []
        self.epochs_started = 0
        self.diverged = False
        self._begin = 0.0
        self._seconds_before = 0.0  # in the epoch that another process began

    def get_state(self) -> Metrics:
        is_open = self.epochs_started > len(self.rows)
        seconds = time.perf_counter() - self._begin if is_open else 0.0
        return {"rows": self.rows, "epochs_started": self.epochs_started, "seconds": seconds}

    def set_state(self, state: Metrics) -> None:
        self.rows, self.epochs_started = list(state["rows"]), int(state["epochs_started"])
        self._seconds_before = float(state["seconds"])
        self.folder.restart_metrics(self.rows)

    def on_epoch_begin(self, epoch: int, logs: Metrics | None = None) -> None:
        self.epochs_started = epoch + 1
        self._begin = time.perf_counter() - self._seconds_before
        self._seconds_before = 0.0

    def on_epoch_end(self, epoch: int, logs: Metrics | None = None) -> None:
        row: dict[str, float] = {"epoch": epoch + 1, "seconds": time.perf_counter() - self._begin}
        row.update(flatten_logs(logs or {}))
        self.rows.append(row)
        self.folder.add_metrics(row)
        if not math.isfinite(row.get("loss", 0.0)):
            self.diverged = True
            self.model.stop_training = True


def flatten_logs(logs: Metrics) -> dict[str, float]:
    """Logs as floats, loss first; a metric with several values becomes name_0, name_1 ..."""
    values: dict[str, float] = {}
    for name in progress.ordered(logs):
        array = numpy.asarray(logs[name], dtype=float)
        if array.ndim == 0:
            values[name] = float(array)
        else:
            values.update({f"{name}_{i}": float(v) for i, v in enumerate(array.ravel())})
    return values
