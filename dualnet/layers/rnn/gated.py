"""What LSTM and GRU have in common."""

from __future__ import annotations

from typing import Any

from ...serialization.configurable import attributes
from ..base.input_spec import InputSpec
from .cell import UnitsRNN, cell_argument, is_activation


class GatedRNN(UnitsRNN):
    """Base of LSTM and GRU.

    use_cudnn: there is no cuDNN here, but an op for the whole sequence under the same conditions; True asks for it, and an
    error where it cannot be had. implementation: 1 has a mask of dropout for each gate, 2 one for all of them.
    """

    _config_attributes = attributes(implementation="implementation")
    recurrent_activation = cell_argument("recurrent_activation")
    implementation = cell_argument("implementation")

    def __init__(self, cell: Any, use_cudnn: Any = "auto", **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)
        if use_cudnn not in ("auto", True, False):
            raise ValueError(
                "Invalid value received for argument `use_cudnn`. Expected one of {'auto', True, False}. "
                f"Received: use_cudnn={use_cudnn!r}"
            )
        self.use_cudnn = use_cudnn

    def _has_op_activations(self) -> bool:
        return is_activation(self.activation, "tanh") and is_activation(self.recurrent_activation, "sigmoid")

    def _is_one_op(self, training: Any) -> bool:
        is_one = super()._is_one_op(training)
        if self.use_cudnn is True and not is_one:
            raise ValueError(
                f"{self.name}: use_cudnn=True was specified, but there is no op of the whole sequence for this layer configuration: it "
                "needs activation='tanh', recurrent_activation='sigmoid', and in training no recurrent_dropout and "
                "implementation=2. Pass use_cudnn='auto' to go step by step."
            )
        return is_one
