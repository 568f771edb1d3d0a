"""Checkpoint: the whole state of a run, so often that little is lost, and resume from the newest."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.warning import warn
from ..training.resume import Resume
from .monitor import MonitorCallback, one_number
from .run_state import RunStateCallback

_LARGEST_SHARE = 0.1  # of the time, for checkpoints at the ends of epochs


class Checkpoint(RunStateCallback):
    """Keeps checkpoints of a run, and resumes from the newest when the same program is run again.

    A checkpoint is written at the end of every epoch, and after steps as ``every_steps`` and ``every_seconds`` say. It has the state
    that ``BackupAndRestore`` keeps: the weights of a resumed run are bit for bit those of an uninterrupted one.

    Args:
        directory: a folder for this run alone. It is created if missing. Each checkpoint is a folder in it, ``step-00001234``, which
            counts only once it is complete.
        every_steps: a number of steps, counted across epochs.
        every_seconds: a time after which the next step has a checkpoint.
        max_to_keep: how many of the newest are kept; None: all.
        monitor: name of a result, as in the logs; the checkpoint after the epoch with the best one is kept too. None: no such one.
        mode: whether lower ("min") or higher ("max") is better; "auto" derives it from the name and the compiled metrics.

    Epochs so short that their checkpoints would take a tenth of the time share one. After a step or an epoch whose loss is not finite
    there is none, so that the last good one stays. One that cannot be written is an error, and leaves the others as they are.

    A damaged checkpoint is passed over for the one before it, with a warning. A program that calls ``fit`` several times with one
    ``Checkpoint`` continues in the call in which it was cut off; those before it train nothing.

    ``stop`` ends a run that can be resumed, and may be called from a signal handler::

        checkpoint = dualnet.callbacks.Checkpoint("checkpoints", every_seconds=600)
        signal.signal(signal.SIGTERM, lambda *_: checkpoint.stop())
        model.fit(x, y, epochs=100, callbacks=[checkpoint])
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        every_steps: int | None = None,
        every_seconds: float | None = None,
        max_to_keep: int | None = 2,
        monitor: str | None = "val_loss",
        mode: str = "auto",
    ) -> None:
        super().__init__()
        if not directory:
            raise ValueError("directory is empty: it names the folder for the checkpoints")
        for name, value in (("every_steps", every_steps), ("max_to_keep", max_to_keep)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} must be a positive whole number or None, got {value!r}")
        if every_seconds is not None and (isinstance(every_seconds, (bool, str)) or not every_seconds >= 0):
            raise ValueError(f"every_seconds must be a number from 0 or None, got {every_seconds!r}")
        self.directory = os.fspath(directory)
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self.max_to_keep = max_to_keep
        self.monitor = monitor
        self._monitor = None if monitor is None else MonitorCallback(monitor, mode)
        self._stop_requested = False
        self._fits = 0  # calls of fit with this object
        self._found: tuple[Path, dict[str, Any]] | None = None  # to be restored
        self._outdated: list[Path] = []  # damaged ones, newer than what was restored
        self._steps = self._steps_since_save = 0  # both across epochs
        self._best_name: str | None = None
        self._seconds = 0.0  # that the last write took
        self._saved_at = 0.0

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self._monitor is not None:
            self._monitor.set_model(model)

    def stop(self) -> None:
        """End training after the current step, with a checkpoint from which the same program run again continues."""
        self._stop_requested = True

    # -- saving ----------------------------------------------------------------------------------------------------

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        new = self._new_batches(batch)
        self._steps += new
        self._steps_since_save += new
        stops = self._stop_requested or self.model.stop_training
        if stops or self._is_due():
            self._save(batch + 1, logs)
        if self._stop_requested:
            self.model.stop_training = True

    def _is_due(self) -> bool:
        if self.every_steps is not None and self._steps_since_save >= self.every_steps:
            return True
        return self.every_seconds is not None and time.monotonic() - self._saved_at >= self.every_seconds

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._epoch_is_over(epoch):
            is_last = self._stop_requested or self.model.stop_training or epoch + 1 == self.params.get("epochs")
            is_cheap = self._seconds <= _LARGEST_SHARE * (time.monotonic() - self._saved_at)
            if is_last or is_cheap:
                self._save(0, logs, self._improves(logs or {}))
        if self._stop_requested:
            self.model.stop_training = True

    def _improves(self, logs: Mapping[str, Any]) -> bool:
        """Whether the monitored result is the best so far."""
        monitor = self._monitor
        if monitor is None or monitor.monitor not in logs:
            return False
        value = one_number(logs[monitor.monitor])
        monitor._set_monitor_op(logs)
        if not math.isfinite(value) or not monitor._is_improvement(value, monitor.best):
            return False
        monitor.best = value
        return True

    def _save(self, batches: int, logs: Any, is_best: bool = False) -> None:
        from ..saving.checkpoints import write_checkpoint
        from ..saving.variables import variable_values

        self._steps_since_save = 0
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            return
        begin = time.monotonic()
        state = {
            **self._state(batches, logs if batches else {}),
            "weights": variable_values(self.model),
            "steps": self._steps,
            "fits": self._fits,
            "best": None if self._monitor is None else self._monitor.best,
            "best_name": None if is_best else self._best_name,  # None: this one, if there is a best result
        }
        path = write_checkpoint(Path(self.directory), self._steps, state)
        if is_best:
            self._best_name = path.name
        self._remove_old()
        self._saved_at = time.monotonic()
        self._seconds = self._saved_at - begin

    def _remove_old(self) -> None:
        """Remove what is kept no longer, now that there is a newer one, and what was damaged."""
        from ..saving.checkpoints import remove_checkpoint

        self._limit()
        outdated, self._outdated = self._outdated, []
        for path in outdated:
            remove_checkpoint(path)

    def _limit(self) -> None:
        """Remove all but the newest and the best."""
        from ..saving.checkpoints import checkpoints, remove_checkpoint

        kept = [path for path in checkpoints(Path(self.directory)) if path not in self._outdated]
        for path in kept[: -self.max_to_keep] if self.max_to_keep is not None else []:
            if path.name != self._best_name:
                remove_checkpoint(path)

    def on_train_end(self, logs: Any = None) -> None:
        self._stop_requested = False

    # -- restoring -------------------------------------------------------------------------------------------------

    def find(self) -> dict[str, Any] | None:
        """The state that the next ``fit`` with this object continues from; None where it begins anew.

        Raises ``ValueError`` if there are checkpoints, but all of them are damaged.
        """
        from ..saving.checkpoints import checkpoints, read_newest

        if self._fits == 0 and self._found is None:
            folder = Path(self.directory)
            found = read_newest(folder, lambda reason: warn(f"{reason}; the checkpoint before it is used"))
            self._found = found
            if found is not None:
                paths = checkpoints(folder)
                self._outdated = paths[paths.index(found[0]) + 1 :]
        return None if self._found is None else self._found[1]

    def on_train_begin(self, logs: Any = None) -> None:
        from ..saving.checkpoints import remove_leftovers

        super().on_train_begin(logs)
        state = self.find()
        self._fits += 1
        self._saved_at = time.monotonic()
        if self._fits == 1:
            remove_leftovers(Path(self.directory))
        if state is None:
            return
        if int(state["fits"]) > self._fits:
            self.model._resume = Resume(0, None, {}, has_ended=True)
            return
        assert self._found is not None
        (path, _), self._found = self._found, None

        def load() -> dict[str, Any]:
            from ..saving.variables import set_variable_values

            set_variable_values(self.model, state["weights"])
            return state

        self._restore(load, f"the checkpoint {path}")
        self._steps, self._steps_since_save = int(state["steps"]), 0
        if self._monitor is not None:
            self._monitor.best = state["best"]
        self._best_name = path.name if state["best_name"] is None and state["best"] is not None else state["best_name"]
        self._limit()  # a run that was killed may have left one more
