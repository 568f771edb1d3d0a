"""The base of callbacks that keep the whole state of a run, from which another run continues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import config
from ..training.resume import check_run_state, restore_run, run_state
from ..utils.io_utils import print_msg
from .callback import Callback


class RunStateCallback(Callback):
    """Base class of callbacks that keep the state of a run. They act after all others, so that what those do belongs to it."""

    runs_last = True
    all_callbacks: list[Any] = []  # noqa: RUF012  all callbacks of the run, set by CallbackList

    def __init__(self) -> None:
        super().__init__()
        self._last_batch_seen = 0
        self._current_epoch = 0

    def on_train_begin(self, logs: Any = None) -> None:
        if not self.model.built:
            raise ValueError(
                f"To use the {type(self).__name__} callback, the model must be built before fit: give it an Input, or call it "
                "on a batch of data first"
            )
        self._current_epoch = self._last_batch_seen = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._current_epoch = epoch

    def _new_batches(self, batch: int) -> int:
        """How many batches there were since the last call.

        A step may be several batches long (steps_per_execution): ``batch`` is the last of them.
        """
        new = batch + 1 if batch <= self._last_batch_seen else batch - self._last_batch_seen
        self._last_batch_seen = batch
        return new

    def _epoch_is_over(self, epoch: int) -> bool:
        """Whether all batches of the epoch that ends were done: where training was stopped before, there is nothing to keep."""
        if self.model._stopped_in_epoch:
            return False
        self._current_epoch = epoch + 1
        self._last_batch_seen = 0
        return True

    def _state(self, batches: int, logs: Any) -> dict[str, Any]:
        """The state of the run without its weights. batches: done in this epoch; 0 after the last."""
        return run_state(self.model, self._others(), self._current_epoch, batches, dict(logs or {}))

    def _restore(self, load: Callable[[], dict[str, Any]], source: str) -> dict[str, Any]:
        """Continue from a state. load: sets the weights and returns the state. source: what it is read from, for messages."""
        try:
            self.model.optimizer.ensure_built(self.model.trainable_variables)
            state = load()
            check_run_state(self.model, state)
        except ValueError as error:
            raise ValueError(f"cannot resume from {source} ({error}). To begin anew, remove that folder") from error
        restore_run(self.model, self._others(), state)
        epoch, batches = int(state["epoch"]), int(state.get("batches", 0))
        self._current_epoch, self._last_batch_seen = epoch, max(batches - 1, 0)
        step = f", step {batches + 1}" if batches else ""
        if config.is_interactive_logging_enabled() and (self.params or {}).get("verbose"):
            print_msg(f"Resuming from {source}: epoch {epoch + 1}{step}")
        return state

    def _others(self) -> list[Any]:
        return [c for c in self.all_callbacks if not isinstance(c, RunStateCallback)]
