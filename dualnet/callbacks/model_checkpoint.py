"""ModelCheckpoint: save the model during training."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from ..utils.io_utils import print_msg
from .callback import only_if
from .monitor import MonitorCallback, _available, one_number


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, at the end of every epoch or every so many steps.

    Args:
        filepath: the file. It may contain ``{epoch}`` and ``{batch}`` (counted from 1) and the names of results, with a
            format: ``"run/{epoch:02d}-{val_loss:.2f}.keras"``. It ends in ".keras" or ".h5", with ``save_weights_only`` in
            ".weights.h5". Missing folders are created.
        monitor: name of the result that ``save_best_only`` compares.
        verbose: 1 prints a message for every save.
        save_best_only: save only when the result is better than at every save before.
        save_weights_only: save the weights, not the model.
        mode: whether lower ("min") or higher ("max") is better; "auto" derives it from the name and the compiled metrics.
        save_freq: "epoch", or a number of steps, counted across epochs.
        initial_value_threshold: what the result must beat for the first save with ``save_best_only``.

    A failed save leaves an existing file as it was. If the result for ``save_best_only`` is missing from the logs, a warning
    is issued once, and the model is saved every time.
    """

    state_attributes = ("best", "_batches_since_save", "_last_batch")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._needs_batches = save_freq != "epoch"
        if self._needs_batches and (
            isinstance(save_freq, (str, bool)) or not isinstance(save_freq, int) or save_freq < 1
        ):
            raise ValueError(f"Unrecognized save_freq: expected 'epoch' or a number of batches, got {save_freq!r}")
        from ..saving.api import find_function

        if save_weights_only:
            find_function(self.filepath, "save_weights", "with save_weights_only=True, filepath")
        else:
            find_function(self.filepath, "save_model", "filepath")
        self._current_epoch = 0
        self._batches_since_save = 0
        self._last_batch: int | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._current_epoch = epoch

    @only_if("_needs_batches")
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # A step may be several batches long (steps_per_execution): `batch` is the last of them.
        new_epoch = self._last_batch is None or batch <= self._last_batch
        self._batches_since_save += batch + 1 if new_epoch else batch - (self._last_batch or 0)
        self._last_batch = batch
        if isinstance(self.save_freq, int) and self._batches_since_save >= self.save_freq:
            self._batches_since_save = 0
            self._save_model(self._current_epoch, batch, {} if logs is None else logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            self._save_model(epoch, None, {} if logs is None else logs)

    def _save_model(self, epoch: int, batch: int | None, logs: Mapping[str, Any]) -> None:
        path = self._get_file_path(epoch, batch, logs)
        best = self._improvement(epoch, logs, path)
        if best is False:
            return
        if os.path.isdir(path):
            raise IsADirectoryError(f"ModelCheckpoint: filepath must be a file, but {path!r} is an existing folder")
        if folder := os.path.dirname(path):
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if best is not True:
            self.best = best  # only now, as the save may fail
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def _improvement(self, epoch: int, logs: Mapping[str, Any], path: str) -> float | bool:
        """Whether to save; the result itself when it is the best so far."""
        if not self.save_best_only:
            if self.verbose > 0:
                print_msg(f"\nEpoch {epoch + 1}: saving model to {path}")
            return True
        current = logs.get(self.monitor)
        if current is None:
            self._warn_once(
                f"Can save best model only with {self.monitor} available; saving every time"
                f"{_available(self.monitor, logs)}"
            )
            return True
        try:
            current = one_number(current)
        except (TypeError, ValueError):
            self._warn_once(
                f"Can save best model only when `monitor` is a scalar value; saving every time. "
                f"{self.monitor} is {current!r}"
            )
            return True
        self._set_monitor_op(logs)
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(current, self.best):
            if self.verbose > 0:
                print_msg(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {best}")
            return False
        if self.verbose > 0:
            print_msg(
                f"\nEpoch {epoch + 1}: {self.monitor} improved from {best} to {current:.5f}, saving model to {path}"
            )
        return current

    def _get_file_path(self, epoch: int, batch: int | None, logs: Mapping[str, Any]) -> str:
        names: dict[str, Any] = {"epoch": epoch + 1}
        if batch is not None and "batch" not in logs:
            names["batch"] = batch + 1
        try:
            # Only the results in the path are read.
            return self.filepath.format_map(ChainMap(names, logs))  # type: ignore[arg-type]
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error} is not among '
                f"{', '.join([*names, *logs])}"
            ) from None
