"""SwapEMAWeights: the running averages of the weights, while the model is judged or used."""

from __future__ import annotations

from typing import Any

from .callback import Callback


class SwapEMAWeights(Callback):
    """Puts the running averages into the model for evaluation and prediction, and the weights back afterwards.

    For an optimizer made with ``use_ema=True``. swap_on_epoch: the averages are in the model at the end of every epoch
    too, so that a ``ModelCheckpoint`` listed behind this callback saves them.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._put_back()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._put_averages()

    def on_test_begin(self, logs: Any = None) -> None:
        self._put_averages()

    def on_test_end(self, logs: Any = None) -> None:
        self._put_back()

    def on_predict_begin(self, logs: Any = None) -> None:
        self._put_averages()

    def on_predict_end(self, logs: Any = None) -> None:
        self._put_back()

    def get_state(self) -> dict[str, Any]:
        return {"swapped": [o.averages_are_in_weights for o in self._optimizers()]}

    def set_state(self, state: dict[str, Any]) -> None:
        for optimizer, swapped in zip(self._optimizers(), state["swapped"]):
            optimizer.averages_are_in_weights = swapped

    def _put_averages(self) -> None:
        for optimizer in self._optimizers():
            if not optimizer.averages_are_in_weights:
                optimizer.swap_averages()

    def _put_back(self) -> None:
        for optimizer in self._optimizers():
            if optimizer.averages_are_in_weights:
                optimizer.swap_averages()

    def _optimizers(self) -> list[Any]:
        """Those of the model's optimizers that keep averages; before the first step there are no averages yet."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        found = [o for o in getattr(optimizer, "optimizers", [optimizer]) if getattr(o, "use_ema", False)]
        if not found:
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer, as in Adam(use_ema=True); "
                f"there is {type(optimizer).__name__} with use_ema=False"
            )
        return [o for o in found if o.built and o.step_count() > 0]
