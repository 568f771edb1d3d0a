"""One forward and one backward pass of a compiled model, which leave it as it was."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.autodiff import backward
from ..core.tensor import Array, Tensor
from ..core.tracing import Tape, recording
from ..models.layer_calls import LayerCall, recorded_calls, unchanged, visible_layers
from ..training.data_adapters.packing import unpack_x_y_sample_weight


class TrainingPass(NamedTuple):
    """What was computed on the way.

    calls: of the layers, in their order. gradients: of the loss, by the id of a tensor: of every weight that it depends on, and of
    what layers took and returned.
    """

    calls: list[LayerCall]
    output: Any
    loss: Tensor
    gradients: dict[int, Array]

    def gradient(self, tensor: Any) -> Array | None:
        """The gradient of the loss with respect to a weight, or to a tensor that a layer took or returned."""
        return self.gradients.get(id(tensor))


def training_pass(model: Any, x: Any, y: Any = None, sample_weight: Any = None, caller: str = "this") -> TrainingPass:
    """Run a model on one batch in training mode, and its loss backwards, without an update.

    Moving averages, states and streams of random numbers are afterwards what they were before.

    Args:
        caller: the name of the function that needs it, for messages.

    Raises:
        ValueError: the model is not compiled with a loss, or the batch does not fit.
    """
    if not hasattr(model, "compute_loss"):
        raise TypeError(f"{caller} needs a model, got {type(model).__name__}")
    model._check_compiled(caller)
    batch = unpack_x_y_sample_weight(model._one_batch(x, y, sample_weight))
    if not model.built:
        model(batch[0], training=False)
    tape = Tape()
    # Gradients that explode are a result, and no reason for a warning.
    with unchanged(model), model._backend().computing(), np.errstate(all="ignore"):
        with recording(tape), recorded_calls(visible_layers(model)) as calls:
            output, loss = model._forward(*batch, True)
        keep = frozenset(id(t) for call in calls for t in [*call.inputs, *call.outputs])
        gradients = backward(tape, loss, keep=keep)
    return TrainingPass(calls, output, loss, gradients)
