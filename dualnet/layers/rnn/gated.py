"""What LSTM and GRU have in common."""

from __future__ import annotations

from typing import Any

from ...serialization.configurable import attributes
from ..base.input_spec import InputSpec
from .cell import UnitsRNN, cell_argument


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
