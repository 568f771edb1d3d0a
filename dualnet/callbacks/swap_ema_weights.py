"""SwapEMAWeights: evaluate and predict with the moving averages of the weights."""

from __future__ import annotations

from typing import Any

from .callback import Callback


class SwapEMAWeights(Callback):
    """Swaps the weights with their moving averages for evaluation and prediction, and back afterwards.

    For an optimizer with ``use_ema=True``.

    Args:
        swap_on_epoch: swap at the end of every epoch too, so that a ``ModelCheckpoint`` behind this callback in the
            list saves the averages.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._swap(to_averages=False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._swap(to_averages=True)

    def on_test_begin(self, logs: Any = None) -> None:
        self._swap(to_averages=True)

    def on_test_end(self, logs: Any = None) -> None:
        self._swap(to_averages=False)

    on_predict_begin, on_predict_end = on_test_begin, on_test_end

    def get_state(self) -> dict[str, Any]:
        return {"swapped": [o.averages_are_in_weights for o in self._optimizers()]}

    def set_state(self, state: dict[str, Any]) -> None:
        for optimizer, swapped in zip(self._optimizers(), state["swapped"]):
            optimizer.averages_are_in_weights = swapped

    def _swap(self, to_averages: bool) -> None:
        for optimizer in self._optimizers():
            if optimizer.averages_are_in_weights != to_averages:
                optimizer.swap_averages()

    def _optimizers(self) -> list[Any]:
        """The model's optimizers that have averages; before the first step there are none."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        averaging = [o for o in getattr(optimizer, "optimizers", [optimizer]) if getattr(o, "use_ema", False)]
        if not averaging:
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer, as in Adam(use_ema=True); "
                f"there is {type(optimizer).__name__} with use_ema=False"
            )
        return [o for o in averaging if o.built and o.step_count() > 0]
