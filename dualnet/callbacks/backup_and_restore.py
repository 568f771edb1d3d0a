"""BackupAndRestore: resume training exactly where it was interrupted."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from ..core.warning import warn
from .callback import only_if
from .run_state import RunStateCallback


class BackupAndRestore(RunStateCallback):
    """Saves the state of training, and resumes from it when the same program is run again.

    Args:
        backup_dir: a folder for this run alone. It is created if missing.
        save_freq: "epoch", or a number of steps, counted across epochs.
        double_checkpoint: also keep the previous backup, in case the last one is damaged.
        delete_checkpoint: remove the backup when training ends normally.

    A backup contains the weights, the optimizer, epoch and step, the position in the shuffled data, the seeds, the metrics of
    the current epoch, and the state of the other callbacks (``EarlyStopping``, ``ReduceLROnPlateau``, ``History`` and all
    with ``get_state``). The weights of a resumed run are bit for bit those of an uninterrupted one; in the middle of an epoch
    too, where Keras would begin the epoch again. The position of a generator cannot be saved: it continues where it is; and layers
    outside the model, such as those in ``Dataset.map``, begin their random numbers again.

    A backup that cannot be written leaves the last one as it was. The model must be built before ``fit``. ``Checkpoint`` keeps the
    same state by time too, in several checkpoints.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed: it names the folder for the backups")
        if save_freq != "epoch" and (
            isinstance(save_freq, (bool, str)) or not isinstance(save_freq, int) or save_freq < 1
        ):
            raise ValueError(
                f"Invalid value for argument `save_freq`: expected 'epoch' or a number of steps, got {save_freq!r}"
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._needs_batches = save_freq != "epoch"
        self._steps_since_save = 0
        self._weights_path = os.path.join(self.backup_dir, "latest.weights.h5")
        self._training_metadata_path = os.path.join(self.backup_dir, "training_metadata.json")
        self._prev_weights_path = f"{self._weights_path}.bkp"
        self._prev_training_metadata_path = f"{self._training_metadata_path}.bkp"
        self._previous = {
            self._weights_path: self._prev_weights_path,
            self._training_metadata_path: self._prev_training_metadata_path,
        }

    # -- saving ----------------------------------------------------------------------------------------------------

    @only_if("_needs_batches")
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._steps_since_save += self._new_batches(batch)
        if isinstance(self.save_freq, int) and self._steps_since_save >= self.save_freq:
            self._steps_since_save = 0
            self._save(batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._epoch_is_over(epoch) and self.save_freq == "epoch":
            self._save(0, None)

    def _save(self, batches: int, logs: Any) -> None:
        from ..saving.atomic import atomic_write
        from ..saving.backup import save_backup

        state = {**self._state(batches, logs), "steps_since_save": self._steps_since_save}
        os.makedirs(self.backup_dir, exist_ok=True)
        for path, previous in self._previous.items():
            if self.double_checkpoint and os.path.exists(path):
                with open(path, "rb") as old, atomic_write(previous) as copy:
                    shutil.copyfileobj(old, copy)
        save_backup(self.model, self._weights_path, state)
        # For people, and for Keras; dualnet restores everything from the other file.
        with atomic_write(self._training_metadata_path, "w", encoding="utf-8") as file:
            json.dump({"epoch": self._current_epoch, "batch": self._last_batch_seen}, file)

    def on_train_end(self, logs: Any = None) -> None:
        if not self.delete_checkpoint:
            return
        for path in (*self._previous, *self._previous.values()):
            Path(path).unlink(missing_ok=True)
        folder = Path(self.backup_dir)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()  # and keeps files of others

    # -- restoring -------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        self._steps_since_save = 0
        if os.path.exists(self._weights_path) or os.path.exists(self._prev_weights_path):
            state = self._restore(self._load, f"the backup in {self.backup_dir}")
            self._steps_since_save = int(state.get("steps_since_save", 0))

    def _load(self) -> dict[str, Any]:
        from ..saving.backup import load_backup

        try:
            state = load_backup(self.model, self._weights_path)
            metadata = self._training_metadata_path
        except (OSError, ValueError) as error:
            if not os.path.exists(self._prev_weights_path):
                raise ValueError(str(error)) from error
            warn(f"the last backup cannot be used ({error}); resuming from the previous one")
            state = load_backup(self.model, self._prev_weights_path)
            metadata = self._prev_training_metadata_path
        if state is not None:
            return state
        with open(metadata, encoding="utf-8") as file:  # a backup by Keras
            return {"epoch": int(json.load(file)["epoch"])}
