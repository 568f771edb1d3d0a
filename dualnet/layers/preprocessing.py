"""Layers that prepare numbers: rescaling and categories."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from .. import config, ops
from ..autodiff import to_array
from ..graph import Spec
from ..ops.encoding import encode, encoded_shape
from ..saving.objects import deserialize_keras_object
from ..tensor import Tensor
from .base import Layer, Shape, _map_shapes


class Constant:
    """Numbers of the host that a layer uses on every device it runs on; they are sent there once."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._sent: dict[tuple[str, str], Tensor] = {}

    def beside(self, x: Any, dtype: str) -> Any:
        """On the device of the tensor x; a Python number stays one."""
        if isinstance(self.value, (bool, int, float)):
            return self.value
        key = (x.device, dtype)
        if key not in self._sent:
            self._sent[key] = Tensor(to_array(self.value, backends.of(x.data), dtype))
        return self._sent[key]


def plain(value: Any) -> Any:
    """An array as nested lists, for a config; other things as they are."""
    return value.tolist() if hasattr(value, "tolist") else value


class Rescaling(Layer):
    """x scale + offset, such as ``Rescaling(1 / 255)`` for pixels, or ``Rescaling(1 / 127.5, offset=-1)`` for -1 to 1.

    x: numbers of any dtype -> floating point. scale, offset: numbers, or arrays with one for each channel.
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = deserialize_keras_object(scale) if isinstance(scale, dict) else scale
        self.offset = deserialize_keras_object(offset) if isinstance(offset, dict) else offset
        self._scale, self._offset = Constant(_channels(self.scale)), Constant(_channels(self.offset))
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        y = ops.cast(inputs, self._dtype) * self._scale.beside(inputs, self._dtype)
        offset = self._offset.beside(inputs, self._dtype)
        return y if isinstance(offset, (int, float)) and offset == 0 else y + offset

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": plain(self.scale), "offset": plain(self.offset)}
