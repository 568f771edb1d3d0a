"""TerminateOnNaN: stop when the loss is NaN or infinite."""

from __future__ import annotations

import math
from typing import Any

from ..utils.io_utils import print_msg
from .callback import Callback


class TerminateOnNaN(Callback):
    """Stops training after a batch whose loss is NaN or infinite.

    The loss is read after every batch, so training waits for the device each time.

    Args:
        raise_error: raise a RuntimeError instead of ending training normally; the ``on_train_end`` hooks are then not
            called.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = None if logs is None else logs.get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}: the loss is {float(loss)}. A smaller "
                "learning rate, clipping the gradients (clipnorm=) or scaling the data often helps."
            )
        print_msg(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
