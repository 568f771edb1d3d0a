"""Input, Dense, Activation, and layers that only pass on or rename."""

from __future__ import annotations

from typing import Any

from ... import activations, config
from ...core.symbolic import KerasTensor
from ...core.text import DTYPE as TEXT
from ...graph.node import Node
from ...legacy.arguments import INPUT_ARGUMENTS, accept_old_names
from ...ops.linalg.linear import dense
from ...serialization.configurable import attributes
from ..base.elementwise import Elementwise
from ..base.layer import Layer
from ..base.lora import BaseKernel, Lora, MergedKernel
from ..base.weights import add_weight, set_weight_arguments

# Activations that ops.linalg.linear.dense applies in place, by function: sigmoid and softmax keep their logits for the loss.
_FUSED = {None: "linear", activations.linear: "linear", activations.relu: "relu", activations.tanh: "tanh"}


class InputLayer(Layer):
    """The input of a model.

    Args:
        shape: without the batch.
        batch_size: fixed, or None.
        dtype: of the data.
    """

    @accept_old_names(INPUT_ARGUMENTS)
    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.ragged = bool(kwargs.pop("ragged", None))
        for feature, requested in (("sparse", sparse), ("ragged", self.ragged)):
            if requested:
                raise ValueError(f"`{feature}=True` is not supported: there are no {feature} tensors here")
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ValueError(
                    f"Argument `input_tensor` must be a KerasTensor. Received: input_tensor={type(input_tensor).__name__}"
                )
            batch_shape, shape, batch_size, dtype = input_tensor.shape, None, None, dtype or input_tensor.dtype
        super().__init__(name=name, dtype=config.floatx() if dtype is None else dtype, **kwargs)
        if self._batch_input_shape is not None:
            raise ValueError(f"the shape of the input was given twice: {shape or batch_shape} and {kwargs}")
        if batch_shape is None:
            if shape is None:
                raise ValueError(
                    "Input needs a shape (without the batch), such as Input(shape=(784,)): pass a `shape` argument."
                )
            batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else tuple(shape)))
        else:
            for key, value in (("shape", shape), ("batch_size", batch_size)):
                if value is not None:
                    raise ValueError(f"You cannot pass both `{key}` and `batch_shape` at the same time.")
        batch_shape = tuple(
            n.__index__() if hasattr(n, "__index__") and type(n) is not bool else n for n in batch_shape
        )
        for n in batch_shape:
            if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 0):
                raise ValueError(f"Input: shape entries must be whole numbers or None, got {tuple(batch_shape)}")
        self.takes_text = self._dtype == TEXT
        self.batch_shape = tuple(batch_shape)
        self.optional = optional
        self.sparse = bool(sparse)
        self.built = True
        self._summary_output_shape = self.batch_shape
        tensor = KerasTensor(self.batch_shape, dtype=self._dtype, name=self.name)
        Node(self, (), {}, tensor if input_tensor is None else input_tensor)

    def call(self, inputs: Any = None) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any = None) -> Any:
        if input_shape is None:
            return self.batch_shape
        return tuple(known if n is None else n for n, known in zip(input_shape, self.batch_shape))

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._dtype,
            "sparse": self.sparse,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }


@accept_old_names(INPUT_ARGUMENTS)
def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor that stands for the data: ``Input(shape=(784,))``, the batch left out."""
    return InputLayer(shape, batch_size, dtype, sparse, batch_shape, tensor, optional, name).output


class Dense(Lora):
    """activation(x @ kernel + bias).  x: (..., in) -> (..., units)

    kernel: (in, units), "glorot_uniform" by default. bias: (units,), zeros by default, left out with
    ``use_bias=False``.

    Args:
        units: size of the output.
        activation: a name or function, none by default.
        lora_rank, lora_alpha: see ``enable_lora``.
    """

    supports_masking = True
    _config_attributes = attributes(activity_regularizer="activity_regularizer")
    kernel: Any = MergedKernel("kernel")
    _kernel: Any = BaseKernel("kernel")

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("quantization_config", None)  # written by Keras, null unless quantized
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if isinstance(units, bool) or not isinstance(units, int) or units <= 0:
            raise ValueError(
                f"Received an invalid value for `units`, expected a positive integer. Received: units={units!r}"
            )
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        set_weight_arguments(self, locals(), "kernel", "bias")
        self.bias: Any = None
        self._set_lora(lora_rank, lora_alpha)

    def build(self, input_shape: Any) -> None:
        if not input_shape or not isinstance(input_shape[-1], int):
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} needs the size of the last axis of its input, got {input_shape}"
            )
        self.kernel = add_weight(self, (input_shape[-1], self.units), "kernel")
        if self.use_bias:
            self.bias = add_weight(self, (self.units,), "bias")
        self._enable_requested_lora()

    def call(self, inputs: Any) -> Any:
        if len(inputs.shape) < 2:
            raise ValueError(
                f"Dense layer {self.name!r} takes at least two axes, the batch first, got shape {inputs.shape}"
            )
        kernel = self.kernel
        if inputs.shape[-1] != kernel.shape[0]:
            raise ValueError(
                f"Dense layer {self.name!r} was built for inputs whose last axis has {kernel.shape[0]} entries, "
                f"got shape {inputs.shape}"
            )
        fused = _FUSED.get(self.activation)
        if fused is not None:
            return dense(inputs, kernel, self.bias, fused)
        return self.activation(dense(inputs, kernel, self.bias))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)


class Activation(Elementwise):
    """An activation function as a layer.  x: any shape -> the same shape"""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class Identity(Layer):
    """The input, unchanged."""

    supports_masking = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
