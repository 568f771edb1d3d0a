"""BackupAndRestore: resume training exactly where it was interrupted."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from .. import config, tree
from ..core import seeds
from ..core.warning import warn
from ..training.resume import Resume, metric_states, restore_metric_states
from ..utils.io_utils import print_msg
from .callback import Callback, only_if


class BackupAndRestore(Callback):
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

    A backup that cannot be written leaves the last one as it was. The model must be built before ``fit``.
    """

    runs_last = True  # so that a backup contains the state of the other callbacks after the epoch
    all_callbacks: list[Any] = []  # noqa: RUF012  all callbacks of the run, set by CallbackList

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
        self._last_batch_seen = 0
        self._current_epoch = 0
        self._weights_path = os.path.join(self.backup_dir, "latest.weights.h5")
        self._training_metadata_path = os.path.join(self.backup_dir, "training_metadata.json")
        self._prev_weights_path = f"{self._weights_path}.bkp"
        self._prev_training_metadata_path = f"{self._training_metadata_path}.bkp"
        self._previous = {
            self._weights_path: self._prev_weights_path,
            self._training_metadata_path: self._prev_training_metadata_path,
        }

    # -- saving ----------------------------------------------------------------------------------------------------

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._current_epoch = epoch

    @only_if("_needs_batches")
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # A step may be several batches long (steps_per_execution): `batch` is the last of them.
        self._steps_since_save += batch + 1 if batch <= self._last_batch_seen else batch - self._last_batch_seen
        self._last_batch_seen = batch
        if isinstance(self.save_freq, int) and self._steps_since_save >= self.save_freq:
            self._steps_since_save = 0
            self._save(batch + 1, {} if logs is None else dict(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._current_epoch = epoch + 1
        self._last_batch_seen = 0
        if self.save_freq == "epoch":
            self._save(0, {})

    def _save(self, batches: int, logs: dict[str, Any]) -> None:
        from ..saving.atomic import atomic_write
        from ..saving.backup import save_backup

        source = self.model._source() if self.model._source is not None else None
        state = {
            "epoch": self._current_epoch,
            "batches": batches,
            "position": None if source is None else source.position(),
            "logs": logs,
            "metrics": metric_states(self.model) if batches else {},
            "steps_since_save": self._steps_since_save,
            "seeds": seeds.get_state(),
            "seed_generators": [generator.get_state() for generator in seed_generators(self.model)],
            "callbacks": [{"class": type(c).__name__, "state": c.get_state()} for c in self._others()],
        }
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
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, the model must be built before fit: give it an Input, or call it "
                "on a batch of data first"
            )
        self._current_epoch = self._last_batch_seen = self._steps_since_save = 0
        if not os.path.exists(self._weights_path) and not os.path.exists(self._prev_weights_path):
            return
        self.model.optimizer.ensure_built(self.model.trainable_variables)
        self._resume(self._load())

    def _load(self) -> dict[str, Any]:
        from ..saving.backup import load_backup

        try:
            state = load_backup(self.model, self._weights_path)
            metadata = self._training_metadata_path
        except (OSError, ValueError) as error:
            if not os.path.exists(self._prev_weights_path):
                raise ValueError(
                    f"cannot resume from the backup in {self.backup_dir} ({error}). To begin anew, remove that folder"
                ) from error
            warn(f"the last backup cannot be used ({error}); resuming from the previous one")
            state = load_backup(self.model, self._prev_weights_path)
            metadata = self._prev_training_metadata_path
        if state is not None:
            return state
        with open(metadata, encoding="utf-8") as file:  # a backup by Keras
            return {"epoch": int(json.load(file)["epoch"])}

    def _resume(self, state: dict[str, Any]) -> None:
        epoch, batches = int(state["epoch"]), int(state.get("batches", 0))
        self.model._initial_epoch = self._current_epoch = epoch
        self.model._resume = Resume(batches, state.get("position"), state.get("logs", {}))
        self._last_batch_seen = max(batches - 1, 0)
        self._steps_since_save = int(state.get("steps_since_save", 0))
        if "seeds" in state:
            seeds.set_state(state["seeds"])
        generators = seed_generators(self.model)
        seed_states = state.get("seed_generators", [])
        if len(generators) == len(seed_states):
            for generator, seed_state in zip(generators, seed_states):
                generator.set_state(seed_state)
        elif seed_states:
            raise ValueError(
                f"the backup in {self.backup_dir} has {len(seed_states)} seed generators of layers, the model has "
                f"{len(generators)}: it is of another model. To begin anew, remove that folder"
            )
        if batches:
            restore_metric_states(self.model, state.get("metrics", {}))
        remaining = list(state.get("callbacks", []))
        for callback in self._others():
            index = next((i for i, entry in enumerate(remaining) if entry["class"] == type(callback).__name__), None)
            if index is not None:
                callback.set_state(remaining.pop(index)["state"])
        step = f", step {batches + 1}" if batches else ""
        if config.is_interactive_logging_enabled() and (self.params or {}).get("verbose"):
            print_msg(f"Resuming from the backup in {self.backup_dir}: epoch {epoch + 1}{step}")

    def _others(self) -> list[Any]:
        return [c for c in self.all_callbacks if c is not self and hasattr(c, "get_state")]


def seed_generators(layer: Any) -> list[seeds.SeedGenerator]:
    """The seed generators of a layer and of all layers inside it."""
    generators: dict[int, seeds.SeedGenerator] = {}

    def visit(part: Any) -> None:
        for value in tree.flatten(list(vars(part).values())):
            if isinstance(value, seeds.SeedGenerator):
                generators.setdefault(id(value), value)
        for inner in part._sublayers():
            visit(inner)

    visit(layer)
    return list(generators.values())
