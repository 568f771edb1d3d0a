"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph import Graph
from ..layers.base import Layer
from ..layers.core import InputLayer
from ..tensor import KerasTensor
from .functional import with_last_axis
from .model import Model


class Sequential(Model):
    """A model whose layers are called one after the other.

    layers: a list; the first entry may be ``Input(shape=...)``, or the first layer may be given ``input_shape=``:
    then the weights are made at once, otherwise when the first data comes.
    """

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self._layers: list[Layer] = []
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer, or an ``Input`` at the front."""
        if isinstance(layer, KerasTensor) and layer._keras_history is not None:
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            if not callable(layer) or isinstance(layer, type):
                cure = ": make an instance, with ()" if isinstance(layer, type) else ""
                raise ValueError(f"Sequential expects layers, got {layer!r}{cure}")
            raise ValueError(f"Sequential expects layers, got the function {layer!r}: wrap it in a layer")
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(f"layer names must be unique in a model; there is a second {layer.name!r}")
        if not self._layers and not isinstance(layer, InputLayer) and layer._batch_input_shape is not None:
            self._layers.append(InputLayer(batch_shape=layer._batch_input_shape))
        if isinstance(layer, InputLayer) and self._layers:
            raise ValueError("an Input can only be the first layer of a Sequential")
        self._layers.append(layer)
        if rebuild and self._graph is not None:
            self._trained = None
            self._extend([layer])
        elif rebuild:
            self._maybe_rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away and return it."""
        if not self.layers:
            raise ValueError("there is no layer to take away")
        layer = self._layers.pop()
        self._graph = None
        self.built = False
        self._trained = None
        if rebuild:
            self._maybe_rebuild()
        return layer

    def _maybe_rebuild(self) -> None:
        self.built = False
        self._trained = None
        first = self._layers[0] if self._layers else None
        if isinstance(first, InputLayer) and len(self._layers) > 1:
            self.build(first.batch_shape)
        elif isinstance(first, Model) and first.built and first._build_shape is not None:
            self.build(first._build_shape)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers for inputs of a shape, the batch first."""
        if input_shape is None:
            raise ValueError(f"model {self.name!r}: build needs the shape of the input, such as (None, 784)")
        shape = tuple(input_shape)
        self._build_shape = shape
        if self._layers and not isinstance(self._layers[0], InputLayer):
            self._layers.insert(0, InputLayer(batch_shape=shape))
        first = self._layers[0] if self._layers else InputLayer(batch_shape=shape)
        self._graph = Graph(first.output, first.output)
        self._extend(self.layers)

    def _extend(self, layers: Sequence[Layer]) -> None:
        """Call more layers on the symbolic output of the model, which builds them."""
        assert self._graph is not None
        x = self._graph.outputs
        for layer in layers:
            x = layer(x)
        self._graph = Graph(self._graph.inputs, x)
        self._summary_output_shape = x.shape

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        x = inputs
        if self._graph is not None and hasattr(x, "shape"):
            x = with_last_axis(x, self._graph.inputs.shape)
        for layer in self._layers:
            x = layer(x, training=training)
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = input_shape
        for layer in self.layers:
            shape = layer.compute_output_shape(shape)
        return shape

    def get_config(self) -> dict[str, Any]:
        from ..saving.objects import serialize_keras_object

        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self._dtype,
            "layers": [serialize_keras_object(layer) for layer in self._layers],
        }
        if self.built:
            config["build_input_shape"] = self._build_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        from ..saving.objects import deserialize_keras_object

        model = cls(name=config.get("name"), trainable=config.get("trainable", True), dtype=config.get("dtype"))
        for layer in config.get("layers", []):
            model.add(deserialize_keras_object(layer, custom_objects), rebuild=False)
        model._maybe_rebuild()
        shape = config.get("build_input_shape")
        if not model.built and shape:
            model.build(shape)
        return model
