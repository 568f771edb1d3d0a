"""ReLU layers of which no unit is active any more ("dead"): no gradient passes through them."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from ... import activations
from ...core.tensor import Tensor
from ...layers.activation.activation import ReLU
from ...layers.base.layer import Layer
from .observation import Finding, tensors

ENOUGH = 32  # samples to judge by, unless there are fewer in all


class DeadReLU:
    """Notes the ReLU layers whose outputs were all 0, though their inputs were not.

    enough: how many samples a batch must have.
    """

    def __init__(self, enough: int = ENOUGH) -> None:
        self.enough = enough
        self.layers: list[str] = []
        self.samples = 0

    def __call__(self, layer: Layer, inputs: list[Tensor], result: Any) -> None:
        outputs = tensors(result)
        if not is_relu(layer) or not inputs or len(outputs) != 1 or outputs[0].ndim < 2:
            return
        x, y = inputs[0].data, outputs[0].data
        xp = backends.of(y).xp
        if len(y) >= self.enough and y.size and bool(xp.any(x)) and not bool(xp.any(y)):
            self.layers.append(layer.name)
            self.samples = len(y)

    def result(self, when: str) -> Finding | None:
        """What was found. when: of which samples, in words."""
        if not self.layers:
            return None
        names = ", ".join(map(repr, dict.fromkeys(self.layers)))
        several = len(set(self.layers)) > 1
        return (
            "dead_relu",
            f"no unit of the ReLU layer{'s' * several} {names} is active: all outputs were 0 for the {self.samples} samples "
            f"{when}, so that no gradient reaches the layers before",
            "Use a smaller learning rate, scaled inputs, initial weights such as he_normal with biases of 0, or LeakyReLU",
        )


def is_relu(layer: Layer) -> bool:
    """Whether the output of a layer is that of a ReLU."""
    if isinstance(layer, ReLU):
        return not layer.negative_slope
    return getattr(layer, "activation", None) in (activations.relu, activations.relu6)
