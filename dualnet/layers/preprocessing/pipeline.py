"""Pipeline: layers one after the other, as one layer."""

from __future__ import annotations

from typing import Any, Self

from ... import tree
from ...serialization.objects import deserialize_keras_object, serialize_keras_object
from ..base.layer import Layer


class Pipeline(Layer):
    """Applies layers one after the other, such as those that augment images. A layer, not a model as a ``Sequential`` is.

    Called by itself, or in ``Dataset.map``, it trains, so that random layers are at work; inside a model it does what that does.
    """

    def __init__(self, layers: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self._pipeline_layers = layers
        self._build_at_init()

    @property
    def layers(self) -> Any:
        """The layers, in their order."""
        return self._pipeline_layers

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        for layer in self._pipeline_layers:
            signature = layer._signature
            arguments: dict[str, Any] = {"mask": mask} if signature.mask else {}
            if signature.training and training is not None:
                arguments["training"] = training
            inputs = layer(inputs, **arguments)
            mask = tree.map_structure(lambda x: getattr(x, "_keras_mask", None), inputs)
        return inputs

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(
                "`Pipeline` config must contain a `layers` key mapping to a list of serialized layers. Received config with "
                f"layers={layers}"
            )
        return cls(**{**config, "layers": [deserialize_keras_object(layer) for layer in layers]})

    def get_config(self) -> dict[str, Any]:
        return {"layers": serialize_keras_object(self._pipeline_layers), "name": self.name}
