"""Layers that prepare numbers: rescaling and categories."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from .... import config, ops
from ....core.conversion import to_array
from ....core.symbolic import KerasTensor
from ....core.tensor import Tensor
from ....core.variables import fixed_number
from ....ops.nn.encoding import tokens_below
from ....serialization.objects import deserialize_keras_object
from ...base.layer import Layer, Shape
from .encoding import encode, encoded_shape


class Constant:
    """A constant of a layer, copied once to each device the layer runs on."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._copies: dict[tuple[str, str], Tensor] = {}

    def on_device_of(self, x: Any, dtype: str) -> Any:
        """A tensor of the value on the device of ``x``; a Python number is returned as it is."""
        if isinstance(self.value, (bool, int, float)):
            return self.value
        key = (x.device, dtype)
        if key not in self._copies:
            self._copies[key] = Tensor(to_array(self.value, backends.of(x.data), dtype))
        return self._copies[key]


def plain(value: Any) -> Any:
    """An array as nested lists, for a config; other things as they are."""
    return value.tolist() if hasattr(value, "tolist") else value


def _channels(value: Any) -> Any:
    """One number for each channel, in a shape that broadcasts against images in the configured data format."""
    if isinstance(value, (bool, int, float)) or config.image_data_format() == "channels_last":
        return value
    array = to_array(value, backends.get("cpu"))
    return array.reshape(array.shape + (1,) * (3 - array.ndim)) if array.ndim else array


class Rescaling(Layer):
    """x scale + offset, such as ``Rescaling(1 / 255)`` for pixels, or ``Rescaling(1 / 127.5, offset=-1)`` for -1 to 1.

    x: numbers of any dtype -> floating point.

    Args:
        scale, offset: numbers, or arrays with one for each channel.
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = deserialize_keras_object(scale) if isinstance(scale, dict) else scale
        self.offset = deserialize_keras_object(offset) if isinstance(offset, dict) else offset
        self._build_at_init()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("scale", "offset"):
            value = fixed_number(value, f"{type(self).__name__}: {name}")
            object.__setattr__(self, f"_{name}", Constant(_channels(value)))
        super().__setattr__(name, value)

    def call(self, inputs: Any) -> Any:
        y = ops.cast(inputs, self.compute_dtype) * self._scale.on_device_of(inputs, self.compute_dtype)
        offset = self._offset.on_device_of(inputs, self.compute_dtype)
        return y if isinstance(offset, (int, float)) and offset == 0 else y + offset

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": plain(self.scale), "offset": plain(self.offset)}


class CategoryEncoding(Layer):
    """Whole numbers from 0 to num_tokens - 1 as vectors of ``num_tokens`` entries.

    Another number raises ``IndexError``; on a GPU, which cannot raise, it is not counted.

    Args:
        output_mode: "multi_hot": 1 for every number that is in a sample; "one_hot": a vector for each number; "count":
            how often each is in a sample, or the sum of its ``count_weights``, the second argument of a call.
        sparse: must be False.
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode  # its name in Keras 2
        if output_mode not in ("count", "one_hot", "multi_hot"):
            raise ValueError(f'Unknown arg for output_mode: {output_mode}; expected "multi_hot", "one_hot" or "count"')
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. If the number of tokens is not known beforehand, use the "
                "IntegerLookup layer instead."
            )
        if num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        not_sparse(self, sparse)
        self.num_tokens = num_tokens
        self.output_mode = output_mode
        self.sparse = sparse
        self._build_at_init()

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "`count_weights` is not used when `output_mode` is not `'count'`. "
                f"Received `count_weights={count_weights}`."
            )
        ids = tokens_below(ops.convert_to_tensor(inputs), self.num_tokens)
        return encode(ids, self.output_mode, self.num_tokens, self._dtype, count_weights)

    def compute_output_shape(self, input_shape: Any, count_weights_shape: Any = None) -> Shape:
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)


def not_sparse(layer: Layer, sparse: bool) -> None:
    """Refuse sparse tensors."""
    if sparse:
        raise ValueError(f"{type(layer).__name__}: `sparse=True` cannot be used: there are no sparse tensors here")


class OutputDtypeLayer(Layer):
    """Base of layers whose output has the dtype ``output_dtype``, which may not be the one they compute in."""

    @property
    def output_dtype(self) -> str:
        return self.compute_dtype

    def compute_output_spec(self, inputs: Any, count_weights: Any = None) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)
