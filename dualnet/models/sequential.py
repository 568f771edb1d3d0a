"""Sequential: layers one after the other."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from .. import tree
from ..core.symbolic import KerasTensor
from ..core.version import invalidate
from ..graph.graph import Graph
from ..graph.trial import trial
from ..layers.base.layer import Layer
from ..layers.core.dense import InputLayer
from ..serialization import sharing
from ..serialization.objects import deserialize_keras_object, serialize_keras_object
from .functional import match_inputs, with_last_axis
from .model import Model


class Sequential(Model):
    """A model whose layers are called one after the other.

    Args:
        layers: a list; the first entry may be ``Input(shape=...)``, or the first layer may be given ``input_shape=``:
            then the weights are made at once, otherwise when the first data comes.
    """

    _is_chain = True
    _independent_samples = True

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self._layers: list[Layer] = []
        self._append_all(layers or ())

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer, or an ``Input`` at the front."""
        layer = self._append(layer, {other.name for other in self._layers})
        if rebuild and self._graph is not None:
            self._train_state = None
            self._extend([layer])
        elif rebuild:
            self._maybe_rebuild()

    def _append_all(self, layers: Iterable[Any]) -> None:
        names: set[str] = set()
        for layer in layers:
            self._append(layer, names)
        self._maybe_rebuild()

    def _append(self, layer: Any, names: set[str]) -> Layer:
        """Append a layer whose name is not among ``names``, and add its name to them. Returns the layer."""
        if isinstance(layer, KerasTensor) and layer._keras_history is not None:
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            is_class, is_function = isinstance(layer, type), callable(layer)
            hint = ": make an instance, with ()" if is_class else ": wrap it in a layer" if is_function else ""
            raise ValueError(
                f"Only instances of Layer can be added to a Sequential, it expects layers, got {layer!r}{hint}"
            )
        if layer.name in names:
            raise ValueError(
                f"the layers of a Sequential should have unique names; there is a second {layer.name!r}: give it another "
                "with name="
            )
        if not self._layers and not isinstance(layer, InputLayer) and layer._batch_input_shape is not None:
            self._layers.append(InputLayer(batch_shape=layer._batch_input_shape))
        if isinstance(layer, InputLayer) and self._layers:
            if isinstance(self._layers[0], InputLayer):
                raise ValueError(
                    f"model {self.name!r} has already been configured for inputs of shape {self._layers[0].batch_shape}: "
                    "there can be no second Input"
                )
            raise ValueError("an Input can only be the first layer of a Sequential")
        self._layers.append(layer)
        names.update(other.name for other in self._layers[-2:])  # with an InputLayer that came before the first layer
        invalidate()
        return layer

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it."""
        if not self.layers:
            raise ValueError("there is no layer to take away")
        layer = self._layers.pop()
        invalidate()
        self._graph = None
        self.built = False
        self._train_state = None
        if rebuild:
            self._maybe_rebuild()
        return layer

    def _maybe_rebuild(self) -> None:
        self.built = False
        self._train_state = None
        first = self._layers[0] if self._layers else None
        if isinstance(first, InputLayer) and len(self._layers) > 1:
            self.build(first.batch_shape)
        elif isinstance(first, Model) and first.built and first._build_shape is not None:
            self.build(first._build_shape)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("`Sequential.layers` attribute is reserved. Use `add()` and `pop()` to change the layers")

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers for inputs of a shape, the batch first.

        Lists and dictionaries of inputs have no graph: the layers are built as they are called.
        """
        if input_shape is None:
            raise ValueError(f"model {self.name!r}: build needs the shape of the input, such as (None, 784)")
        for layer in self.layers:
            _check_call(layer)
        if not _is_shape(input_shape):
            self._build_shape = input_shape
            return
        shape = tuple(input_shape)
        first = self._layers[0] if self._layers else None
        if isinstance(first, InputLayer):
            known = first.batch_shape
            if len(known) != len(shape) or any(a != b for a, b in zip(known, shape) if None not in (a, b)):
                raise ValueError(
                    f"model {self.name!r} has already been configured for inputs of shape {known}, it cannot be built "
                    f"for {shape}"
                )
        else:
            first = InputLayer(batch_shape=shape)
            if self._layers:
                self._layers.insert(0, first)
        self._build_shape = shape
        self._graph = Graph(first.output, first.output)
        try:
            self._extend(self.layers)
        except NotImplementedError:  # a layer that knows no shape but that of what it returns
            self._graph = None

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        layers = list(self._layers)
        try:  # data of one size says nothing about the next batch
            self.build(tree.map_structure(lambda x: (None, *x.shape[1:]), args[0]))
        except Exception as error:  # a layer may fit no batch but this one, or know no shape without data
            self._graph = None
            self._layers = layers
            if isinstance(args[0], KerasTensor):
                raise
            try:
                with trial():
                    self.call(args[0])
            except Exception:
                raise error from None
        if isinstance(args[0], (list, tuple)) and len(args[0]) == 1 and hasattr(args[0][0], "shape"):
            self._build_for_one(args[0])
        self.built = True

    def _build_for_one(self, inputs: Any) -> None:
        """Build for the one tensor in a list or tuple, unless the layers take it as it is."""
        try:
            with trial():
                self.call(inputs)
        except Exception:
            self.build((None, *inputs[0].shape[1:]))

    def _extend(self, layers: Sequence[Layer]) -> None:
        """Call more layers on the symbolic output of the model, which builds them."""
        assert self._graph is not None
        x = self._graph.outputs
        for layer in layers:
            x = layer(x)
        self._graph = Graph(self._graph.inputs, x)
        self._summary_output_shape = tree.map_structure(lambda y: y.shape, x)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not self._layers:
            raise ValueError(f"model {self.name!r} has no layers: add some with add(layer)")
        x = inputs
        if self._graph is not None and hasattr(x, "shape"):
            x = with_last_axis(x, self._graph.inputs.shape)
        elif self._graph is not None:  # the one input in a list, a tuple or a dictionary
            (x,) = match_inputs(self, self._graph, x)
        for layer in self._layers:
            x = layer(x, training=training)
        return x

    def _saved_children(self) -> list[tuple[str, Any]]:
        others = [child for child in super()._saved_children() if child[0] != "layers" and child[1] is not self._layers]
        return [("layers", self._layers), *others]

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self._dtype,
            "layers": serialize_keras_object(self._layers),
        }
        if self.built:
            config["build_input_shape"] = self._build_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        model = cls(name=config.get("name"), trainable=config.get("trainable", True), dtype=config.get("dtype"))
        with sharing.reading():
            layers = [deserialize_keras_object(layer, custom_objects) for layer in config.get("layers", [])]
        model._append_all(layers)
        shape = config.get("build_input_shape")
        if not model.built and shape:
            model.build(shape)
        return model


def _is_shape(shape: Any) -> bool:
    """Whether it is the shape of one tensor, and not a structure of shapes."""
    return isinstance(shape, (list, tuple)) and all(n is None or isinstance(n, int) for n in shape)


def _check_call(layer: Layer) -> None:
    """A layer of a Sequential is called with what the layer before it returned, and nothing else."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(layer.call).parameters.values())
    needed = [p.name for p in parameters if p.kind in positional and p.default is p.empty]
    if len(needed) > 1:
        raise ValueError(
            f"a layer of a Sequential can only have a single positional argument without a default, the input; "
            f"{type(layer).__name__} has {', '.join(needed)}"
        )
